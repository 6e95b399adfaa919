import type { NetworkProcess } from './network-process.ts';
import { outputError } from './parameterization.ts';
import type { SchedulerConfig } from './scheduler-config.ts';

/** How the losses of different times are weighed against each other. */
export const lossWeightings = ['uniform', 'min_snr'] as const;
/** One of `lossWeightings`. */
export type LossWeighting = (typeof lossWeightings)[number];

/** How the timesteps of a training batch are drawn. */
export const timeSamplings = ['uniform', 'stratified', 'importance', 'log_normal'] as const;
/** One of `timeSamplings`. */
export type TimeSampling = (typeof timeSamplings)[number];

/** The distribution of training timesteps. */
export interface TimestepDistribution {
  readonly timeSampling: TimeSampling;
  /** Mean of ln(σ/α), for `log_normal`. */
  readonly timeMean?: number | undefined;
  /** Its standard deviation. */
  readonly timeStd?: number | undefined;
}

/** How a low-resolution image is upsampled to the resolution of the output. */
export const upsamplings = ['bilinear', 'bicubic'] as const;

/** Conditioning of a super-resolution network: the low-resolution image, concatenated to x_t on the channel axis. */
export interface SuperResolution {
  /** How many times higher and wider the generated images are. */
  readonly factor: number;
  readonly upsampling: (typeof upsamplings)[number];
  /** The largest standard deviation of noise that is put on it in training; 0 puts none. */
  readonly noiseAugmentation: number;
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
 * The timestep distribution of a process, with its defaults: uniform for discrete time; logit-normal for a flow, shifted with
 * its shift, which multiplies σ/α; for EDM log-normally.
 *
 * @throws if the distribution does not fit the process
 * @see Esser et al. 2024, section 3.1 and table 1: mean 0, deviation 1 — https://arxiv.org/abs/2403.03206; Karras et al. 2022, table 1: P_mean −1.2, P_std 1.2 — https://arxiv.org/abs/2206.00364
 */
export function timestepDistribution(
  scheduler: SchedulerConfig,
  {
    timeSampling = scheduler.process === undefined ? 'uniform' : 'log_normal',
    timeMean,
    timeStd,
  }: { readonly [Key in keyof TimestepDistribution]?: TimestepDistribution[Key] | undefined } = {},
): TimestepDistribution {
  if (timeSampling !== 'log_normal') {
    if (timeMean !== undefined || timeStd !== undefined)
      throw new Error(
        `${timeMean === undefined ? 'timeStd' : 'timeMean'}: belongs to timeSampling log_normal, got ${timeSampling}`,
      );
    if (timeSampling === 'importance' && scheduler.process !== undefined)
      throw new Error(
        `timeSampling: importance keeps losses of each of a schedule's steps, and scheduler.process ${scheduler.process} has none; take log_normal`,
      );
    if (scheduler.process === 'edm')
      throw new Error(
        `timeSampling: EDM's noise levels go over five powers of ten, and ${timeSampling} covers almost none of the low ones; take log_normal`,
      );
    return { timeSampling };
  }
  if (scheduler.process === undefined)
    throw new Error(
      'timeSampling: log_normal is for continuous processes (scheduler.process flow or edm); a discrete-time process takes uniform, stratified or importance',
    );
  const usual = scheduler.process === 'flow' ? { mean: Math.log(scheduler.shift), std: 1 } : { mean: -1.2, std: 1.2 };
  return { timeSampling, timeMean: timeMean ?? usual.mean, timeStd: timeStd ?? usual.std };
}

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
