import { expect, test } from 'vitest';
import { estimator } from './estimate.ts';

/** The lines that steps of a second each bring, by the step. */
const lines = (options: Parameters<typeof estimator>[0], upTo = options.steps, secondsOf = (_step: number) => 1) => {
  const estimate = estimator(options);
  const found: [number, string][] = [];
  let at = 5000;
  for (let step = options.from + 1; step <= upTo; step++) {
    at += 1000 * secondsOf(step);
    const line = estimate(step, at);
    if (line !== undefined) found.push([step, line]);
  }
  return found;
};

test('once, after three timed steps; the first, which prepares, does not count', () => {
  expect(lines({ from: 0, steps: 604, imagesPerStep: 32 }, 604, (step) => (step === 1 ? 60 : 2))).toEqual([
    [4, 'estimate: 600 steps to go take about 20 min 0 s (3 steps timed, 2.00 s each)'],
  ]);
});

test('from where a run goes on', () => {
  expect(lines({ from: 500, steps: 604, imagesPerStep: 32 })).toEqual([
    [504, 'estimate: 100 steps to go take about 1 min 40 s (3 steps timed, 1.00 s each)'],
  ]);
});

test("with the grids that are still to come, the last step's too", () => {
  // Ten grids of 36 images in 40 steps: 1,440 evaluations are 15 steps' worth of forward passes.
  const grids = { every: 100, evaluations: 1440 };
  expect(lines({ from: 0, steps: 1004, imagesPerStep: 32, grids })).toEqual([
    [
      4,
      'estimate: 1,000 steps to go take about 19 min 25 s (3 steps timed, 1.00 s each, 2 min 45 s of it for 11 sample grids)',
    ],
  ]);
});

test('not for runs that are over before it would help', () => {
  expect(lines({ from: 0, steps: 6, imagesPerStep: 32 })).toEqual([]);
});
