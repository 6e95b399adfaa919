import { float32, type FloatArray } from '../../core/dtype.ts';
import { sampleSize } from '../batch.ts';
import type { Denoiser } from '../denoiser.ts';
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
export function dynamicThresholding(denoise: Denoiser, schedule: NoiseSchedule, { ratio = dynamicThresholdDefaults.ratio, sampleMaxValue = dynamicThresholdDefaults.sampleMaxValue }: DynamicThresholdOptions = {}): Denoiser {
  if (!(ratio >= 0 && ratio <= 1)) throw new Error(`dynamicThresholding: ratio must lie in 0 … 1, got ${ratio}`);
  if (!(sampleMaxValue >= 1)) throw new Error(`dynamicThresholding: sampleMaxValue must be at least 1, got ${sampleMaxValue}`);
  return withX0(denoise, schedule, (x0) => {
    const s = Math.min(Math.max(quantile(x0.map(Math.abs), ratio), 1), sampleMaxValue);
    return x0.map((x) => Math.min(Math.max(x, -s), s) / s);
  });
}

/**
 * A denoiser whose x̂_0 is held to ±range, with ε̂ computed again where it was not inside.
 *
 * @param range  default 1, the range of pictures
 * @throws if range is not positive
 * @see Ho, Jain & Abbeel 2020, the code of Algorithm 2
 */
export function clipping(denoise: Denoiser, schedule: NoiseSchedule, range = 1): Denoiser {
  if (!(range > 0)) throw new Error(`clipping: range must be positive, got ${range}`);
  // min and max pass NaN on, so a network that has diverged stays visible.
  return withX0(denoise, schedule, (x0) => x0.map((x) => Math.min(Math.max(x, -range), range)));
}

/** Replaces each sample's x̂_0, and ε̂ by what x_t = α x̂_0 + σ ε̂ says where x̂_0 has changed. */
function withX0(denoise: Denoiser, schedule: NoiseSchedule, change: (x0: Float32Array) => Float32Array): Denoiser {
  return async (xt, t, options) => {
    const { x0, eps, ...rest } = await denoise(xt, t, options);
    const size = sampleSize('thresholding', xt, t.length, 'times');
    const changed = new Float32Array(x0.data.length);
    const noise = new Float32Array(eps.data);
    for (const [b, time] of t.entries()) {
      const [alpha, sigma] = [schedule.alpha(time), schedule.sigma(time)];
      changed.set(change(Float32Array.from(x0.data.subarray(b * size, (b + 1) * size))), b * size);
      for (let i = b * size; i < (b + 1) * size; i++) if (changed[i] !== x0.data[i]) noise[i] = epsFromX0(xt.data[i]!, changed[i]!, alpha, sigma);
    }
    return { ...rest, x0: like(x0, changed), eps: like(eps, noise) };
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
