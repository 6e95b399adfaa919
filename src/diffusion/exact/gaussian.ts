import { float32 } from '../../core/dtype.ts';
import { sampleSize } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import type { NoiseSchedule } from '../noise-schedule.ts';

/** N(mean, std² I), the same for every value of an image. */
export interface GaussianData {
  readonly mean: number;
  readonly std: number;
}

/**
 * The exact denoiser of Gaussian data: no network could do better.
 *
 *     E[x_0 | x_t] = μ + α s²/(α² s² + σ²) (x_t − α μ),   E[ε | x_t] = σ/(α² s² + σ²) (x_t − α μ)
 *
 * With it every step of a sampler is affine, and the flow of the probability ODE is known, so samplers have exact answers.
 *
 * @param data  μ and s; s = 0 is data that is a single point
 * @throws if std is negative
 * @example
 * import { RandomStream } from 'kuosan/core';
 * import { ddim, drainSampler, gaussianDenoiser, initialNoise, schedule, timesteps } from 'kuosan/diffusion';
 *
 * const linear = schedule('linear');
 * const streams = [new RandomStream(0, 'sample', 0)];
 * const samples = await drainSampler(
 *   ddim(gaussianDenoiser(linear, { mean: 0.5, std: 0 }), initialNoise([1, 2], streams), {
 *     schedule: linear, timesteps: timesteps(1000, 10), streams,
 *   }),
 * );
 * console.log(Array.from(samples.data, (value) => value.toFixed(2))); // [ '0.50', '0.50' ]
 */
export function gaussianDenoiser(schedule: NoiseSchedule, { mean, std }: GaussianData): Denoiser {
  if (!(std >= 0)) throw new Error(`gaussianDenoiser: std must not be negative, got ${std}`);
  return async (xt, t) => {
    const size = sampleSize('gaussianDenoiser', xt, t.length, 'times');
    const x0 = new Float32Array(xt.data.length);
    const eps = new Float32Array(xt.data.length);
    for (const [b, time] of t.entries()) {
      const alpha = schedule.alpha(time);
      const sigma = schedule.sigma(time);
      const variance = alpha ** 2 * std ** 2 + sigma ** 2;
      for (let i = b * size; i < (b + 1) * size; i++) {
        const centered = xt.data[i]! - alpha * mean;
        x0[i] = mean + ((alpha * std ** 2) / variance) * centered;
        eps[i] = (sigma / variance) * centered;
      }
    }
    return { x0: float32(xt.shape, x0), eps: float32(xt.shape, eps) };
  };
}
