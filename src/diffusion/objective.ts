import type { NetworkProcess } from './processes/process-definition.ts';
import { outputError } from './parameterization.ts';
import type { TimestepDistribution, TimeSampling } from './time-sampling.ts';

/** How the losses of different times are weighed against each other. */
export const lossWeightings = ['uniform', 'min_snr'] as const;
/** One of `lossWeightings`. */
export type LossWeighting = (typeof lossWeightings)[number];

/**
 * How a low-resolution image is upsampled to the resolution of the output. `bilinear_align_corners` puts the corner
 * pixels of one on those of the other, as DeepFloyd IF does.
 */
export const upsamplings = ['bilinear', 'bilinear_align_corners', 'bicubic', 'bicubic_antialias'] as const;

/** Conditioning of a super-resolution network: the low-resolution image, concatenated to x_t on the channel axis. */
export interface SuperResolution {
  /** How many times higher and wider the generated images are. */
  readonly factor: number;
  readonly upsampling: (typeof upsamplings)[number];
  /** The largest standard deviation of noise that is put on it in training; 0 puts none. */
  readonly noiseAugmentation: number;
  /** The largest standard deviation of a Gaussian blur that half of the images have in training, in pixels of the low resolution; default 0. */
  readonly blur?: number | undefined;
}

/** The training objective. */
export interface Objective extends TimestepDistribution {
  /** `uniform` is L_simple; `min_snr` keeps the easy, noiseless times from dominating. */
  readonly weighting: LossWeighting;
  /** γ of min-SNR. */
  readonly snrGamma: number;
  /** `uniform` draws each time alone; `stratified` one from each of B equal parts, so that a batch covers all levels of noise; `importance` draws times in proportion to their losses, which weigh as much less; `log_normal` makes ln(σ/α) a normal, with which continuous processes are trained. */
  readonly timeSampling: TimeSampling;
  /** Standard deviation of noise that is one number a channel, with which images can become darker or lighter as a whole. */
  readonly offsetNoise: number;
  /** Label dropout: the share of samples trained with the null label; guidance needs it. */
  readonly labelDropout: number;
  /** Absent, images are sampled from noise alone. */
  readonly superResolution?: SuperResolution | undefined;
  /** λ: the weight of the variational bound relative to L_simple, for networks that learn the variance. */
  readonly vlbWeight: number;
}

/**
 * Plain DDPM: L_simple on uniform times. γ = 5 is Hang et al. 2023, section 4.1; offset noise, where wanted, is 0.1 and
 * class dropout 0.1 (Ho & Salimans 2022, section 4.1); λ is Nichol & Dhariwal 2021, eq. 16.
 */
export const objectiveDefaults: Objective = {
  weighting: 'uniform',
  snrGamma: 5,
  timeSampling: 'uniform',
  offsetNoise: 0,
  labelDropout: 0,
  vlbWeight: 0.001,
};

/**
 * The weight of the loss at time t.
 *
 *     min-SNR-γ: min(snr, γ) on the squared error of x̂_0, snr = α²/σ², whatever the network says:
 *     ε  min(snr, γ)/snr,   x_0  min(snr, γ),   v  min(snr, γ)/(snr + 1)   (the +1 because α² + σ² = 1)
 *
 * @returns 1 for `uniform`
 * @throws if snrGamma is not positive
 * @see Hang et al. 2023, section 3.4 — https://arxiv.org/abs/2303.09556
 */
export function lossWeight(
  { schedule, preconditioning }: Pick<NetworkProcess, 'schedule' | 'preconditioning'>,
  t: number,
  { weighting, snrGamma }: Pick<Objective, 'weighting' | 'snrGamma'>,
): number {
  if (weighting === 'uniform') return 1;
  if (!(snrGamma > 0)) throw new Error(`snrGamma: expected a positive number, got ${snrGamma}`);
  const [alpha, sigma] = [schedule.alpha(t), schedule.sigma(t)];
  const error = outputError(preconditioning.target(t), alpha, sigma);
  // Where there is no signal, ε is all there is: the limit of min(snr, γ)/snr.
  return error === 0 ? 1 : Math.min((alpha / sigma) ** 2, snrGamma) / error ** 2;
}
