import type { NoiseSchedule } from './noise-schedule.ts';

/**
 * A variance-preserving noise schedule of T steps, in float64.
 *
 *     q(x_t | x_{t−1}) = N(√(1 − β_t) x_{t−1}, β_t I),   x_t = α x_0 + σ ε   with α = √ᾱ_t, σ = √(1 − ᾱ_t), ᾱ_t = ∏_{i≤t} (1 − β_i)
 *
 * Times are 0-based as in the code of Ho et al.: index 0 carries one step of noise (their t = 1), and −1 is the clean
 * image, so ᾱ_{−1} = 1. Our `alpha` is the signal scale √ᾱ_t, which is not the α_t = 1 − β_t of DDPM.
 * Between two steps ln(σ/α) is linear in t, which is how a network trained on steps is asked at any noise level.
 */
export interface Schedule extends NoiseSchedule {
  /** The number of steps. */
  readonly T: number;
  /** [T] β_t in (0, 1); the last may be 1. */
  readonly betas: Float64Array;
  /** [T] ᾱ_t, strictly falling. */
  readonly alphasCumprod: Float64Array;
  /** ᾱ_t for t = −1 or t in 0 … T − 1; throws outside. */
  alphaBar(t: number): number;
  /** The signal scale √ᾱ_t. */
  alpha(t: number): number;
  /** The noise scale √(1 − ᾱ_t). */
  sigma(t: number): number;
  /** The time, in general fractional, at which σ/α has the given value, held to 0 … T − 1. */
  time(alpha: number, sigma: number): number;
}

/**
 * The schedule with the given β_t.
 *
 * @param betas  [T] each in (0, 1); the last may be 1, which leaves no signal at T − 1 (zero terminal SNR)
 * @throws if there is no β or one lies outside
 */
export function scheduleFromBetas(betas: Float64Array): Schedule {
  const T = betas.length;
  if (T === 0) throw new Error('schedule: there are no betas');
  const alphasCumprod = new Float64Array(T);
  let product = 1;
  for (const [t, beta] of betas.entries()) {
    if (!(beta > 0 && (beta < 1 || (beta === 1 && t === T - 1))))
      throw new Error(`schedule: beta must lie in (0, 1), got ${beta} (at time ${t} of ${T})`);
    product *= 1 - beta;
    alphasCumprod[t] = product;
  }
  const alphaBar = (t: number): number => {
    if (t === -1) return 1;
    const value = alphasCumprod[t];
    if (value !== undefined) return value;
    if (!(t >= 0 && t <= T - 1)) throw new Error(`schedule: time must be -1 or lie in 0 … ${T - 1}, got ${t}`);
    return 1 / (1 + Math.exp(2 * logRatioBetween(alphasCumprod, t)));
  };
  return {
    T,
    clean: -1,
    first: 0,
    last: T - 1,
    betas,
    alphasCumprod,
    alphaBar,
    alpha: (t) => Math.sqrt(alphaBar(t)),
    sigma: (t) => Math.sqrt(1 - alphaBar(t)),
    time: (alpha, sigma) => timeOfLogRatio(alphasCumprod, Math.log(sigma / alpha)),
    priorStd: () => 1,
  };
}

/** Whether a schedule is one of T steps, and not continuous. */
export function hasSteps(schedule: NoiseSchedule): schedule is Schedule {
  return 'betas' in schedule;
}

/** ln(σ/α) at step t. */
function logRatio(alphasCumprod: Float64Array, t: number): number {
  return 0.5 * Math.log((1 - alphasCumprod[t]!) / alphasCumprod[t]!);
}

function logRatioBetween(alphasCumprod: Float64Array, t: number): number {
  const low = Math.floor(t);
  const [a, b] = [logRatio(alphasCumprod, low), logRatio(alphasCumprod, low + 1)];
  return a + (t - low) * (b - a);
}

/** Inverts the rising sequence ln(σ_t/α_t) by bisection, then linearly inside the interval found. */
function timeOfLogRatio(alphasCumprod: Float64Array, target: number): number {
  if (Number.isNaN(target)) throw new Error('schedule: time of a signal and noise scale that are not positive numbers');
  const at = (t: number) => logRatio(alphasCumprod, t);
  let low = 0;
  let high = alphasCumprod.length - 1;
  if (target <= at(low)) return low;
  if (target >= at(high)) return high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (at(middle) <= target) low = middle;
    else high = middle;
  }
  return low + (target - at(low)) / (at(high) - at(low));
}
