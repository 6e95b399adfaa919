import { float32, type FloatArray } from '../core/dtype.ts';
import { checkSameShape, combine, sampleSize } from './array-arithmetic.ts';
import type { NoiseSchedule } from './noise-schedule.ts';
import type { Schedule } from './schedule.ts';
import { transitions } from './timesteps.ts';

/** The variances of a reverse step that are not learned. */
export const fixedVariances = ['fixed_small', 'fixed_large'] as const;
/** One of `fixedVariances`. */
export type FixedVariance = (typeof fixedVariances)[number];
/** Where the variance of a reverse step comes from, by diffusers' names. */
export const varianceTypes = [...fixedVariances, 'learned_range'] as const;
/** One of `varianceTypes`. */
export type VarianceType = (typeof varianceTypes)[number];

/** A Gaussian for each sample of a batch: a mean for each value, one variance for the sample. */
export interface Moments {
  /** [B, ...] */
  readonly mean: FloatArray;
  /** [B] */
  readonly variance: Float64Array;
}

/**
 * The moments of q(x_t | x_0) = N(√ᾱ_t x_0, (1 − ᾱ_t) I).
 *
 * @param x0  [B, ...]
 * @param t   [B] a time for each sample, −1 … T − 1
 * @see Ho, Jain & Abbeel 2020, eq. 4 — https://arxiv.org/abs/2006.11239
 */
export function qMoments(schedule: Schedule, x0: FloatArray, t: readonly number[]): Moments {
  const size = sampleSize('qMoments', x0, t.length, 'times');
  const mean = new Float32Array(x0.data.length);
  for (const [b, time] of t.entries()) {
    const alpha = schedule.alpha(time);
    for (let i = b * size; i < (b + 1) * size; i++) mean[i] = alpha * x0.data[i]!;
  }
  return { mean: float32(x0.shape, mean), variance: Float64Array.from(t, (time) => 1 - schedule.alphaBar(time)) };
}

/**
 * A sample of q(x_t | x_0), made from given noise.
 *
 *     x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε
 *
 * @param x0     [B, ...]
 * @param t      [B] a time for each sample, −1 … T − 1
 * @param noise  [B, ...] standard normals ε
 * @returns      [B, ...]
 * @see Ho, Jain & Abbeel 2020, eq. 4
 * @example
 * import { float32, RandomStream } from 'kuosan/core';
 * import { qSample, schedule } from 'kuosan/diffusion';
 *
 * const x0 = float32([1, 3, 8, 8]);
 * const noise = float32(x0.shape, new RandomStream(0, 'noise').fillNormal(new Float32Array(192)));
 * const x500 = qSample(schedule('linear'), x0, [500], noise); // [1, 3, 8, 8]
 */
export function qSample(schedule: Schedule, x0: FloatArray, t: readonly number[], noise: FloatArray): FloatArray {
  return combine(
    'qSample',
    x0,
    noise,
    t.map((time) => [schedule.alpha(time), schedule.sigma(time)]),
  );
}

/**
 * A sample of q(x_t | x_{t−1}), made from given noise: one step of the forward process.
 *
 *     x_t = √(1 − β_t) x_{t−1} + √β_t z
 *
 * @param xPrev  [B, ...] x_{t−1}
 * @param t      [B] the time arrived at, 0 … T − 1
 * @param noise  [B, ...] standard normals z
 * @returns      [B, ...]
 * @see Ho, Jain & Abbeel 2020, eq. 2
 */
export function qStep(schedule: Schedule, xPrev: FloatArray, t: readonly number[], noise: FloatArray): FloatArray {
  return combine(
    'qStep',
    xPrev,
    noise,
    t.map((time) => {
      const beta = schedule.betas[time];
      if (beta === undefined) throw new Error(`qStep: time must be an integer in 0 … ${schedule.T - 1}, got ${time}`);
      return [Math.sqrt(1 - beta), Math.sqrt(beta)];
    }),
  );
}

/** q(x_s | x_t, x_0) = N(x0 · x_0 + xt · x_t, variance · I). */
export interface Posterior {
  /** Coefficient of x_0 in the mean. */
  readonly x0: number;
  /** Coefficient of x_t in the mean. */
  readonly xt: number;
  /** β̃, the variance. */
  readonly variance: number;
}

