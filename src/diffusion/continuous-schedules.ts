/** Processes whose times are not counted: EDM's noise levels and straight flows. */
import type { NoiseSchedule } from './noise-schedule.ts';
import { flowTimes, karrasSigmas } from './sigmas.ts';

/** A continuous-time schedule with its default times. */
export interface ContinuousSchedule extends NoiseSchedule {
  /** N falling times from `last`, the `clean` one after them not included, that its samplers take when nobody says which. */
  times(N: number): readonly number[];
  /** The time that lies a share of this walk away from the clean image: 0 is `clean`, 1 is `last`. */
  timeAt(share: number): number;
}

/** Whether a schedule is a continuous one that says how it is walked. */
export function isContinuous(schedule: NoiseSchedule): schedule is ContinuousSchedule {
  return 'timeAt' in schedule;
}

/** Ends of EDM's noise levels, ρ of their spacing and the deviation of its data: Karras et al. 2022, table 1. */
export const edmDefaults = { sigmaMin: 0.002, sigmaMax: 80, sigmaData: 0.5, rho: 7 } as const;

/** diffusers' own: evenly spaced times, of which the least noisy has a thousandth of noise. */
export const flowDefaults = { shift: 1, sigmaMin: 0.001 } as const;

/** Options of `edmSchedule`. */
export interface EdmOptions {
  /** The least noise that samplers stop at before the clean image; default 0.002. */
  readonly sigmaMin?: number;
  /** The last time; default 80. */
  readonly sigmaMax?: number;
}

/**
 * The variance-exploding schedule of EDM, in which a time is its noise level: α = 1, σ(t) = t. Its default times are
 * `karrasSigmas`.
 *
 * @throws if not 0 < sigmaMin < sigmaMax
 * @see Karras, Aittala, Aila & Laine 2022, table 1 — https://arxiv.org/abs/2206.00364
 */
export function edmSchedule({
  sigmaMin = edmDefaults.sigmaMin,
  sigmaMax = edmDefaults.sigmaMax,
}: EdmOptions = {}): ContinuousSchedule {
  if (!(sigmaMax > 0 && sigmaMax < Infinity))
    throw new Error(`edmSchedule: sigmaMax must be a positive number, got ${sigmaMax}`);
  if (!(sigmaMin > 0 && sigmaMin < sigmaMax))
    throw new Error(`edmSchedule: sigmaMin must lie between 0 and sigmaMax (${sigmaMax}), got ${sigmaMin}`);
  const { rho } = edmDefaults;
  const least = sigmaMin ** (1 / rho);
  const inside = within(sigmaMax);
  return {
    clean: 0,
    first: sigmaMin,
    last: sigmaMax,
    alpha: (t) => (inside(t), 1),
    sigma: (t) => inside(t),
    time: (alpha, sigma) => Math.min(sigma / alpha, sigmaMax),
    priorStd: (t) => inside(t),
    times: (N) => karrasSigmas(N, { sigmaMin, sigmaMax, rho }),
    timeAt: (share) => (share === 0 ? 0 : Math.min((least + share * (sigmaMax ** (1 / rho) - least)) ** rho, sigmaMax)),
  };
}

/**
 * The rectified flow between image and noise: α = 1 − t, σ = t, for t from 0 to 1. Its default times are `flowTimes`.
 *
 * @param shift  moves them towards the noise; default 1, evenly spaced
 * @throws if shift is not positive
 * @see Liu, Gong & Liu 2023 — https://arxiv.org/abs/2209.03003; Lipman et al. 2023 — https://arxiv.org/abs/2210.02747
 */
export function flowSchedule({ shift = flowDefaults.shift }: { readonly shift?: number } = {}): ContinuousSchedule {
  if (!(shift > 0)) throw new Error(`flowSchedule: shift must be positive, got ${shift}`);
  const inside = within(1);
  return {
    clean: 0,
    first: flowDefaults.sigmaMin,
    last: 1,
    alpha: (t) => 1 - inside(t),
    sigma: (t) => inside(t),
    time: (alpha, sigma) => sigma / (alpha + sigma),
    priorStd: () => 1,
    times: (N) => flowTimes(N, { shift }),
    timeAt: (share) => (shift * share) / (1 + (shift - 1) * share),
  };
}

function within(last: number): (t: number) => number {
  return (t) => {
    if (!(t >= 0 && t <= last)) throw new Error(`schedule: time must lie in 0 … ${last}, got ${t}`);
    return t;
  };
}
