import { float32, RandomStream, sizeOf, type FloatArray } from '../core/index.ts';
import {
  posterior,
  qSample,
  type Conditions,
  type Denoised,
  type Denoiser,
  type Schedule,
  type VarianceType,
} from '../diffusion/index.ts';

/** Options of `bitsPerDimension`. */
export interface BitsPerDimensionOptions {
  readonly schedule: Schedule;
  readonly varianceType: VarianceType;
  readonly seed: number;
  /** Times evaluated for each image, besides t = 0; default all T − 1, which is exact but for the noise. */
  readonly times?: number;
  readonly signal?: AbortSignal | undefined;
  /** Called after every batch and time. */
  readonly onProgress?: ((images: number, share: number) => void) | undefined;
}

/** Images whose bits are counted. */
export interface LikelihoodBatch {
  /** [B, C, H, W] with 256 levels in [−1, 1]; those from `count` on are padding. */
  readonly images: FloatArray;
  readonly count: number;
  /** What they are conditioned on, for all B. */
  readonly conditions?: Conditions | undefined;
}

/** The variational bound in bits per dimension: how many a lossless code for the images would need at most. */
export interface BitsPerDimension {
  /** `prior` + `rate` + `distortion`, the mean over images. */
  readonly total: number;
  /** Of `total`: over images, and over the times and the noise that were drawn for them. */
  readonly standardError: number;
  /** L_T: what is left of the images at the last time. */
  readonly prior: number;
  /** L_1 … L_{T−1} */
  readonly rate: number;
  /** L_0: the image's levels, given x_0. */
  readonly distortion: number;
  readonly count: number;
  /** Times asked for each image, with t = 0. */
  readonly times: number;
}

/**
 * The variational bound of images.
 *
 *     L_T + Σ_{t ≥ 1} KL(q(x_{t−1} | x_t, x_0) ‖ N(μ_θ, Σ_θ)) + L_0,   L_0 = −ln P(the image's 256 levels), mean over dimensions, / ln 2
 *
 * With fewer times than there are, t is drawn uniformly from each of as many ranges, narrow where there is little noise and
 * the terms are large, and counts for its range: the estimate has no bias.
 *
 * @param denoise  of the network, without guidance
 * @throws if the variance is learned and the network does not say it, if there are fewer than two images, or the signal's reason
 * @see Ho, Jain & Abbeel 2020, eq. 5 and 13 — https://arxiv.org/abs/2006.11239; Nichol & Dhariwal 2021, eq. 15 — https://arxiv.org/abs/2102.09672
 */
export async function bitsPerDimension(
  denoise: Denoiser,
  batches: Iterable<LikelihoodBatch>,
  options: BitsPerDimensionOptions,
): Promise<BitsPerDimension> {
  const { schedule, seed, signal, onProgress } = options;
  const ranges = timeRanges(schedule.T, options.times ?? schedule.T - 1);
  const totals: number[] = [];
  const sums = { prior: 0, rate: 0, distortion: 0 };
  for (const { images, count, conditions } of batches) {
    const [batch] = images.shape as readonly [number];
    const size = sizeOf(images.shape.slice(1));
    const streams = Array.from(
      { length: batch },
      (_, b) => new RandomStream(seed, 'bits per dimension', totals.length + b),
    );
    const parts = {
      prior: priorTerms(schedule, images),
      rate: new Float64Array(batch),
      distortion: new Float64Array(batch),
    };
    for (const [asked, range] of [{ first: 0, length: 1 }, ...ranges].entries()) {
      signal?.throwIfAborted();
      const t = streams.map((stream) => range.first + (range.length === 1 ? 0 : stream.integer(range.length)));
      const noise = new Float32Array(batch * size);
      for (const [b, stream] of streams.entries()) stream.fillNormal(noise.subarray(b * size, (b + 1) * size));
      const denoised = await denoise(qSample(schedule, images, t, float32(images.shape, noise)), t, {
        conditions,
        signal,
      });
      const terms = t.map((time, b) => likelihoodTerm(options, images, denoised, time, b));
      for (let b = 0; b < batch; b++) {
        if (asked === 0) parts.distortion[b] = terms[b]!;
        else parts.rate[b]! += range.length * terms[b]!;
      }
      onProgress?.(totals.length + count, asked / ranges.length);
    }
    for (let b = 0; b < count; b++) {
      totals.push(parts.prior[b]! + parts.rate[b]! + parts.distortion[b]!);
      for (const part of ['prior', 'rate', 'distortion'] as const) sums[part] += parts[part][b]!;
    }
  }
  const count = totals.length;
  if (count < 2) throw new Error(`bitsPerDimension: a standard error needs at least two images, got ${count}`);
  const total = totals.reduce((sum, value) => sum + value, 0) / count;
  const variance = totals.reduce((sum, value) => sum + (value - total) ** 2, 0) / (count - 1);
  return {
    total,
    standardError: Math.sqrt(variance / count),
    prior: sums.prior / count,
    rate: sums.rate / count,
    distortion: sums.distortion / count,
    count,
    times: ranges.length + 1,
  };
}

