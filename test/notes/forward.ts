/** The forward process. */
import { expect } from 'vitest';
import { float32 } from '../../src/core/index.ts';
import { gaussianDenoiser, qMoments, qSample, qStep, stepVariance, type Schedule } from '../../src/diffusion/index.ts';
import { bitsPerDimension } from '../../src/eval/index.ts';
import { coarse, density, integrated, linear, moments, normals, row, same, steps, type Checks } from './checks.ts';

/** x_t from x_{t−1} and z, by the code. */
function stepped(schedule: Schedule, t: number, x: number, z: number): number {
  return qStep(schedule, row(x), [t], row(z)).data[0]!;
}

/** x_{t+1} from x_{t−1}, z_t and z_{t+1}. */
function twice(schedule: Schedule, t: number, x: number, z1: number, z2: number): number {
  return stepped(schedule, t + 1, stepped(schedule, t, x, z1), z2);
}

/** Pairs of steps: α_{t−1}, α_t in the notes' time. */
const pairs = [
  ...[0, 4, 8].map((t) => ({ schedule: coarse, t })),
  ...[0, 400, 998].map((t) => ({ schedule: linear, t })),
].map(({ schedule, t }) => ({ schedule, t, before: 1 - schedule.betas[t]!, alpha: 1 - schedule.betas[t + 1]! }));

/** The normal distribution function at −1, 0 and 1. */
const quantiles = [
  [-1, 0.15865525],
  [0, 0.5],
  [1, 0.84134475],
] as const;

