/** The published sequences of β_t. */
import { scheduleFromBetas, type Schedule } from './schedule.ts';

/** Options of the linear schedules. */
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

/** Options of the sigmoid schedule in ᾱ. */
export interface SigmoidAlphaBarOptions {
  readonly T?: number;
  /** Where the sigmoid begins and ends; default −3 and 3. */
  readonly start?: number;
  readonly end?: number;
  /** Temperature: smaller is steeper; default 1. */
  readonly tau?: number;
  /** Largest β; default 0.999. */
  readonly maxBeta?: number;
}

/** T, β_0 and β_{T−1} are Ho et al. 2020, section 4; s and maxBeta Nichol & Dhariwal 2021, section 3.2. */
export const scheduleDefaults = { T: 1000, betaStart: 1e-4, betaEnd: 0.02, s: 0.008, maxBeta: 0.999 } as const;

/**
 * The schedule whose β_t rise linearly from betaStart to betaEnd.
 *
 * Ends not given are scaled by 1000/T, so that every T reaches about the same ᾱ_{T−1} (4e-5).
 *
 * @throws if T is not a positive integer or a β leaves (0, 1); the scaled default does for T ≤ 20
 * @see Ho, Jain & Abbeel 2020, section 4 — https://arxiv.org/abs/2006.11239
 */
export function linearSchedule(options: LinearOptions = {}): Schedule {
  return betweenEnds(
    'linearSchedule',
    options,
    (x) => x,
    (x) => x,
  );
}

/**
 * The schedule whose √β_t rise linearly: the `quadratic` one of Ho's code, `scaled_linear` in diffusers, with which
 * latent diffusion was trained (betaStart 0.00085, betaEnd 0.012).
 *
 * @throws if T is not a positive integer or a β leaves (0, 1)
 * @see Rombach et al. 2022 — https://arxiv.org/abs/2112.10752
 */
export function scaledLinearSchedule(options: LinearOptions = {}): Schedule {
  return betweenEnds('scaledLinearSchedule', options, Math.sqrt, (x) => x * x);
}

/**
 * The schedule whose β_t follow a logistic curve between the ends.
 *
 *     β_t = betaStart + (betaEnd − betaStart) / (1 + e^{−x_t}),   x_t from −6 to 6
 *
 * @throws if T is not a positive integer or a β leaves (0, 1)
 * @see Xu et al. 2022 (GeoDiff) — https://arxiv.org/abs/2203.02923, which is where diffusers has it from
 */