/** 1 … T − 1 in K ranges whose lengths rise evenly. */
function timeRanges(T: number, K: number): { readonly first: number; readonly length: number }[] {
  if (!Number.isInteger(K) || K < 1) throw new Error(`bitsPerDimension: times must be a positive integer, got ${K}`);
  const count = Math.min(K, T - 1);
  const ends = Array.from({ length: count }, (_, k) =>
    Math.min(Math.max(k + 1, Math.round((T - 1) * ((k + 1) / count) ** 2)), T - 1 - (count - 1 - k)),
  );
  return ends.map((end, k) => ({ first: 1 + (ends[k - 1] ?? 0), length: end - (ends[k - 1] ?? 0) }));
}

/** L_T of each image: KL(q(x_T | x_0) ‖ N(0, I)). */
function priorTerms(schedule: Schedule, images: FloatArray): Float64Array {
  const [batch] = images.shape as readonly [number];
  const size = sizeOf(images.shape.slice(1));
  const variance = schedule.sigma(schedule.last) ** 2;
  return Float64Array.from({ length: batch }, (_, b) => {
    let squares = 0;
    for (let i = b * size; i < (b + 1) * size; i++) squares += images.data[i]! ** 2;
    return (0.5 * (variance - 1 - Math.log(variance) + (schedule.alphaBar(schedule.last) * squares) / size)) / Math.LN2;
  });
}

/** L_t of image b, in bits. */
export function likelihoodTerm(
  { schedule, varianceType }: BitsPerDimensionOptions,
  images: FloatArray,
  { x0, varianceFraction }: Denoised,
  t: number,
  b: number,
): number {
  if (varianceType === 'learned_range' && !varianceFraction)
    throw new Error('bitsPerDimension: the variance is learned, but the network has no channels for it');
  const size = sizeOf(images.shape.slice(1));
  const meanScale = posterior(schedule, t, t - 1).x0;
  // β̃_0 is 0: the last step's is that of the step before it, as Ho's.
  const logPosterior = Math.log(posterior(schedule, Math.max(t, 1), Math.max(t, 1) - 1).variance);
  const logBeta = Math.log(schedule.betas[t]!);
  const fixed = varianceType === 'fixed_large' && t > 0 ? logBeta : logPosterior;
  let sum = 0;
  for (let i = b * size; i < (b + 1) * size; i++) {
    const logVariance =
      varianceType === 'learned_range' ? logPosterior + varianceFraction!.data[i]! * (logBeta - logPosterior) : fixed;
    const error = meanScale * (images.data[i]! - x0.data[i]!);
    sum +=
      t === 0
        ? -Math.log(levelProbability(images.data[i]!, error, Math.exp(-0.5 * logVariance)))
        : 0.5 *
          (logVariance - logPosterior - 1 + Math.exp(logPosterior - logVariance) + error ** 2 * Math.exp(-logVariance));
  }
  return sum / size / Math.LN2;
}

/** The probability of one of 256 levels under a Gaussian whose mean is `error` below it; the lowest and the highest level reach to infinity. */
function levelProbability(x: number, error: number, inverseStd: number): number {
  const upper = normalCdf((error + 1 / 255) * inverseStd);
  const lower = normalCdf((error - 1 / 255) * inverseStd);
  return Math.max(x < -0.999 ? upper : x > 0.999 ? 1 - lower : upper - lower, 1e-12);
}

/** By the formula that published bits per dimension are computed with (Ho's code), good to 1e-3. */
function normalCdf(x: number): number {
  return 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}
