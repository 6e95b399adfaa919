/** The reverse process: the exact denoiser, and the posterior. */
import { expect } from 'vitest';
import { float32 } from '../../src/core/index.ts';
import {
  datasetDenoiser,
  fromOutput,
  posterior,
  posteriorMean,
  qSample,
  qStep,
  targetOf,
} from '../../src/diffusion/index.ts';
import {
  coarse,
  density,
  integrated,
  normals,
  row,
  same,
  slopeAt,
  stepAt,
  steps,
  type Checks,
  type Step,
} from './checks.ts';

/** A data set of three images of one value. */
const points = [-0.9, 0.1, 0.7] as const;
const dataset = datasetDenoiser(coarse, float32([3, 1], points));

const marginal = (t: number) => (x: number) =>
  points.reduce((sum, p) => sum + density(x, Math.sqrt(coarse.alphaBar(t)) * p, 1 - coarse.alphaBar(t)) / 3, 0);

const [x0, xt] = [0.7, 0.2];

/** The bracket of the exponent, and what it is collected to. */
function exponent({ alpha, beta, barBefore }: Step) {
  const A = alpha / beta + 1 / (1 - barBefore);
  const B = (Math.sqrt(alpha) / beta) * xt + (Math.sqrt(barBefore) / (1 - barBefore)) * x0;
  const bracket = (x: number) =>
    (xt - Math.sqrt(alpha) * x) ** 2 / beta + (x - Math.sqrt(barBefore) * x0) ** 2 / (1 - barBefore);
  return { A, B, bracket };
}

