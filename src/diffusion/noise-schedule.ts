/**
 * How much of the picture and how much noise there is at each time: x_t = α(t) x_0 + σ(t) ε, in float64.
 *
 * Denoisers and samplers ask for nothing else, so what works on DDPM's thousand steps works on EDM's continuous noise
 * levels and on straight flows. Times fall from `last`, the noisiest, to `clean`, where α = 1 and σ = 0.
 */
export interface NoiseSchedule {
  /** The time of the clean picture: −1 for schedules of steps, 0 for continuous ones. */
  readonly clean: number;
  /** The noisiest time. */
  readonly last: number;
  /** The signal scale at a time; throws outside the schedule. */
  alpha(t: number): number;
  /** The noise scale at a time; throws outside the schedule. */
  sigma(t: number): number;
  /** The time at which σ/α is that of the given scales; held to the schedule's ends. */
  time(alpha: number, sigma: number): number;
  /** The standard deviation of the noise a sampler begins from at time t. */
  priorStd(t: number): number;
}

/** Ends of EDM's noise levels: Karras et al. 2022, table 1. */
export const edmDefaults = { sigmaMin: 0.002, sigmaMax: 80, sigmaData: 0.5 } as const;

/**
 * The variance-exploding schedule of EDM, in which a time is its noise level: α = 1, σ(t) = t.
 *
 * @param sigmaMax  the last time; default 80
 * @throws if sigmaMax is not positive
 * @see Karras, Aittala, Aila & Laine 2022, table 1 — https://arxiv.org/abs/2206.00364
 */
export function edmSchedule({ sigmaMax = edmDefaults.sigmaMax }: { readonly sigmaMax?: number } = {}): NoiseSchedule {
  if (!(sigmaMax > 0 && sigmaMax < Infinity)) throw new Error(`edmSchedule: sigmaMax must be a positive number, got ${sigmaMax}`);
  const inside = within(sigmaMax);
  return {
    clean: 0,
    last: sigmaMax,
    alpha: (t) => (inside(t), 1),
    sigma: (t) => inside(t),
    time: (alpha, sigma) => Math.min(sigma / alpha, sigmaMax),
    priorStd: (t) => inside(t),
  };
}

/**
 * The straight line between picture and noise: α = 1 − t, σ = t, for t from 0 to 1.
 *
 * @see Liu, Gong & Liu 2023 — https://arxiv.org/abs/2209.03003; Lipman et al. 2023 — https://arxiv.org/abs/2210.02747
 */
export function flowSchedule(): NoiseSchedule {
  const inside = within(1);
  return {
    clean: 0,
    last: 1,
    alpha: (t) => 1 - inside(t),
    sigma: (t) => inside(t),
    time: (alpha, sigma) => sigma / (alpha + sigma),
    priorStd: () => 1,
  };
}

function within(last: number): (t: number) => number {
  return (t) => {
    if (!(t >= 0 && t <= last)) throw new Error(`schedule: time must lie in 0 … ${last}, got ${t}`);
    return t;
  };
}

/** ln(α/σ), half the logarithm of the signal-to-noise ratio: −∞ where there is no signal, ∞ where there is no noise. */
export function logSnrHalf(schedule: NoiseSchedule, t: number): number {
  return Math.log(schedule.alpha(t) / schedule.sigma(t));
}
