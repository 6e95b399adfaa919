import { describe, expect, test } from 'vitest';
import { float32 } from '../core/dtype.ts';
import { RandomStream } from '../core/random.ts';
import { posterior, posteriorMean, qMoments, qSample, qStep, reverseVariances, type FixedVariance } from './process.ts';
import { cosineSchedule, linearSchedule } from './beta-schedules.ts';

const linear = linearSchedule();

describe('forward process', () => {
  test('q(x_t | x_0) in one go has the moments of iterating q(x_t | x_{t-1})', () => {
    for (const schedule of [linear, cosineSchedule()]) {
      let mean = 1;
      let variance = 0;
      for (let t = 0; t < schedule.T; t++) {
        mean *= Math.sqrt(1 - schedule.betas[t]!);
        variance = (1 - schedule.betas[t]!) * variance + schedule.betas[t]!;
        const closed = qMoments(schedule, float32([1], [1]), [t]);
        expect(closed.mean.data[0]).toBe(Math.fround(schedule.alpha(t)));
        expect(Math.abs(schedule.alpha(t) / mean - 1)).toBeLessThan(1e-12);
        expect(Math.abs(closed.variance[0]! / variance - 1)).toBeLessThan(1e-11);
      }
    }
  });

  test('steps with noise reach the mean and variance of the closed form', () => {
    const n = 20_000;
    const t = 29;
    const schedule = linearSchedule({ T: 50 });
    const stream = new RandomStream(5, 'forward');
    const normals = () => float32([1, n], stream.fillNormal(new Float32Array(n)));
    let x = float32([1, n], new Float32Array(n).fill(1.5));
    for (let i = 0; i <= t; i++) x = qStep(schedule, x, [i], normals());
    const mean = x.data.reduce((sum, v) => sum + v, 0) / n;
    const variance = x.data.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n;
    const expected = 1 - schedule.alphaBar(t);
    // Four standard errors of a Gaussian's sample mean and variance.
    expect(Math.abs(mean - 1.5 * schedule.alpha(t))).toBeLessThan(4 * Math.sqrt(expected / n));
    expect(Math.abs(variance - expected)).toBeLessThan(4 * expected * Math.sqrt(2 / n));
  });

  test('each sample of a batch has its own time, and time -1 leaves it as it is', () => {
    const x0 = float32([3, 2], [1, -1, 0.5, 0.25, 0.75, -0.5]);
    const noise = float32([3, 2], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]);
    const x = qSample(linear, x0, [0, 999, -1], noise).data;
    expect(x[1]).toBe(Math.fround(-Math.sqrt(0.9999) + Math.fround(0.2) * linear.sigma(0)));
    expect(x[2]).toBeCloseTo(0.3, 2);
    expect([...x.subarray(4)]).toEqual([0.75, -0.5]);
  });

  test('a batch and times that do not fit are refused', () => {
    const x = float32([2, 3]);
    expect(() => qSample(linear, x, [1], x)).toThrow('qSample: 1 times for a batch of 2 samples (x is f32[2, 3])');
    expect(() => qSample(linear, x, [1, 2], float32([3, 2]))).toThrow(
      'qSample: the second array is f32[3, 2], expected f32[2, 3]',
    );
    expect(() => qStep(linear, x, [1, -1], x)).toThrow('qStep: time must be an integer in 0 … 999, got -1');
  });
});

