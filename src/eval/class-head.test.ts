import { expect, test } from 'vitest';
import { float32 } from '../core/index.ts';
import { Agreement, classHead } from './class-head.ts';

const head = classHead(
  ['left', 'right', 'up'],
  float32([3, 2], Float32Array.of(1, 0, 0, 1, 0.5, 0.5)),
  float32([3], Float32Array.of(0, 0, 0.25)),
);

test('the class of a vector is that of the largest score', () => {
  // Scores: (2, 0, 1.25), (0, 3, 1.75), (0.1, 0.1, 0.35).
  expect([...head.predict(float32([3, 2], Float32Array.of(2, 0, 0, 3, 0.1, 0.1)))]).toEqual([0, 1, 2]);
});

test('agreement is a share of the images that should show something', () => {
  const agreement = new Agreement(head);
  expect(agreement.share).toBeUndefined();
  agreement.add(float32([4, 2], Float32Array.of(2, 0, 0, 3, 0.1, 0.1, 2, 0)), (row) => [0, 1, 0, -1][row]!);
  expect(agreement.share).toBeCloseTo(2 / 3, 12);
});
