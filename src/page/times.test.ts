import { expect, test } from 'vitest';
import { networkProcess, schedulerConfig } from '../diffusion/index.ts';
import { pageTimes } from './times.ts';

const timesOf = (config: Parameters<typeof schedulerConfig>[0]) => pageTimes(networkProcess(schedulerConfig(config)));

test('a process of steps counts from T to 0, and its images need no scaling', () => {
  const times = timesOf({ numTrainTimesteps: 100 });
  expect(times).toMatchObject({ mostSteps: 100, first: '100', symbol: 't' });
  expect([undefined, 99, 49, 0, -1].map((t) => times.label(t))).toEqual(['100', '100', '50', '1', '0']);
  expect([99, 50, 0].map((t) => times.scale(t))).toEqual([1, 1, 1]);
});

test('a flow counts from 1 to 0, in any number of steps', () => {
  const times = timesOf({ process: 'flow' });
  expect(times).toMatchObject({ mostSteps: 200, symbol: 't' });
  expect(times.label(undefined)).toBe(times.first);
  expect(times.label(0.42)).toBe('0.42');
  expect(times.label(0)).toBe('0');
  expect(times.scale(0.5)).toBeCloseTo(Math.SQRT2, 12);
});

test('EDM counts noise levels, whose images are scaled to be seen', () => {
  const times = timesOf({ process: 'edm' });
  expect(times).toMatchObject({ mostSteps: 200, symbol: 'σ', first: '80.0' });
  expect(times.label(1.234)).toBe('1.2');
  expect(times.scale(80)).toBeCloseTo(1 / Math.hypot(1, 80), 12);
});