/**
 * The posterior of an earlier state given the present one and the clean image.
 *
 *     mean      α_s σ²_{t|s}/σ_t² x_0 + (α_t/α_s) σ_s²/σ_t² x_t,   σ²_{t|s} = σ_t² − (α_t/α_s)² σ_s²
 *     variance  β̃ = σ²_{t|s} σ_s²/σ_t²
 *
 * On a discrete-time schedule with s = t − 1 these are eq. 6 and 7 of Ho et al. and σ²_{t|s} is β_t; any s < t serves lists
 * that skip times. For the clean image they are exactly 1, 0 and 0.
 *
 * @param t  the present time
 * @param s  the time to go to, before t
 * @throws if s is not before t
 * @see Ho, Jain & Abbeel 2020, eq. 6 and 7 — https://arxiv.org/abs/2006.11239; Kingma et al. 2021, appendix A.2 — https://arxiv.org/abs/2107.00630
 */
export function posterior(schedule: NoiseSchedule, t: number, s: number): Posterior {
  if (!(s < t)) throw new Error(`posterior: s must be before t, got t = ${t} and s = ${s}`);
  const [alphaS, sigmaS, sigmaT] = [schedule.alpha(s), schedule.sigma(s), schedule.sigma(t)];
  const ratio = schedule.alpha(t) / alphaS;
  const beta = stepVariance(schedule, t, s);
  const kept = (sigmaS / sigmaT) ** 2;
  return { x0: (alphaS * beta) / sigmaT ** 2, xt: ratio * kept, variance: beta * kept };
}

/**
 * The variance that the forward process adds between two times: σ²_{t|s} = σ_t² − (α_t/α_s)² σ_s², which is
 * 1 − ᾱ_t/ᾱ_s on a discrete-time schedule, and β_t from t − 1 to t.
 */
export function stepVariance(schedule: NoiseSchedule, t: number, s: number): number {
  return schedule.sigma(t) ** 2 - (schedule.alpha(t) / schedule.alpha(s)) ** 2 * schedule.sigma(s) ** 2;
}

/**
 * The mean of q(x_s | x_t, x_0).
 *
 * @param x0  [B, ...]
 * @param xt  [B, ...]
 * @param t   the time of xt, one for the batch
 * @param s   the time to go to
 * @returns   [B, ...]
 * @see Ho, Jain & Abbeel 2020, eq. 7
 */
export function posteriorMean(
  schedule: NoiseSchedule,
  x0: FloatArray,
  xt: FloatArray,
  t: number,
  s: number,
): FloatArray {
  checkSameShape('posteriorMean', 'xt', xt, x0);
  const c = posterior(schedule, t, s);
  return float32(
    xt.shape,
    xt.data.map((x, i) => c.x0 * x0.data[i]! + c.xt * x),
  );
}

/**
 * The variances of the reverse steps along a falling list of times.
 *
 *     fixed_small  β̃ = β (1 − ᾱ_s)/(1 − ᾱ_t), the lower bound (data a single point); 0 at the last step
 *     fixed_large  β = σ²_{t|s}, the upper bound (data white noise); at the last step β̃ of the step before
 *
 * The replacement in fixed_large is Ho's: it keeps the likelihood of the last step finite. Samplers add no noise there.
 * A list of one time has no step before, and keeps β.
 *
 * @param times  N falling times; the last step goes to the clean image
 * @returns      [N]
 * @see Ho, Jain & Abbeel 2020, section 3.2 — https://arxiv.org/abs/2006.11239
 */
export function reverseVariances(schedule: NoiseSchedule, times: readonly number[], type: FixedVariance): Float64Array {
  const steps = transitions(times, schedule);
  const small = (i: number) => posterior(schedule, steps[i]!.t, steps[i]!.s).variance;
  return Float64Array.from(steps, ({ t, s }, i) => {
    switch (type) {
      case 'fixed_small':
        return small(i);
      case 'fixed_large':
        return s === schedule.clean && i > 0 ? small(i - 1) : stepVariance(schedule, t, s);
      default:
        throw new Error(`unknown variance type "${String(type)}"; one of ${fixedVariances.join(', ')}`);
    }
  });
}
