import { expect, test } from 'vitest';
import { labelProbabilities } from './label-probabilities.ts';

test('the odds of two labels are the exponential of their scaled difference', () => {
  const [first, second, third] = labelProbabilities([0.3, 0.1, -0.4], 5) as [number, number, number];
  expect(first / second).toBeCloseTo(Math.exp(5 * 0.2), 10);
  expect(second / third).toBeCloseTo(Math.exp(5 * 0.5), 10);
  expect(first + second + third).toBeCloseTo(1, 12);
});

test('large scales give all to the nearest', () => {
  expect(labelProbabilities([0.9, 0.1], 10_000)).toEqual([1, 0]);
});
