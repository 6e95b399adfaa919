import { describe, expect, test } from 'vitest';
import { float32 } from '../core/index.ts';
import { classConditions } from '../diffusion/index.ts';
import { interpolateConditions } from './interpolate-conditions.ts';

describe('conditions between two texts', () => {
  const ends = {
    encoder_hidden_states: float32([2, 2, 1], [1, 2, 3, 0]),
    encoder_attention_mask: float32([2, 2], [1, 1, 1, 0]),
    text_embeds: float32([2, 2], [1, 0, 0, 1]),
    style: float32([2, 2], [1, 0, 1, 0]),
  };

  test('are the ends at the ends, and the pooled embedding keeps its length between them', () => {
    const way = interpolateConditions(ends, 3);
    expect([...way['encoder_hidden_states']!.data]).toEqual([1, 2, 2, 1, 3, 0]);
    expect([...way['encoder_attention_mask']!.data]).toEqual([1, 1, 1, 1, 1, 1]);
    expect([...way['style']!.data]).toEqual([1, 0, 1, 0, 1, 0]);
    const pooled = [...way['text_embeds']!.data] as number[];
    expect([...pooled.slice(0, 2), ...pooled.slice(4)]).toEqual([1, 0, 0, 1]);
    expect(pooled[2]).toBeCloseTo(Math.SQRT1_2, 6);
    expect(pooled[3]).toBeCloseTo(Math.SQRT1_2, 6);
  });

  test('meet once where two stretches meet', () => {
    const three = { x: float32([3, 1], [0, 2, 10]) };
    expect([...interpolateConditions(three, 3)['x']!.data]).toEqual([0, 1, 2, 6, 10]);
  });

  test('are refused where nothing lies between', () => {
    expect(() => interpolateConditions(classConditions([1, 2]), 3)).toThrow('class_labels is i64');
    expect(() => interpolateConditions({ x: float32([1, 1], [0]) }, 3)).toThrow('two ends or more, got 1');
    expect(() => interpolateConditions({ x: float32([2, 1], [0, 1]) }, 1)).toThrow('frames is an integer of 2 or more');
  });
});
