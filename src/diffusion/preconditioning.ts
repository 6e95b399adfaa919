/** How a network takes part in a process: what it is shown of x_t and of t, and what it is asked for. */
import { edmDefaults } from './continuous-schedules.ts';
import type { NoiseSchedule } from './noise-schedule.ts';
import { type PredictionType, predictionTypes, type Target, targetOf } from './parameterization.ts';

/** What stands between a network and its process, after Karras et al. 2022, eq. 7; most networks see x_t and t as they are. */
export interface Preconditioning {
  /** What it is asked for, by name. */
  readonly predicts: PredictionType | 'edm';
  /** c_in: what x_t is multiplied by before the network sees it. */
  readonly inputScale: (t: number) => number;
  /** c_noise: the time as the network is conditioned on it. */
  readonly networkTime: (t: number) => number;
  /** Its inverse: the process' time of a network's. */
  readonly processTime: (networkTime: number) => number;
  /** What the network should say: x_0 and ε in these proportions. */
  readonly target: (t: number) => Target;
}

const asItIs = (t: number): number => t;

/**
 * A network that is shown x_t and t as they are.
 *
 * @throws if there is no such prediction type
 */
export function plainPreconditioning(schedule: NoiseSchedule, predictionType: PredictionType): Preconditioning {
  if (!predictionTypes.includes(predictionType))
    throw new Error(`unknown predictionType "${String(predictionType)}"; one of ${predictionTypes.join(', ')}`);
  const target = targetOf[predictionType];
  return {
    predicts: predictionType,
    inputScale: () => 1,
    networkTime: asItIs,
    processTime: asItIs,
    target: (t) => target(schedule.alpha(t), schedule.sigma(t)),
  };
}

/**
 * A network that predicts the velocity ε − x_0 of a rectified flow and takes the time in thousandths, as diffusers'
 * FlowMatchEulerDiscreteScheduler does: embeddings of times are made for 0 … 1000, not for 0 … 1.
 *
 * @param T  the timestep that the network gets for t = 1; default 1000
 * @see Esser et al. 2024 — https://arxiv.org/abs/2403.03206
 */
export function flowPreconditioning({ T = 1000 }: { readonly T?: number } = {}): Preconditioning {
  const target = targetOf.flow_prediction(0, 1);
  return {
    predicts: 'flow_prediction',
    inputScale: () => 1,
    networkTime: (t) => T * t,
    processTime: (time) => time / T,
    target: () => target,
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
