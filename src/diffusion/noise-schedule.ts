/**
 * How much of the image and how much noise there is at each time: x_t = α(t) x_0 + σ(t) ε, in float64.
 *
 * Denoisers and samplers ask for nothing else, so what works on DDPM's thousand steps works on EDM's continuous noise
 * levels and on rectified flows. Times fall from `last`, the noisiest, to `clean`, where α = 1 and σ = 0.
 */
export interface NoiseSchedule {
  /** The time of the clean image: −1 for schedules of steps, 0 for continuous ones. */
  readonly clean: number;
  /** The least noisy time at which a network is asked: 0 for schedules of steps. */
  readonly first: number;
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

/** ln(α/σ), half the logarithm of the signal-to-noise ratio: −∞ where there is no signal, ∞ where there is no noise. */
export function logSnrHalf(schedule: NoiseSchedule, t: number): number {
  return Math.log(schedule.alpha(t) / schedule.sigma(t));
}