export function sigmoidSchedule({ T = scheduleDefaults.T, betaStart, betaEnd }: LinearOptions = {}): Schedule {
  const { betaStart: first, betaEnd: last } = checkedEnds('sigmoidSchedule', T, betaStart, betaEnd);
  return scheduleFromBetas(Float64Array.from(spread(T, -6, 6), (x) => first + (last - first) * logistic(x)));
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
export function cosineSchedule({
  T = scheduleDefaults.T,
  s = scheduleDefaults.s,
  maxBeta = scheduleDefaults.maxBeta,
}: CosineOptions = {}): Schedule {
  if (!(s >= 0)) throw new Error(`cosineSchedule: s must not be negative, got ${s}`);
  return fromAlphaBar('cosineSchedule', T, maxBeta, (u) => Math.cos(((u + s) / (1 + s)) * (Math.PI / 2)) ** 2);
}

/**
 * The schedule whose ᾱ itself follows a logistic curve, for images larger than those of DDPM.
 *
 *     ᾱ(u) = (L(end) − L(start + u (end − start))) / (L(end) − L(start)),   L(x) = 1/(1 + e^{−x/τ}), u = (t + 1)/T
 *
 * @throws if T is not a positive integer, end is not above start, tau is not positive or maxBeta is outside (0, 1)
 * @see Jabri, Fleet & Chen 2023, algorithm 1 — https://arxiv.org/abs/2212.11972
 */
export function sigmoidAlphaBarSchedule({
  T = scheduleDefaults.T,
  start = -3,
  end = 3,
  tau = 1,
  maxBeta = scheduleDefaults.maxBeta,
}: SigmoidAlphaBarOptions = {}): Schedule {
  if (!(end > start)) throw new Error(`sigmoidAlphaBarSchedule: end must be above start, got ${end} and ${start}`);
  if (!(tau > 0)) throw new Error(`sigmoidAlphaBarSchedule: tau must be positive, got ${tau}`);
  const L = (x: number) => logistic(x / tau);
  return fromAlphaBar(
    'sigmoidAlphaBarSchedule',
    T,
    maxBeta,
    (u) => (L(end) - L(start + u * (end - start))) / (L(end) - L(start)),
  );
}

/**
 * The schedule shifted and scaled so that the last step has no signal at all: √ᾱ_{T−1} = 0, √ᾱ_0 as it was.
 *
 *     √ᾱ_t ← (√ᾱ_t − √ᾱ_{T−1}) √ᾱ_0 / (√ᾱ_0 − √ᾱ_{T−1})
 *
 * At T − 1 an ε-prediction says nothing about x_0, so train v or x_0 with it, and sample from T − 1 (trailing spacing).
 *
 * @throws if the schedule has fewer than two steps
 * @see Lin et al. 2024, algorithm 1 — https://arxiv.org/abs/2305.08891
 */
export function rescaleZeroTerminalSnr(schedule: Schedule): Schedule {
  const { T } = schedule;
  if (T < 2) throw new Error(`rescaleZeroTerminalSnr: the schedule needs at least two steps, got ${T}`);
  const [first, last] = [schedule.alpha(0), schedule.alpha(T - 1)];
  const alphaBar = (t: number) => (t < 0 ? 1 : (((schedule.alpha(t) - last) * first) / (first - last)) ** 2);
  return scheduleFromBetas(
    Float64Array.from({ length: T }, (_, t) => (t === 0 ? schedule.betas[0]! : 1 - alphaBar(t) / alphaBar(t - 1))),
  );
}

/** The ends of the linear schedule, those not given scaled by 1000/T. */
export function linearEnds(T: number, betaStart?: number, betaEnd?: number): { betaStart: number; betaEnd: number } {
  const scale = scheduleDefaults.T / T;
  return {
    betaStart: betaStart ?? scheduleDefaults.betaStart * scale,
    betaEnd: betaEnd ?? scheduleDefaults.betaEnd * scale,
  };
}

/** β_t = back(linear from there(betaStart) to there(betaEnd)). */
function betweenEnds(
  name: string,
  { T = scheduleDefaults.T, betaStart, betaEnd }: LinearOptions,
  there: (beta: number) => number,
  back: (x: number) => number,
): Schedule {
  const { betaStart: first, betaEnd: last } = checkedEnds(name, T, betaStart, betaEnd);
  return scheduleFromBetas(Float64Array.from(spread(T, there(first), there(last)), back));
}

/** β_t = min(1 − ᾱ((t+1)/T)/ᾱ(t/T), maxBeta). */
function fromAlphaBar(name: string, T: number, maxBeta: number, alphaBar: (u: number) => number): Schedule {
  checkSteps(name, T);
  if (!(maxBeta > 0 && maxBeta < 1)) throw new Error(`${name}: maxBeta must lie in (0, 1), got ${maxBeta}`);
  return scheduleFromBetas(
    Float64Array.from({ length: T }, (_, t) => Math.min(1 - alphaBar((t + 1) / T) / alphaBar(t / T), maxBeta)),
  );
}

function checkedEnds(
  name: string,
  T: number,
  betaStart?: number,
  betaEnd?: number,
): { betaStart: number; betaEnd: number } {
  checkSteps(name, T);
  const ends = linearEnds(T, betaStart, betaEnd);
  if (!(ends.betaEnd < 1))
    throw new Error(
      `${name}: betaEnd must be below 1, got ${ends.betaEnd} (T is ${T}); give betaStart and betaEnd, or use the cosine schedule`,
    );
  return ends;
}

/** T numbers from a to b in equal steps; a alone for T = 1. */
function spread(T: number, a: number, b: number): Float64Array {
  return Float64Array.from({ length: T }, (_, t) => (T === 1 ? a : a + ((b - a) * t) / (T - 1)));
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function checkSteps(name: string, T: number): void {
  if (!Number.isSafeInteger(T) || T < 1) throw new Error(`${name}: T must be a positive integer, got ${T}`);
}
