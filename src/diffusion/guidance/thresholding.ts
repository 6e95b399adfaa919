import { float32, type FloatArray } from '../../core/dtype.ts';
import { sampleSize } from '../array-arithmetic.ts';
import { type DenoisedSample, type Denoiser, clipX0 } from '../denoiser.ts';
import type { NoiseSchedule } from '../noise-schedule.ts';
import { epsFromX0 } from '../parameterization.ts';

/** Options of `dynamicThresholding`. */
export interface DynamicThresholdOptions {
  /** p: the share of a sample's values that stay within the threshold; default 0.995. */
  readonly ratio?: number;
  /** The largest threshold; default none. diffusers' own default of 1 makes the method plain clipping. */
  readonly sampleMaxValue?: number;
}

/** p as in the paper's section 2.3. */
export const dynamicThresholdDefaults = { ratio: 0.995, sampleMaxValue: Infinity } as const;

/**
 * A denoiser whose x̂_0 is brought into [−1, 1] by each sample's own spread, so that strong guidance does not saturate it.
 *
 *     s = min(max(quantile_p |x̂_0|, 1), sampleMaxValue),   x̂_0 ← clip(x̂_0, −s, s)/s
 *
 * ε̂ is computed again from the new x̂_0. The quantile is over all pixels and channels of a sample, between two of them linear.
 *
 * @throws if ratio is outside 0 … 1 or sampleMaxValue is below 1
 * @see Saharia et al. 2022, section 2.3 — https://arxiv.org/abs/2205.11487
 */
export function dynamicThresholding(
  denoise: Denoiser,
  schedule: NoiseSchedule,
  {
    ratio = dynamicThresholdDefaults.ratio,
    sampleMaxValue = dynamicThresholdDefaults.sampleMaxValue,
  }: DynamicThresholdOptions = {},
): Denoiser {
  if (!(ratio >= 0 && ratio <= 1)) throw new Error(`dynamicThresholding: ratio must lie in 0 … 1, got ${ratio}`);
  if (!(sampleMaxValue >= 1))
    throw new Error(`dynamicThresholding: sampleMaxValue must be at least 1, got ${sampleMaxValue}`);
  return afterwards(denoise, schedule, (own, alpha, sigma) => {
    const s = Math.min(Math.max(quantile(own.x0.map(Math.abs), ratio), 1), sampleMaxValue);
    clipX0(own, s, alpha, sigma);
    if (s === 1) return;
    for (let i = 0; i < own.x0.length; i++) {
      own.x0[i]! /= s;
      own.eps[i] = epsFromX0(own.xt[i]!, own.x0[i]!, alpha, sigma);
    }
  });
}

/**
 * A denoiser whose x̂_0 is held to ±range, with ε̂ computed again where it was not inside.
 *
 * @param range  default 1, the range of images
 * @throws if range is not positive
 * @see Ho, Jain & Abbeel 2020, the code of Algorithm 2
 */
export function clipping(denoise: Denoiser, schedule: NoiseSchedule, range = 1): Denoiser {
  if (!(range > 0)) throw new Error(`clipping: range must be positive, got ${range}`);
  return afterwards(denoise, schedule, (own, alpha, sigma) => clipX0(own, range, alpha, sigma));
}

/** Changes each sample's x̂_0 and ε̂ in place, in copies of what a denoiser says. */
function afterwards(
  denoise: Denoiser,
  schedule: NoiseSchedule,
  change: (own: DenoisedSample, alpha: number, sigma: number) => void,
): Denoiser {
  return async (xt, t, options) => {
    const said = await denoise(xt, t, options);
    const size = sampleSize('thresholding', xt, t.length, 'times');
    const [x0, eps] = [said.x0.data.slice(), said.eps.data.slice()];
    for (const [b, time] of t.entries()) {
      const of = (data: Float32Array) => data.subarray(b * size, (b + 1) * size);
      change({ xt: of(xt.data), x0: of(x0), eps: of(eps) }, schedule.alpha(time), schedule.sigma(time));
    }
    return { ...said, x0: like(said.x0, x0), eps: like(said.eps, eps) };
  };
}

const like = ({ shape }: FloatArray, data: Float32Array): FloatArray => float32(shape, data);

/** The value below which the share p of the values lies, linear between neighbors as numpy's and torch's. */
function quantile(values: Float32Array, p: number): number {
  const sorted = values.toSorted();
  const at = p * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}