export const reverse: Checks = {
  async 'bayes-without-x0'() {
    for (const t of [1, 4, 8]) {
      const { alpha, beta } = stepAt(coarse, t);
      const { mass, mean } = integrated(
        (x) => (density(xt, Math.sqrt(alpha) * x, beta) * marginal(t - 1)(x)) / marginal(t)(xt),
      );
      same(mass, 1);
      // The mean of the posterior over what x_0 may have been.
      const estimate = (await dataset(row(xt), [t], {})).x0;
      same(mean, posteriorMean(coarse, estimate, row(xt), t, t - 1).data[0]!);
    }
  },
  'marginal-mixture'() {
    const count = 60_000;
    const noise = float32([count, 1], normals(count, 'marginal'));
    const images = float32(
      [count, 1],
      Float32Array.from({ length: count }, (_, i) => points[i % 3]!),
    );
    for (const t of [1, 4, 8]) {
      const samples = qSample(coarse, images, Array<number>(count).fill(t), noise).data;
      const below = samples.filter((x) => x < 0.2).length / count;
      same(below, integrated((x) => (x < 0.2 ? marginal(t)(x) : 0)).mass, 2.5 / Math.sqrt(count));
    }
  },
  async 'exact-denoiser'() {
    const images = [
      [-0.9, 0.3],
      [0.1, 0.8],
      [0.7, -0.2],
    ] as const;
    const denoise = datasetDenoiser(coarse, float32([3, 2], images.flat()));
    for (const t of [0, 4, 8]) {
      const bar = coarse.alphaBar(t);
      const weights = images.map(([a, b]) =>
        Math.exp(-((0.2 - Math.sqrt(bar) * a) ** 2 + (-0.4 - Math.sqrt(bar) * b) ** 2) / (2 * (1 - bar))),
      );
      const total = weights.reduce((sum, w) => sum + w, 0);
      const { x0: estimate } = await denoise(row(0.2, -0.4), [t], {});
      for (const d of [0, 1] as const)
        same(
          estimate.data[d]!,
          images.reduce((sum, image, i) => sum + (weights[i]! / total) * image[d], 0),
        );
    }
  },
  async score() {
    for (const t of [1, 4, 8]) {
      const { eps } = await dataset(row(xt), [t], {});
      same(
        slopeAt((x) => Math.log(marginal(t)(x)), float32([1], [xt]).data[0]!),
        -eps.data[0]! / coarse.sigma(t),
        1e-5,
      );
    }
  },
  bayes() {
    for (const t of [1, 4, 8]) {
      const { alpha, beta, bar, barBefore } = stepAt(coarse, t);
      const { mass, mean, variance } = integrated(
        (x) =>
          (density(xt, Math.sqrt(alpha) * x, beta) * density(x, Math.sqrt(barBefore) * x0, 1 - barBefore)) /
          density(xt, Math.sqrt(bar) * x0, 1 - bar),
      );
      const c = posterior(coarse, t, t - 1);
      same(mass, 1);
      same(mean, c.x0 * x0 + c.xt * xt);
      same(variance, c.variance);
    }
  },
  markov() {
    // What a step adds has nothing to do with x_0: no correlation is left once x_{t−1} is taken out.
    const count = 40_000;
    const [t, shape] = [4, [1, count]];
    const images = float32(shape, normals(count, 'images'));
    const before = qSample(coarse, images, [t - 1], float32(shape, normals(count, 'before')));
    const after = qStep(coarse, before, [t], float32(shape, normals(count, 'after')));
    let correlation = 0;
    for (let i = 0; i < count; i++)
      correlation += (after.data[i]! - Math.sqrt(1 - coarse.betas[t]!) * before.data[i]!) * images.data[i]!;
    expect(Math.abs(correlation / count / Math.sqrt(coarse.betas[t]!))).toBeLessThan(4 / Math.sqrt(count));
  },
  exponent() {
    for (const step of steps) {
      const { bracket } = exponent(step);
      const c = posterior(step.schedule, step.t, step.t - 1);
      const mean = c.x0 * x0 + c.xt * xt;
      // Minus two times the logarithm of a Gaussian, up to a constant.
      for (const x of [-1, 0.3, 2]) same((bracket(x) - bracket(0)) * c.variance, (x - mean) ** 2 - mean ** 2, 1e-8);
    }
  },
  collected() {
    for (const step of steps) {
      const { A, B, bracket } = exponent(step);
      for (const x of [-1, 0.3, 2]) same((A * x ** 2 - 2 * B * x + bracket(0)) / bracket(x), 1, 1e-9);
      same(A * posterior(step.schedule, step.t, step.t - 1).variance, 1, 1e-9);
    }
  },
  'complete-square'() {
    for (const step of steps) {
      const { A, B } = exponent(step);
      const c = posterior(step.schedule, step.t, step.t - 1);
      same(B / A, c.x0 * x0 + c.xt * xt, 1e-9);
      for (const x of [-1, 0.3, 2]) same((A * x ** 2 - 2 * B * x) / A, (x - B / A) ** 2 - (B / A) ** 2, 1e-9);
    }
  },
  precision() {
    for (const { schedule, t, alpha, beta, bar, barBefore } of steps) {
      const { variance } = posterior(schedule, t, t - 1);
      same(variance * ((alpha * (1 - barBefore) + beta) / (beta * (1 - barBefore))), 1, 1e-9);
      same(variance * ((1 - bar) / (beta * (1 - barBefore))), 1, 1e-9);
    }
  },
  'posterior-variance'() {
    for (const { schedule, t, beta, bar, barBefore } of steps)
      same(posterior(schedule, t, t - 1).variance / (((1 - barBefore) / (1 - bar)) * beta), 1, 1e-9);
  },
  'posterior-mean'() {
    for (const { schedule, t, alpha, beta, bar, barBefore } of steps)
      same(
        posteriorMean(schedule, row(x0), row(xt), t, t - 1).data[0]!,
        ((Math.sqrt(barBefore) * beta) / (1 - bar)) * x0 + ((Math.sqrt(alpha) * (1 - barBefore)) / (1 - bar)) * xt,
      );
  },
  'x0-from-eps'() {
    for (const { schedule, t, bar } of steps) {
      const eps = -1.3;
      const x = qSample(schedule, row(x0), [t], row(eps)).data[0]!;
      const { x0: factors } = fromOutput(targetOf.epsilon(0, 0), schedule.alpha(t), schedule.sigma(t));
      const solved = (x - Math.sqrt(1 - bar) * eps) / Math.sqrt(bar);
      same(factors[0] * x + factors[1] * eps, solved, 1e-9);
      // Rounding of x_t is divided by √ᾱ_t too.
      same(solved, x0, 1e-7 / Math.sqrt(bar));
    }
  },
  'xt-coefficient'() {
    for (const { schedule, t, alpha, beta, bar, barBefore } of steps) {
      const c = posterior(schedule, t, t - 1);
      const middle = (beta + alpha - bar) / ((1 - bar) * Math.sqrt(alpha));
      same(beta / ((1 - bar) * Math.sqrt(alpha)) + (Math.sqrt(alpha) * (1 - barBefore)) / (1 - bar), middle, 1e-9);
      same(middle * Math.sqrt(alpha), 1, 1e-9);
      same((c.xt + c.x0 / Math.sqrt(bar)) * Math.sqrt(alpha), 1, 1e-9);
    }
  },
  'eps-coefficient'() {
    for (const { schedule, t, alpha, beta, bar } of steps) {
      const right = (-1 / Math.sqrt(alpha)) * (beta / Math.sqrt(1 - bar));
      same((-beta / ((1 - bar) * Math.sqrt(alpha))) * Math.sqrt(1 - bar), right, 1e-9);
      same((posterior(schedule, t, t - 1).x0 * -schedule.sigma(t)) / schedule.alpha(t), right, 1e-9);
    }
  },
  'posterior-mean-eps'() {
    for (const { schedule, t, alpha, beta, bar } of steps) {
      const eps = -1.3;
      const x = qSample(schedule, row(x0), [t], row(eps));
      same(
        posteriorMean(schedule, row(x0), x, t, t - 1).data[0]!,
        (x.data[0]! - (beta / Math.sqrt(1 - bar)) * eps) / Math.sqrt(alpha),
        1e-6 / Math.sqrt(alpha),
      );
    }
  },
};
