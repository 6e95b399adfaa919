import { expect, test } from 'vitest';
import { contest, isNoisy, ratioOf, summarize } from './contest.ts';
import { median, quantile } from './statistics.ts';

test('quantiles lie between the sorted values', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(quantile([0, 10, 20, 30, 40], 0.25)).toBe(10);
  expect(quantile([7], 0.75)).toBe(7);
});

test('the ratio is taken round by round, so that a slow round of both sides changes nothing', () => {
  const ours = [
    [10, 10, 12],
    [100, 100, 120],
    [10, 10, 10],
  ];
  const theirs = [
    [15, 15, 18],
    [150, 150, 160],
    [20, 20, 20],
  ];
  expect(ratioOf(ours, theirs)).toEqual({ median: 1.5, quartiles: [1.5, 1.75], ofMinima: 1.5 });
});

test('times that spread over a tenth of their median are called noisy', () => {
  expect(
    isNoisy([
      summarize([
        [100, 101, 102],
        [103, 104],
      ]),
    ]),
  ).toBe(false);
  expect(
    isNoisy([
      summarize([
        [100, 101, 102],
        [103, 104],
      ]),
      summarize([
        [100, 120],
        [140, 160],
      ]),
    ]),
  ).toBe(true);
});

test('every side begins a round in turn and runs alone', async () => {
  const log: string[] = [];
  const side = (name: string) => async (repeat: number) => {
    log.push(name);
    return Array.from({ length: repeat }, () => 1);
  };
  const blocks = await contest({ a: side('a'), b: side('b') }, { rounds: 2, repeat: 3 });
  // The first a and b size the buffers.
  expect(log.join('')).toBe('ababba');
  expect(blocks['a']).toEqual([
    [1, 1, 1],
    [1, 1, 1],
  ]);
});
