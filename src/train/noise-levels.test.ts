import { expect, test } from 'vitest';
import { lossByNoise, meanByNoise } from './noise-levels.ts';

test('the levels are equal ranges of t, the first and the last time among them', () => {
  const samples = [{ t: 0, loss: 1 }, { t: 99, loss: 2 }, { t: 100, loss: 4 }, { t: 999, loss: 0.123456 }];
  expect(lossByNoise(samples, 1000)).toEqual([1.5, 4, null, null, null, null, null, null, null, 0.1235]);
});

test('a schedule of fewer times than levels leaves levels empty', () => {
  expect(lossByNoise([0, 1, 2].map((t) => ({ t, loss: t })), 3)).toEqual([0, null, null, 1, null, null, 2, null, null, null]);
});

test('several steps are averaged over those that had a sample there', () => {
  const step = (...losses: (number | null)[]) => [...losses, ...new Array<null>(10 - losses.length).fill(null)];
  expect(meanByNoise([step(1, 2), step(3, null), step(5, 4)]).slice(0, 3)).toEqual([3, 3, null]);
  expect(meanByNoise([])).toEqual(new Array(10).fill(null));
});
