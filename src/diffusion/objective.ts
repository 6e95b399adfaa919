import type { NoiseSchedule } from './noise-schedule.ts';
import type { PredictionType } from './parameterization.ts';

/** How the losses of different times are weighed against each other. */
export const lossWeightings = ['uniform', 'min_snr'] as const;
/** One of `lossWeightings`. */
export type LossWeighting = (typeof lossWeightings)[number];

/** How the times of a training batch are drawn. */
export const timeSamplings = ['uniform', 'stratified'] as const;
/** One of `timeSamplings`. */
export type TimeSampling = (typeof timeSamplings)[number];

/** What training asks of the network beside its prediction type. */
export interface Objective {
  /** `uniform` is L_simple; `min_snr` keeps the easy, noiseless times from dominating. */
  readonly weighting: LossWeighting;
  /** γ of min-SNR. */
  readonly snrGamma: number;
  /** `uniform` draws each time alone; `stratified` one from each of B equal parts, so that a batch covers all levels of noise. */
  readonly timeSampling: TimeSampling;
  /** Standard deviation of noise that is one number a channel, with which pictures can become darker or lighter as a whole. */
  readonly offsetNoise: number;
  /** The share of samples whose class is hidden in training; guidance needs it. */
  readonly classDropout: number;
  /** λ: how much the variational bound counts beside L_simple, for networks that learn the variance. */
  readonly vlbWeight: number;
}

/**
 * Plain DDPM: L_simple on uniform times. γ = 5 is Hang et al. 2023, section 4.1; offset noise, where wanted, is 0.1 and
 * class dropout 0.1 (Ho & Salimans 2022, section 4.1); λ is Nichol & Dhariwal 2021, eq. 16.
 */
export const objectiveDefaults: Objective = { weighting: 'uniform', snrGamma: 5, timeSampling: 'uniform', offsetNoise: 0, classDropout: 0, vlbWeight: 0.001 };

/**
 * The weight of the loss at time t.
 *
 *     min-SNR-γ, snr = α²/σ²:  ε  min(snr, γ)/snr,   x_0  min(snr, γ),   v  min(snr, γ)/(snr + 1)
 *
 * All three are the same weight on the error of x̂_0; the +1 belongs to v because α² + σ² = 1.
 *
 * @returns 1 for `uniform`
 * @throws if snrGamma is not positive, or the network predicts a flow's velocity, for which the paper has no weight
 * @see Hang et al. 2023, section 3.4 — https://arxiv.org/abs/2303.09556
 */
export function lossWeight(schedule: NoiseSchedule, t: number, predictionType: PredictionType, { weighting, snrGamma }: Pick<Objective, 'weighting' | 'snrGamma'>): number {
  if (weighting === 'uniform') return 1;
  if (!(snrGamma > 0)) throw new Error(`snrGamma: expected a positive number, got ${snrGamma}`);
  const snr = (schedule.alpha(t) / schedule.sigma(t)) ** 2;
  const least = Math.min(snr, snrGamma);
  switch (predictionType) {
    // Where there is no signal, ε is all there is: the limit of min(snr, γ)/snr.
    case 'epsilon': return snr === 0 ? 1 : least / snr;
    case 'sample': return least;
    case 'v_prediction': return least / (snr + 1);
    case 'flow_prediction': throw new Error('min-SNR weights are defined for epsilon, sample and v_prediction; train a flow with uniform weights');
  }
}
