import { describe, expect, test } from 'vitest';
import { float32 } from '../../core/dtype.ts';
import { RandomStream } from '../../core/random.ts';
import { gaussianDenoiser, type GaussianData } from '../exact/gaussian.ts';
import { posterior, reverseVariances, type FixedVariance } from '../process.ts';
import { drainSampler, initialNoise } from '../samplers.ts';
import { cosineSchedule, linearSchedule } from '../beta-schedules.ts';
import type { Schedule } from '../schedule.ts';
import { timesteps, transitions } from '../timesteps.ts';
import { ddim } from './ddim.ts';
import { ddpm } from './ddpm.ts';

const data: GaussianData = { mean: 0.3, std: 0.5 };

interface Law {
  mean: number;
  variance: number;
}

/**
 * The law of the final sample, when x_T ~ `start` and every step is x_s = a x_t + b + N(0, noise²):
 * on Gaussian data with the exact denoiser each sampler is of this kind.
 */
function propagate(start: Law, steps: { a: number; b: number; noise: number }[]): Law {
  return steps.reduce(
    ({ mean, variance }, { a, b, noise }) => ({ mean: a * mean + b, variance: a * a * variance + noise * noise }),
    start,
  );
}

/** ε̂ = slope · (x_t − α μ), from E[ε | x_t] of the Gaussian. */
const slope = (schedule: Schedule, t: number) =>
  schedule.sigma(t) / (schedule.alphaBar(t) * data.std ** 2 + schedule.sigma(t) ** 2);

/** DDPM's steps in the paper's own form, x_s = (x_t − β/√(1 − ᾱ_t) ε̂)/√(ᾱ_t/ᾱ_s) + √v z, which our code does not use. */
function ddpmSteps(schedule: Schedule, times: readonly number[], type: FixedVariance) {
  const variances = reverseVariances(schedule, times, type);
  return transitions(times, schedule).map(({ t, s }, i) => {
    const ratio = schedule.alphaBar(t) / schedule.alphaBar(s);
    const c = ((1 - ratio) / schedule.sigma(t)) * slope(schedule, t);
    return {
      a: (1 - c) / Math.sqrt(ratio),
      b: (c * schedule.alpha(t) * data.mean) / Math.sqrt(ratio),
      noise: s === -1 ? 0 : Math.sqrt(variances[i]!),
    };
  });
}

/** DDIM's steps in the coordinates of the ODE, x_s/α_s = x_t/α_t + (√(1−ᾱ_s−c²)/α_s − σ_t/α_t) ε̂ + (c/α_s) z. */
function ddimSteps(schedule: Schedule, times: readonly number[], eta: number) {
  return transitions(times, schedule).map(({ t, s }) => {
    const noise = eta * Math.sqrt(posterior(schedule, t, s).variance);
    const ratio = schedule.alpha(s) / schedule.alpha(t);
    const c = Math.sqrt(1 - schedule.alphaBar(s) - noise ** 2) - ratio * schedule.sigma(t);
    const k = c * slope(schedule, t);
    return { a: ratio + k, b: -k * schedule.alpha(t) * data.mean, noise };
  });
}

/** The exact end of the probability-flow ODE from x at time t: (x/α − μ) shrinks as √(s² + (σ/α)²). */
function odeSolution(schedule: Schedule, t: number, x: number): number {
  const level = schedule.sigma(t) / schedule.alpha(t);
  return data.mean + ((x / schedule.alpha(t) - data.mean) * data.std) / Math.sqrt(data.std ** 2 + level ** 2);
}

const normal: Law = { mean: 0, variance: 1 };
const schedules = [
  ['linear', linearSchedule()],
  ['cosine', cosineSchedule()],
] as const;

async function momentsOf(
  sampler: 'ddpm' | 'ddim',
  schedule: Schedule,
  times: readonly number[],
  options: { eta?: number; varianceType?: FixedVariance },
): Promise<Law & { n: number }> {
  const streams = Array.from({ length: 4 }, (_, i) => new RandomStream(11, 'sample', i));
  const xT = initialNoise([4, 1000], streams);
  const run = sampler === 'ddpm' ? ddpm : ddim;
  const { data: x } = await drainSampler(
    run(gaussianDenoiser(schedule, data), xT, { schedule, timesteps: times, streams, ...options }),
  );
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  return { n: x.length, mean, variance: x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length };
}

