/**
 * A discrete-time, variance-preserving noise schedule of T steps, in float64.
 *
 *     q(x_t | x_{t−1}) = N(√(1 − β_t) x_{t−1}, β_t I),   x_t = α x_0 + σ ε   with α = √ᾱ_t, σ = √(1 − ᾱ_t), ᾱ_t = ∏_{i≤t} (1 − β_i)
 *
 * Times are 0-based as in the code of Ho et al.: index 0 carries one step of noise (their t = 1), and −1 is the clean
 * picture, so ᾱ_{−1} = 1. Our `alpha` is the signal scale √ᾱ_t, which is not the α_t = 1 − β_t of DDPM.
 */
export interface Schedule {
  /** The number of steps. */
  readonly T: number;
  /** [T] β_t in (0, 1). */
  readonly betas: Float64Array;
  /** [T] ᾱ_t, strictly falling. */
  readonly alphasCumprod: Float64Array;
  /** ᾱ_t for an integer t in −1 … T − 1; throws outside. */
  alphaBar(t: number): number;
  /** The signal scale √ᾱ_t. */
  alpha(t: number): number;
  /** The noise scale √(1 − ᾱ_t). */
  sigma(t: number): number;
  /** The time, in general fractional, at which σ/α has the given value: linear in ln(σ/α) between steps, held to 0 … T − 1. */
  time(alpha: number, sigma: number): number;
}

/** Options of the linear schedule. */
export interface LinearOptions {
  readonly T?: number;
  /** β_0; default 1e-4 · 1000/T. */
  readonly betaStart?: number;
  /** β_{T−1}; default 0.02 · 1000/T. */
  readonly betaEnd?: number;
}

/** Options of the cosine schedule. */
export interface CosineOptions {
  readonly T?: number;
  /** Offset that keeps β_0 from vanishing; default 0.008. */
  readonly s?: number;
  /** Largest β; default 0.999. */
  readonly maxBeta?: number;
}

/** T, β_0 and β_{T−1} are Ho et al. 2020, section 4; s and maxBeta Nichol & Dhariwal 2021, section 3.2. */
export const scheduleDefaults = { T: 1000, betaStart: 1e-4, betaEnd: 0.02, s: 0.008, maxBeta: 0.999 } as const;

/**
 * The schedule with the given β_t.
 *
 * @param betas  [T] each in (0, 1)
 * @throws if there is no β or one lies outside (0, 1)
 */
export function scheduleFromBetas(betas: Float64Array): Schedule {
  const T = betas.length;
  if (T === 0) throw new Error('schedule: there are no betas');
  const alphasCumprod = new Float64Array(T);
  let product = 1;
  for (const [t, beta] of betas.entries()) {
    if (!(beta > 0 && beta < 1)) throw new Error(`schedule: beta must lie in (0, 1), got ${beta} (at time ${t} of ${T})`);
    product *= 1 - beta;
    alphasCumprod[t] = product;
  }
  const alphaBar = (t: number): number => {
    if (t === -1) return 1;
    const value = alphasCumprod[t];
    if (value === undefined) throw new Error(`schedule: time must be an integer in -1 … ${T - 1}, got ${t}`);
    return value;
  };
  return {
    T,
    betas,
    alphasCumprod,
    alphaBar,
    alpha: (t) => Math.sqrt(alphaBar(t)),
    sigma: (t) => Math.sqrt(1 - alphaBar(t)),
    time: (alpha, sigma) => timeOfLogRatio(alphasCumprod, Math.log(sigma / alpha)),
  };
}

/** Inverts the rising sequence ln(σ_t/α_t) by bisection, then linearly inside the interval found. */
function timeOfLogRatio(alphasCumprod: Float64Array, target: number): number {
  if (Number.isNaN(target)) throw new Error('schedule: time of a signal and noise scale that are not positive numbers');
  const logRatio = (t: number) => 0.5 * Math.log((1 - alphasCumprod[t]!) / alphasCumprod[t]!);
  let low = 0;
  let high = alphasCumprod.length - 1;
  if (target <= logRatio(low)) return low;
  if (target >= logRatio(high)) return high;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (logRatio(middle) <= target) low = middle;
    else high = middle;
  }
  return low + (target - logRatio(low)) / (logRatio(high) - logRatio(low));
}

/**
 * The schedule whose β_t rise linearly from betaStart to betaEnd.
 *
 * Ends not given are scaled by 1000/T, so that every T reaches about the same ᾱ_{T−1} (4e-5).
 *
 * @throws if T is not a positive integer or a β leaves (0, 1); the scaled default does for T ≤ 20
 * @see Ho, Jain & Abbeel 2020, section 4 — https://arxiv.org/abs/2006.11239
 */
export function linearSchedule({ T = scheduleDefaults.T, betaStart, betaEnd }: LinearOptions = {}): Schedule {
  checkSteps('linearSchedule', T);
  const { betaStart: first, betaEnd: last } = linearEnds(T, betaStart, betaEnd);
  if (!(last < 1)) {
    throw new Error(`linearSchedule: betaEnd must be below 1, got ${last} (T is ${T}); give betaStart and betaEnd, or use the cosine schedule`);
  }
  return scheduleFromBetas(Float64Array.from({ length: T }, (_, t) => (T === 1 ? first : first + ((last - first) * t) / (T - 1))));
}

/** The ends of the linear schedule, those not given scaled by 1000/T. */
export function linearEnds(T: number, betaStart?: number, betaEnd?: number): { betaStart: number; betaEnd: number } {
  const scale = scheduleDefaults.T / T;
  return { betaStart: betaStart ?? scheduleDefaults.betaStart * scale, betaEnd: betaEnd ?? scheduleDefaults.betaEnd * scale };
}

/**
 * The cosine schedule.
 *
 *     β_t = min(1 − f(t+1)/f(t), maxBeta),   f(t) = cos²((t/T + s)/(1 + s) · π/2)
 *
 * At T = 1000 only the last β is cut, so ᾱ_{T−1} is 2.4e-9 and not 0; x̂_0 from ε̂ is useless there unless it is clipped.
 *
 * @throws if T is not a positive integer, s is negative or maxBeta is outside (0, 1)
 * @see Nichol & Dhariwal 2021, eq. 17 — https://arxiv.org/abs/2102.09672
 */
export function cosineSchedule({ T = scheduleDefaults.T, s = scheduleDefaults.s, maxBeta = scheduleDefaults.maxBeta }: CosineOptions = {}): Schedule {
  checkSteps('cosineSchedule', T);
  if (!(s >= 0)) throw new Error(`cosineSchedule: s must not be negative, got ${s}`);
  if (!(maxBeta > 0 && maxBeta < 1)) throw new Error(`cosineSchedule: maxBeta must lie in (0, 1), got ${maxBeta}`);
  const f = (t: number) => Math.cos(((t / T + s) / (1 + s)) * (Math.PI / 2)) ** 2;
  return scheduleFromBetas(Float64Array.from({ length: T }, (_, t) => Math.min(1 - f(t + 1) / f(t), maxBeta)));
}

function checkSteps(name: string, T: number): void {
  if (!Number.isSafeInteger(T) || T < 1) throw new Error(`${name}: T must be a positive integer, got ${T}`);
}
