import { expect, test } from 'vitest';
import { networkProcess, schedulerConfig } from '../../diffusion/index.ts';
import { lossByNoise, noiseLevelName, NoiseMeans } from './noise-levels.ts';

const steps = (T: number) => ({ from: 0, to: T, label: 't' });

test('the levels are equal ranges of t, the first and the last time among them', () => {
  const samples = [
    { t: 0, loss: 1 },
    { t: 99, loss: 2 },
    { t: 100, loss: 4 },
    { t: 999, loss: 0.123456 },
  ];
  expect(lossByNoise(samples, steps(1000))).toEqual([1.5, 4, null, null, null, null, null, null, null, 0.1235]);
});

test('a schedule of fewer times than levels leaves levels empty', () => {
  expect(
    lossByNoise(
      [0, 1, 2].map((t) => ({ t, loss: t })),
      steps(3),
    ),
  ).toEqual([0, null, null, 1, null, null, 2, null, null, null]);
});

test('several steps are averaged over those that had a sample there', () => {
  const means = new NoiseMeans();
  for (const losses of [
    [1, 2],
    [3, null],
    [5, 4],
  ])
    means.add([...losses, ...new Array<null>(8).fill(null)]);
  expect(means.means()).toEqual([3, 3, ...new Array<null>(8).fill(null)]);
});

test('a level is called by its times', () => {
  expect([0, 9].map((level) => noiseLevelName(level, steps(1000)))).toEqual(['0-99', '900-999']);
  // 0 … 2, 3 … 4, 5 … 7, …: t is of level ⌊10 t / 25⌋.
  const names = Array.from({ length: 25 }, (_, t) =>
    noiseLevelName(Math.floor((t * 10) / 25), steps(25))
      .split('-')
      .map(Number),
  );
  expect(names.every(([from, to], t) => from! <= t && t <= to!)).toBe(true);
});

test('of continuous times the levels are ranges too, and what lies beyond belongs to the ends', () => {
  const edm = networkProcess(schedulerConfig({ process: 'edm' })).networkTimes;
  expect([0, 9].map((level) => noiseLevelName(level, edm))).toEqual(['-1.55..-1.29', '0.83..1.10']);
  const samples = [1e-5, 0.002, 0.0057, 1, 80].map((sigma, i) => ({ t: Math.log(sigma) / 4, loss: i }));
  expect(lossByNoise(samples, edm)).toEqual([1, null, null, null, null, 3, null, null, null, 4]);
});