describe('posterior', () => {
  // facts.md, appendix A: β̃, coefficient of x_0, coefficient of x_t.
  test.each([
    [1, 5.45318766e-5, 0.5452915, 0.454708499],
    [9, 0.000238182028, 0.147273717, 0.852726226],
    [99, 0.00203459626, 0.0190763453, 0.980896021],
    [249, 0.00503172087, 0.00771665718, 0.991880385],
    [499, 0.0100313554, 0.00307007111, 0.99410667],
    [749, 0.01501925, 0.000878966774, 0.992410698],
    [999, 0.0199999835, 0.000128351487, 0.989948678],
  ])('at %d of the linear schedule it is the golden one', (t, variance, x0, xt) => {
    const q = posterior(linear, t, t - 1);
    expect(Math.abs(q.variance / variance - 1)).toBeLessThan(5e-9);
    expect(Math.abs(q.x0 / x0 - 1)).toBeLessThan(5e-9);
    expect(Math.abs(q.xt / xt - 1)).toBeLessThan(5e-9);
  });

  test('at the last step it is exactly x_0', () => {
    for (const t of [0, 99, 999]) expect(posterior(linear, t, -1)).toEqual({ x0: 1, xt: 0, variance: 0 });
  });

  test.each([
    [1, 0],
    [999, 998],
    [700, 250],
    [999, 0],
  ])("from %d to %d it is what Bayes' rule gives", (t, s) => {
    // q(x_s|x_0) = N(√ᾱ_s x_0, 1−ᾱ_s) as prior, q(x_t|x_s) = N(√r x_s, 1−r), r = ᾱ_t/ᾱ_s as likelihood: precisions add.
    const r = linear.alphaBar(t) / linear.alphaBar(s);
    const precision = 1 / (1 - linear.alphaBar(s)) + r / (1 - r);
    const q = posterior(linear, t, s);
    expect(q.variance * precision).toBeCloseTo(1, 10);
    expect((q.x0 * precision * (1 - linear.alphaBar(s))) / linear.alpha(s)).toBeCloseTo(1, 10);
    expect((q.xt * precision * (1 - r)) / Math.sqrt(r)).toBeCloseTo(1, 10);
  });

  // facts.md, appendix A: σ(η = 1).
  test.each([
    [900, 800, 0.9053839],
    [500, 400, 0.7231963],
    [100, 0, 0.00999573],
  ])('from %d to %d its deviation is the golden one', (t, s, sigma) => {
    expect(Math.sqrt(posterior(linear, t, s).variance)).toBeCloseTo(sigma, 7);
  });

  test('its mean combines the two batches', () => {
    const q = posterior(linear, 500, 400);
    const mean = posteriorMean(linear, float32([1, 2], [1, -1]), float32([1, 2], [0.5, 2]), 500, 400).data;
    expect([...mean]).toEqual([Math.fround(q.x0 + 0.5 * q.xt), Math.fround(2 * q.xt - q.x0)]);
  });

  test('a step that does not go back in time is refused', () => {
    expect(() => posterior(linear, 4, 4)).toThrow('posterior: s must be before t, got t = 4 and s = 4');
  });
});

describe('reverse variances', () => {
  const every = Array.from({ length: 1000 }, (_, i) => 999 - i);

  test('fixed small is the posterior variance, with 0 at the last step', () => {
    const v = reverseVariances(linear, every, 'fixed_small');
    expect(v[999 - 499]).toBeCloseTo(0.0100313554, 10);
    expect(v[999]).toBe(0);
  });

  test('fixed large is beta, with the posterior variance of index 1 at index 0', () => {
    const v = reverseVariances(linear, every, 'fixed_large');
    for (const t of [1, 499, 999]) expect(Math.abs(v[999 - t]! / linear.betas[t]! - 1)).toBeLessThan(1e-11);
    expect(v[999]).toBe(posterior(linear, 1, 0).variance);
  });

  test('a list that skips times has the betas of the schedule it stands for', () => {
    const v = reverseVariances(linear, [800, 300, 5], 'fixed_large');
    expect(v[1]).toBeCloseTo(1 - linear.alphaBar(300) / linear.alphaBar(5), 15);
    expect(v[2]).toBe(posterior(linear, 300, 5).variance);
  });

  test('an unknown type is refused', () => {
    expect(() => reverseVariances(linear, [1], 'learned' as FixedVariance)).toThrow(
      'unknown variance type "learned"; one of fixed_small, fixed_large',
    );
  });
});
