import type { NoiseSchedule } from './noise-schedule.ts';

/** Ways to choose N of T times. */
export const timestepSpacings = ['leading', 'trailing', 'linspace'] as const;
/** One of `timestepSpacings`. */
export type TimestepSpacing = (typeof timestepSpacings)[number];

/** Options of `timesteps`. */
export interface TimestepOptions {
  /** Default `trailing`: the first step is taken where the noise is, which `leading` never does. */
  readonly spacing?: TimestepSpacing;
  /** Added to every time of the leading spacing; default 0. Stable Diffusion's configurations have 1 (`steps_offset`). */
  readonly offset?: number;
}

/**
 * The times a sampler visits, falling: N of 0 … T − 1.
 *
 *     leading    i · ⌊T/N⌋ + offset, i = N−1 … 0      never reaches T − 1 (unless N = T)
 *     trailing   round(T − i · T/N) − 1, i = 0 … N−1  always has T − 1
 *     linspace   round(i · (T−1)/(N−1)), i = N−1 … 0  always has T − 1 and 0; for N = 1 only T − 1
 *
 * Halves are rounded to even, in numpy's order of operations, so that the lists are those of diffusers (but for its
 * linspace of one step, which is [0], and a few trailing lists, N = 61 of 1000 say, that end in a stray −1 there).
 * All three are every time when N = T.
 *
 * @param T  the number of steps of the schedule
 * @param N  the number of steps of the sampler, 1 … T
 * @returns  N integers; the times are handed to a sampler as a list, and "the previous time" is always the next entry of it
 * @throws if N is not an integer in 1 … T, the offset pushes a time past T − 1 or belongs to another spacing, or the spacing is unknown
 * @see Lin et al. 2024, table 2 — https://arxiv.org/abs/2305.08891
 * @example
 * import { timesteps } from 'kuosan/diffusion';
 *
 * console.log(timesteps(1000, 4)); // [ 999, 749, 499, 249 ]
 */
export function timesteps(
  T: number,
  N: number,
  { spacing = 'trailing', offset = 0 }: TimestepOptions = {},
): readonly number[] {
  if (!Number.isSafeInteger(N) || N < 1 || N > T)
    throw new Error(`timesteps: the number of steps must be an integer in 1 … ${T}, got ${N}; the schedule has ${T}`);
  if (!timestepSpacings.includes(spacing))
    throw new Error(`unknown timestep spacing "${spacing}"; one of ${timestepSpacings.join(', ')}`);
  if (offset !== 0 && spacing !== 'leading')
    throw new Error(`timesteps: an offset belongs to the leading spacing, got ${offset} with ${spacing}`);
  const at = (time: (i: number) => number) => Array.from({ length: N }, (_, i) => time(i));
  switch (spacing) {
    case 'leading':
      return checkTimesteps(
        'timesteps',
        at((i) => (N - 1 - i) * Math.floor(T / N) + offset),
        T,
      );
    case 'trailing': {
      // The float64 step of numpy's arange, not T/N itself: it decides on which side of a half an entry falls.
      const step = T - T / N - T;
      return at((i) => roundHalfToEven(T + i * step) - 1);
    }
    case 'linspace':
      return N === 1 ? [T - 1] : at((i) => roundHalfToEven((N - 1 - i) * ((T - 1) / (N - 1))));
  }
}

/**
 * The list itself, if it is a strictly falling, non-empty list of integers in 0 … T − 1.
 *
 * @throws otherwise, in the name of `name`
 */
export function checkTimesteps(name: string, times: readonly number[], T: number): readonly number[] {
  for (const t of times)
    if (!Number.isInteger(t) || t < 0 || t >= T)
      throw new Error(`${name}: timesteps must be integers in 0 … ${T - 1}, got ${t}`);
  return checkFalling(name, times);
}

/**
 * The list itself, if it is a strictly falling, non-empty list of times of the schedule, none of them the clean one.
 *
 * @throws otherwise, in the name of `name`
 */
export function checkTimes(name: string, times: readonly number[], { clean, last }: NoiseSchedule): readonly number[] {
  const range = clean < 0 ? `in 0 … ${last}` : `above ${clean} and at most ${last}`;
  for (const t of times)
    if (!(t > clean && t >= 0 && t <= last)) throw new Error(`${name}: timesteps must lie ${range}, got ${t}`);
  return checkFalling(name, times);
}

function checkFalling(name: string, times: readonly number[]): readonly number[] {
  if (times.length === 0) throw new Error(`${name}: the list of timesteps is empty`);
  for (const [i, t] of times.entries())
    if (i > 0 && t >= times[i - 1]!) throw new Error(`${name}: timesteps must fall, got ${t} after ${times[i - 1]}`);
  return times;
}

/** The steps of a list of times: each from t to s, the next entry; the last to the clean image. */
export function transitions(
  times: readonly number[],
  { clean }: Pick<NoiseSchedule, 'clean'>,
): { readonly t: number; readonly s: number }[] {
  return times.map((t, i) => ({ t, s: times[i + 1] ?? clean }));
}

function roundHalfToEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