describe.each(schedules)('samplers on Gaussian data, %s schedule', (_, schedule) => {
  test.each([
    ['ddpm', 20, { varianceType: 'fixed_small' }],
    ['ddpm', 20, { varianceType: 'fixed_large' }],
    ['ddpm', 200, { varianceType: 'fixed_small' }],
    ['ddim', 20, { eta: 0 }],
    ['ddim', 20, { eta: 0.5 }],
    ['ddim', 50, { eta: 1 }],
  ] as const)('%s of %d steps with %j has the mean and variance of theory', async (sampler, N, options) => {
    const times = timesteps(schedule.T, N);
    const law = propagate(
      normal,
      sampler === 'ddpm' ? ddpmSteps(schedule, times, options.varianceType) : ddimSteps(schedule, times, options.eta),
    );
    const sampled = await momentsOf(sampler, schedule, times, options);
    // Four standard errors of a Gaussian's sample mean and variance.
    expect(Math.abs(sampled.mean - law.mean)).toBeLessThan(4 * Math.sqrt(law.variance / sampled.n));
    expect(Math.abs(sampled.variance / law.variance - 1)).toBeLessThan(4 * Math.sqrt(2 / sampled.n));
  });

  test('ddim without noise follows the affine recursion value for value', async () => {
    const times = timesteps(schedule.T, 25);
    const xT = float32([1, 5], [-2, -0.5, 0, 0.7, 3]);
    const end = await drainSampler(
      ddim(gaussianDenoiser(schedule, data), xT, {
        schedule,
        timesteps: times,
        streams: [new RandomStream(0, 'sample')],
      }),
    );
    end.data.forEach((x, i) => {
      const law = propagate({ mean: xT.data[i]!, variance: 0 }, ddimSteps(schedule, times, 0));
      // 25 roundings to float32 of values of order 1.
      expect(Math.abs(x - law.mean)).toBeLessThan(5e-6);
    });
  });

  test.each([
    ['ddpm, fixed small', (times: readonly number[]) => ddpmSteps(schedule, times, 'fixed_small')],
    ['ddpm, fixed large', (times: readonly number[]) => ddpmSteps(schedule, times, 'fixed_large')],
    ['ddim, eta 0', (times: readonly number[]) => ddimSteps(schedule, times, 0)],
    ['ddim, eta 1', (times: readonly number[]) => ddimSteps(schedule, times, 1)],
  ])('the law of %s tends to that of the data, at first order in the steps', (_name, stepsOf) => {
    const errors = [125, 250, 500, 1000].map((N) => {
      const law = propagate(normal, stepsOf(timesteps(schedule.T, N)));
      // With the exact denoiser every step carries the mean α_t μ to α_s μ; only x_T, of mean 0 and not α_T μ, is off.
      expect(Math.abs(law.mean - data.mean)).toBeLessThan(schedule.alpha(schedule.T - 1) * data.mean);
      return Math.abs(law.variance - data.std ** 2);
    });
    for (let i = 1; i < errors.length; i++) {
      expect(errors[i - 1]! / errors[i]!).toBeGreaterThan(1.75);
      expect(errors[i - 1]! / errors[i]!).toBeLessThan(2.25);
    }
    expect(errors.at(-1)!).toBeLessThan(0.005);
  });
});

describe('order of convergence', () => {
  test.each([
    ['linear', linearSchedule({ T: 8192 })],
    ['cosine', cosineSchedule({ T: 8192 })],
  ])('ddim on the %s schedule is of first order', async (_, schedule) => {
    const errors: number[] = [];
    for (const N of [64, 128, 256, 512]) {
      const xT = float32([1, 1], [1.5]);
      const options = { schedule, timesteps: timesteps(schedule.T, N), streams: [new RandomStream(0, 'sample')] };
      const end = await drainSampler(ddim(gaussianDenoiser(schedule, data), xT, options));
      errors.push(Math.abs(end.data[0]! - odeSolution(schedule, schedule.T - 1, xT.data[0]!)));
    }
    // Halving the step halves the error; the second-order term is still a few per cent of it at 64 steps.
    for (let i = 1; i < errors.length; i++) {
      const ratio = errors[i - 1]! / errors[i]!;
      expect(ratio).toBeGreaterThan(1.85);
      expect(ratio).toBeLessThan(2.15);
    }
  });
});
