/**
 * EDM: continuous noise levels, and a network whose input and target have unit variance at each of them.
 *
 * @see Karras, Aittala, Aila & Laine 2022 — https://arxiv.org/abs/2206.00364
 */
import { type ContinuousSchedule, timesWithin } from '../continuous-schedule.ts';
import type { Preconditioning } from '../preconditioning.ts';
import { karrasSigmas } from '../sigmas.ts';
import { completeNumbers, continuous, multistep, type ProcessDefinition } from './process-definition.ts';

/** EDM's continuous noise levels and preconditioning, as diffusers' EDMEulerScheduler has them. */
export interface EdmSchedulerConfig {
  readonly process: 'edm';
  /** No effect here; the number of noise levels that diffusers lists by default. */
  readonly numTrainTimesteps: number;
  readonly sigmaMin: number;
  readonly sigmaMax: number;
  /** The standard deviation of the data's values. */
  readonly sigmaData: number;
}

/** Ends of EDM's noise levels, ρ of their spacing and the deviation of its data: Karras et al. 2022, table 1. */
export const edmDefaults = { sigmaMin: 0.002, sigmaMax: 80, sigmaData: 0.5, rho: 7 } as const;

/** EDM. */
export const edm: ProcessDefinition<EdmSchedulerConfig> = {
  // Karras et al. 2022, table 1; the number of times is diffusers'.
  defaults: {
    process: 'edm',
    numTrainTimesteps: 1000,
    sigmaMin: edmDefaults.sigmaMin,
    sigmaMax: edmDefaults.sigmaMax,
    sigmaData: edmDefaults.sigmaData,
  },
  complete(options) {
    const config = completeNumbers(options, edm.defaults);
    if (config.sigmaMin >= config.sigmaMax)
      throw new Error(`sigmaMin: expected a noise level below sigmaMax (${config.sigmaMax}), got ${config.sigmaMin}`);
    return config;
  },
  network({ sigmaMin, sigmaMax, sigmaData }) {
    const preconditioning = edmPreconditioning({ sigmaData });
    return {
      schedule: edmSchedule({ sigmaMin, sigmaMax }),
      preconditioning,
      ...continuous,
      defaultSampler: multistep,
      networkTimes: {
        from: preconditioning.networkTime(sigmaMin),
        to: preconditioning.networkTime(sigmaMax),
        label: 'ln(σ)/4',
      },
    };
  },
  describe: ({ sigmaMin, sigmaMax }) => `EDM, noise levels from ${sigmaMin} to ${sigmaMax}`,
  trainingTimes: () => ({
    default: 'log_normal',
    refused: {
      importance:
        "timeSampling: importance keeps losses of each of a schedule's steps, and scheduler.process edm has none; take log_normal",
      uniform: fewLowLevels('uniform'),
      stratified: fewLowLevels('stratified'),
    },
    // Karras et al. 2022, table 1: P_mean and P_std.
    logNormal: { mean: -1.2, std: 1.2 },
  }),
};

const fewLowLevels = (name: string) =>
  `timeSampling: EDM's noise levels go over five powers of ten, and ${name} covers almost none of the low ones; take log_normal`;

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
  const inside = timesWithin(sigmaMax);
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
 * EDM's: the network sees inputs of unit variance at every noise level, and is asked for a target of unit variance.
 *
 *     D(x; σ) = c_skip x + c_out F(c_in x; c_noise),   so F should be (x_0 − c_skip x_σ)/c_out = (σ x_0/s − s ε)/√(σ² + s²),  s = sigmaData
 *
 * With data of unit variance that is −v: EDM is a prediction of v whose data are scaled to fit. Its loss
 * λ(σ) (D − x_0)² with λ = 1/c_out² is the plain squared error of F, so nothing has to be weighed.
 *
 * Use it on `edmSchedule`, whose times are noise levels.
 *
 * @param sigmaData  the standard deviation of the data; default 0.5
 * @throws if sigmaData is not positive; when asked, if a noise level is not
 * @see Karras, Aittala, Aila & Laine 2022, eq. 7, 8 and table 1 — https://arxiv.org/abs/2206.00364
 */
export function edmPreconditioning({
  sigmaData = edmDefaults.sigmaData,
}: { readonly sigmaData?: number } = {}): Preconditioning {
  if (!(sigmaData > 0)) throw new Error(`edmPreconditioning: sigmaData must be positive, got ${sigmaData}`);
  return {
    predicts: 'edm',
    inputScale: (sigma) => edmCoefficients(sigma, sigmaData).cIn,
    networkTime: (sigma) => edmCoefficients(sigma, sigmaData).cNoise,
    processTime: (cNoise) => Math.exp(4 * cNoise),
    target: (sigma) => {
      const { cIn } = edmCoefficients(sigma, sigmaData);
      return [(cIn * sigma) / sigmaData, -cIn * sigmaData];
    },
  };
}

/**
 * EDM's coefficients at a noise level.
 *
 *     c_skip = s²/(σ² + s²), c_out = σ s/√(σ² + s²), c_in = 1/√(σ² + s²), c_noise = ln(σ)/4
 *
 * @throws if sigma or sigmaData is not positive
 * @see Karras et al. 2022, table 1
 */
export function edmCoefficients(
  sigma: number,
  sigmaData: number = edmDefaults.sigmaData,
): { readonly cSkip: number; readonly cOut: number; readonly cIn: number; readonly cNoise: number } {
  if (!(sigma > 0 && sigmaData > 0))
    throw new Error(`edmCoefficients: sigma and sigmaData must be positive, got ${sigma} and ${sigmaData}`);
  const total = sigma ** 2 + sigmaData ** 2;
  return {
    cSkip: sigmaData ** 2 / total,
    cOut: (sigma * sigmaData) / Math.sqrt(total),
    cIn: 1 / Math.sqrt(total),
    cNoise: Math.log(sigma) / 4,
  };
}
