/** Lists of times chosen by noise level: σ/α, which k-diffusion and EDM call σ. */
import type { NoiseSchedule } from './noise-schedule.ts';

/** Where a list of noise levels begins and ends. */
export interface SigmaRange {
  readonly sigmaMin: number;
  readonly sigmaMax: number;
}

/**
 * Noise levels that are evenly spaced in σ^{1/ρ}: most of the steps are where there is little noise.
 *
 *     σ_i = (σ_max^{1/ρ} + i/(N−1) (σ_min^{1/ρ} − σ_max^{1/ρ}))^ρ,   i = 0 … N−1
 *
 * @param N    the number of levels; 1 gives σ_max
 * @param rho  ρ; default 7
 * @returns    N falling levels, the 0 after them not included
 * @throws if N is not a positive integer or the ends are not 0 < sigmaMin < sigmaMax < ∞
 * @see Karras, Aittala, Aila & Laine 2022, eq. 5 — https://arxiv.org/abs/2206.00364
 */
export function karrasSigmas(
  N: number,
  { sigmaMin, sigmaMax, rho = 7 }: SigmaRange & { readonly rho?: number },
): readonly number[] {
  if (!(rho > 0)) throw new Error(`karrasSigmas: rho must be positive, got ${rho}`);
  return spread(
    'karrasSigmas',
    N,
    { sigmaMin, sigmaMax },
    (sigma) => sigma ** (1 / rho),
    (x) => x ** rho,
  );
}

/**
 * Noise levels that are evenly spaced in ln σ.
 *
 * @returns N falling levels, the 0 after them not included
 * @throws if N is not a positive integer or the ends are not 0 < sigmaMin < sigmaMax < ∞
 */
export function exponentialSigmas(N: number, range: SigmaRange): readonly number[] {
  return spread('exponentialSigmas', N, range, Math.log, Math.exp);
}

/**
 * The noise levels of a schedule's own ends, its first time's and its last's.
 *
 * @throws if the last has no signal, so that its level is infinite
 */
export function sigmaRange(schedule: NoiseSchedule): SigmaRange {
  const sigmaMax = schedule.sigma(schedule.last) / schedule.alpha(schedule.last);
  if (sigmaMax === Infinity)
    throw new Error(
      'sigmaRange: at its last time the schedule has no signal left, so its noise level is infinite; take the trailing spacing, or for a flow leave the spacing out (any sampler but dpm2)',
    );
  return { sigmaMin: schedule.sigma(schedule.first) / schedule.alpha(schedule.first), sigmaMax };
}

/** The times at which a schedule has the given noise levels, in general fractional. */
export function timesOfSigmas(schedule: NoiseSchedule, sigmas: readonly number[]): readonly number[] {
  return sigmas.map((sigma) => schedule.time(1, sigma));
}

/**
 * Times of a rectified flow, evenly spaced from 1 down, then moved towards the noise, which images of more pixels need.
 *
 *     u_i = 1 − i/N,   t_i = shift u_i / (1 + (shift − 1) u_i)
 *
 * @param N      the number of steps
 * @param shift  default 1, evenly spaced; Stable Diffusion 3 has 3
 * @returns      N falling times from 1, the 0 after them not included
 * @throws if N is not a positive integer or shift is not positive
 * @see Esser et al. 2024, eq. 23 — https://arxiv.org/abs/2403.03206
 */
export function flowTimes(N: number, { shift = 1 }: { readonly shift?: number } = {}): readonly number[] {
  checkCount('flowTimes', N);
  if (!(shift > 0)) throw new Error(`flowTimes: shift must be positive, got ${shift}`);
  return Array.from({ length: N }, (_, i) => {
    const u = 1 - i / N;
    return (shift * u) / (1 + (shift - 1) * u);
  });
}

function spread(
  name: string,
  N: number,
  { sigmaMin, sigmaMax }: SigmaRange,
  there: (sigma: number) => number,
  back: (x: number) => number,
): readonly number[] {
  checkCount(name, N);
  if (!(sigmaMin > 0 && sigmaMin < sigmaMax && sigmaMax < Infinity))
    throw new Error(`${name}: expected 0 < sigmaMin < sigmaMax, got ${sigmaMin} and ${sigmaMax}`);
  const [from, to] = [there(sigmaMax), there(sigmaMin)];
  // The first is σ_max itself and not its rounded image: it decides whether a schedule's last time is hit.
  return Array.from({ length: N }, (_, i) => (i === 0 ? sigmaMax : back(from + (i / (N - 1)) * (to - from))));
}

function checkCount(name: string, N: number): void {
  if (!Number.isSafeInteger(N) || N < 1)
    throw new Error(`${name}: the number of steps must be a positive integer, got ${N}`);
}
