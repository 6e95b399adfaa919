import type { FloatArray } from '../../core/dtype.ts';
import { checkSameShape, combine } from '../array-arithmetic.ts';
import type { Conditions } from '../conditions.ts';
import type { Denoiser } from '../denoiser.ts';
import type { NoiseSchedule } from '../noise-schedule.ts';

/** ∇ log p(y | x_t) of a classifier of noisy images, by x_t: [B, ...]. */
export type ClassifierGradient = (
  xt: FloatArray,
  t: readonly number[],
  conditions: Conditions | undefined,
) => Promise<FloatArray>;

/**
 * A denoiser that follows a classifier of noisy images.
 *
 *     ε̂ ← ε̂ − s σ ∇ log p(y | x_t),   x̂_0 ← x̂_0 + s σ²/α ∇ log p(y | x_t)
 *
 * Through ε̂ every sampler is guided; for ancestral sampling the paper shifts the mean by s Σ ∇ log p instead, which is the
 * same to first order in the step.
 *
 * @param gradient  of the classifier
 * @param scale     s: 0 is off, 1 samples from p(x | y) if the classifier is right
 * @throws if scale is not a number; when run, if the gradient has not the shape of x_t
 * @see Dhariwal & Nichol 2021, algorithm 2 — https://arxiv.org/abs/2105.05233
 */
export function classifierGuidance(
  denoise: Denoiser,
  schedule: NoiseSchedule,
  gradient: ClassifierGradient,
  scale: number,
): Denoiser {
  if (!Number.isFinite(scale)) throw new Error(`classifierGuidance: scale must be a number, got ${scale}`);
  return async (xt, t, options) => {
    const { x0, eps, ...rest } = await denoise(xt, t, options);
    const slope = await gradient(xt, t, options.conditions);
    checkSameShape('classifierGuidance', 'the gradient', slope, xt);
    const shift = (values: FloatArray, factor: (time: number) => number) =>
      combine(
        'classifierGuidance',
        values,
        slope,
        t.map((time) => [1, scale * factor(time)]),
      );
    return {
      ...rest,
      x0: shift(x0, (time) => schedule.sigma(time) ** 2 / schedule.alpha(time)),
      eps: shift(eps, (time) => -schedule.sigma(time)),
    };
  };
}
