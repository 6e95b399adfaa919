/** What stands between a network and its process: how x_t and t enter it, and what it predicts. */
import type { NoiseSchedule } from './noise-schedule.ts';
import { type PredictionType, predictionTypes, type Target, targetOf } from './parameterization.ts';

/** Scales of a network's input and output, after Karras et al. 2022, eq. 7; most networks take x_t and t as they are. */
export interface Preconditioning {
  /** What it predicts, by name. */
  readonly predicts: PredictionType | 'edm';
  /** c_in: what x_t is multiplied by before it enters the network. */
  readonly inputScale: (t: number) => number;
  /** c_noise: the time as the network is conditioned on it. */
  readonly networkTime: (t: number) => number;
  /** Its inverse: the process' time of a network's. */
  readonly processTime: (networkTime: number) => number;
  /** What the network should predict: x_0 and ε in these proportions. */
  readonly target: (t: number) => Target;
}

const asItIs = (t: number): number => t;

/**
 * A network that takes x_t and t as they are.
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