export const forward: Checks = {
  step() {
    const count = 40_000;
    const z = float32([1, count], normals(count, 'step'));
    for (const { schedule, t, beta } of steps) {
      const x = qStep(schedule, float32([1, count], new Float32Array(count).fill(0.8)), [t], z);
      const { mean, variance } = moments(x.data);
      same(mean, Math.sqrt(1 - beta) * 0.8, 4 * Math.sqrt(beta / count));
      expect(Math.abs(variance / beta - 1)).toBeLessThan(4 * Math.sqrt(2 / count));
    }
  },
  'step-sample'() {
    for (const { schedule, t, alpha } of steps)
      same(stepped(schedule, t, 0.8, -1.3), Math.sqrt(alpha) * 0.8 - Math.sqrt(1 - alpha) * 1.3);
  },
  'variance-kept'() {
    for (const { schedule, t } of steps) same(stepped(schedule, t, 1, 0) ** 2 + stepped(schedule, t, 0, 1) ** 2, 1);
  },
  'two-steps'() {
    for (const { schedule, t, before, alpha } of pairs)
      same(
        twice(schedule, t, 0.8, -1.3, 0.4),
        Math.sqrt(alpha) * (Math.sqrt(before) * 0.8 + Math.sqrt(1 - before) * -1.3) + Math.sqrt(1 - alpha) * 0.4,
      );
  },
  'two-steps-expanded'() {
    for (const { schedule, t, before, alpha } of pairs) {
      same(twice(schedule, t, 1, 0, 0), Math.sqrt(alpha * before));
      same(twice(schedule, t, 0, 1, 0), Math.sqrt(alpha * (1 - before)));
      same(twice(schedule, t, 0, 0, 1), Math.sqrt(1 - alpha));
    }
  },
  characteristic() {
    const [a, b, u, count] = [0.6, 1.1, 0.9, 100_000];
    const [z1, z2] = [normals(count, 'first'), normals(count, 'second')];
    // The imaginary parts vanish, because normals are symmetric.
    const expectation = (f: (i: number) => number) => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += Math.cos(u * f(i));
      return sum / count;
    };
    const chance = 4 / Math.sqrt(2 * count);
    const together = expectation((i) => a * z1[i]! + b * z2[i]!);
    const apart = expectation((i) => a * z1[i]!) * expectation((i) => b * z2[i]!);
    same(together, apart, chance);
    same(apart, Math.exp((-(a ** 2) * u ** 2) / 2) * Math.exp((-(b ** 2) * u ** 2) / 2), chance);
    same(together, Math.exp((-(a ** 2 + b ** 2) * u ** 2) / 2), chance);
  },
  'sum-of-gaussians'() {
    const count = 100_000;
    const [z1, z2] = [normals(count, 'first'), normals(count, 'second')];
    // Two steps from 0 are a sum of two Gaussians.
    const [a, b] = [twice(coarse, 4, 0, 1, 0), twice(coarse, 4, 0, 0, 1)];
    const scaled = z1.map((z, i) => (a * z + b * z2[i]!) / Math.hypot(a, b));
    for (const [k, probability] of quantiles)
      same(scaled.filter((z) => z < k).length / count, probability, 2 / Math.sqrt(count));
  },
  'merged-variance'() {
    for (const { schedule, t, before, alpha } of pairs) {
      same(stepVariance(schedule, t + 1, t - 1), alpha * (1 - before) + (1 - alpha), 1e-12);
      same(stepVariance(schedule, t + 1, t - 1), 1 - alpha * before, 1e-12);
    }
  },
  'two-steps-merged'() {
    for (const { schedule, t, before, alpha } of pairs) {
      same(schedule.alpha(t + 1) / schedule.alpha(t - 1), Math.sqrt(alpha * before), 1e-12);
      const noise = Math.hypot(twice(schedule, t, 0, 1, 0), twice(schedule, t, 0, 0, 1));
      same(noise, Math.sqrt(1 - alpha * before));
    }
  },
  'alpha-bar'() {
    for (const schedule of [coarse, linear]) {
      let product = 1;
      same(schedule.alphaBar(-1), 1, 0);
      for (const [t, beta] of schedule.betas.entries()) same(schedule.alphaBar(t), (product *= 1 - beta), 1e-14);
    }
  },
  induction() {
    for (const { schedule, t, alpha, bar, barBefore } of steps) {
      same(alpha * (1 - barBefore) + (1 - alpha), 1 - bar, 1e-12);
      same(stepVariance(schedule, t, -1), 1 - bar, 1e-12);
    }
  },
  'closed-form'() {
    // Mean and variance carried through every step by the code's own step.
    let [mean, variance] = [0.8, 0];
    for (let t = 0; t < coarse.T; t++) {
      mean = stepped(coarse, t, mean, 0);
      variance = stepped(coarse, t, 1, 0) ** 2 * variance + stepped(coarse, t, 0, 1) ** 2;
      const closed = qMoments(coarse, row(0.8), [t]);
      same(closed.mean.data[0]!, mean);
      same(closed.variance[0]!, variance);
      same(mean, Math.sqrt(coarse.alphaBar(t)) * 0.8);
      same(variance, 1 - coarse.alphaBar(t));
    }
  },
  'closed-form-sample'() {
    for (const { schedule, t, bar } of steps)
      same(qSample(schedule, row(0.8), [t], row(-1.3)).data[0]!, Math.sqrt(bar) * 0.8 + Math.sqrt(1 - bar) * -1.3);
  },
  async 'prior-limit'() {
    const images = float32([2, 1, 2, 2], new Float32Array(8).fill(1));
    const { prior } = await bitsPerDimension(gaussianDenoiser(linear, { mean: 0, std: 1 }), [{ images, count: 2 }], {
      schedule: linear,
      varianceType: 'fixed_small',
      seed: 0,
      times: 1,
    });
    const bar = linear.alphaBar(999);
    same(prior / ((0.5 * (bar - bar - Math.log(1 - bar))) / Math.LN2), 1, 1e-9);
    expect(prior).toBeCloseTo(0.00003, 5);
    expect(bar).toBeCloseTo(4e-5, 6);
    // The same divergence as an integral, at another x_0: x_0² = 1 leaves the logarithm alone.
    const [half, x0] = [coarse.alphaBar(4), 0.3];
    const log = (x: number) =>
      -0.5 * Math.log(1 - half) - (x - Math.sqrt(half) * x0) ** 2 / (2 * (1 - half)) + x ** 2 / 2;
    same(
      integrated((x) => density(x, Math.sqrt(half) * x0, 1 - half) * log(x)).mass,
      0.5 * (half * x0 ** 2 - half - Math.log(1 - half)),
    );
  },
};
