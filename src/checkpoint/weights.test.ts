import { describe, expect, test } from 'vitest';
import { float32, type Shape } from '../core/index.ts';
import { floatsToHalf } from '../formats/half.ts';
import { checksum } from './checksum.ts';
import { checkWeights, narrow, widen } from './weights.ts';

const expected = new Map<string, Shape>([
  ['conv_in.weight', [128, 3, 3, 3]],
  ['conv_in.bias', [128]],
]);
const check = (tensors: Record<string, Shape>) => () =>
  checkWeights(
    expected,
    new Map(Object.entries(tensors).map(([name, shape]) => [name, { shape }])),
    'checkpoint runs/a/unet',
  );

describe('weights', () => {
  test('that are those expected pass, in any order', () => {
    expect(check({ 'conv_in.bias': [128], 'conv_in.weight': [128, 3, 3, 3] })).not.toThrow();
  });

  test.each<[string, Record<string, Shape>, string]>([
    [
      'another shape',
      { 'conv_in.weight': [64, 3, 3, 3], 'conv_in.bias': [128] },
      'checkpoint runs/a/unet: tensor "conv_in.weight" is [64, 3, 3, 3], expected [128, 3, 3, 3]',
    ],
    [
      'several',
      { 'conv_in.weight': [64, 3, 3, 3], 'conv_in.bias': [64] },
      'expected [128, 3, 3, 3] (and 1 more of another shape)',
    ],
    [
      'a missing one',
      { 'conv_in.weight': [128, 3, 3, 3] },
      'checkpoint runs/a/unet: missing tensor "conv_in.bias" [128]',
    ],
    [
      'unexpected ones',
      { 'conv_in.weight': [128, 3, 3, 3], 'conv_in.bias': [128], a: [], b: [], c: [], d: [], e: [] },
      'unexpected tensors "a" [], "b" [], "c" [] and 2 more',
    ],
    [
      'a renamed one',
      { 'conv_in.weight': [128, 3, 3, 3], 'conv_in.b': [128] },
      'missing tensor "conv_in.bias" [128]; unexpected tensor "conv_in.b" [128]',
    ],
  ])('are reported by name: %s', (_, tensors, message) => {
    expect(check(tensors)).toThrow(message);
  });

  test('too large for float16 are refused, infinities are kept', () => {
    expect(() => narrow(float32([2], [1, 70000]), 'w', 'checkpoint a')).toThrow(
      'checkpoint a: tensor "w" holds 70000, float16 ends at 65504; write it as f32',
    );
    expect(narrow(float32([1], [Infinity]), 'w', 'a').data[0]).toBe(0x7c00);
  });

  test('that are not finite are refused on reading, with the tensor and the place', () => {
    const at = (dtype: 'f32' | 'f16', values: readonly number[]) => ({
      dtype,
      shape: [2, 3],
      data: dtype === 'f32' ? Float32Array.from(values) : floatsToHalf(Float32Array.from(values)),
      place: 'at byte 1232',
    });
    expect(() => widen(at('f32', [1, 2, 3, 4, NaN, NaN]), 'w', 'checkpoint a')).toThrow(
      'checkpoint a: tensor "w" [2, 3] holds NaN at [1, 1] (at byte 1232); take an earlier checkpoint, or write the weights again',
    );
    expect(() => widen(at('f16', [1, 2, 70000, 4, 5, 6]), 'w', 'checkpoint a')).toThrow(
      'checkpoint a: tensor "w" [2, 3] holds Infinity at [0, 2] (at byte 1232); float16 ends at 65504: write the weights as float32 or bfloat16',
    );
  });

  test("may have a counter of whole numbers among them, as PyTorch's batch norm has", () => {
    const whole = (shape: Shape, ...values: number[]) =>
      ({ dtype: 'i64', shape, data: BigInt64Array.from(values, BigInt) }) as const;
    expect(widen(whole([], 3), 'num_batches_tracked', 'checkpoint a')).toEqual(float32([], [3]));
    expect(() => widen(whole([2], 1, 2), 'w', 'checkpoint a')).toThrow(
      'checkpoint a: tensor "w" [2] is of type i64, expected f32, f16 or bf16',
    );
  });

  test('have one checksum in any order, and another for any other name, shape or value', () => {
    const [a, b] = [float32([2], [1, 2]), float32([1], [3])];
    const sum = checksum(
      new Map([
        ['a', a],
        ['b', b],
      ]),
    );
    expect(
      checksum(
        new Map([
          ['b', b],
          ['a', a],
        ]),
      ),
    ).toBe(sum);
    expect(
      checksum(
        new Map([
          ['a', a],
          ['c', b],
        ]),
      ),
    ).not.toBe(sum);
    expect(
      checksum(
        new Map([
          ['a', { ...a, shape: [1, 2] }],
          ['b', b],
        ]),
      ),
    ).not.toBe(sum);
    expect(
      checksum(
        new Map([
          ['a', float32([2], [1, -2])],
          ['b', b],
        ]),
      ),
    ).not.toBe(sum);
  });
});
