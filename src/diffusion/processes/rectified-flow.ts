/**
 * A rectified flow: the straight line between image and noise, and a network that predicts its velocity.
 *
 * @see Liu, Gong & Liu 2023 — https://arxiv.org/abs/2209.03003; Lipman et al. 2023 — https://arxiv.org/abs/2210.02747
 */
import { type ContinuousSchedule, timesWithin } from '../continuous-schedule.ts';
import { targetOf } from '../parameterization.ts';
import type { Preconditioning } from '../preconditioning.ts';
import { flowTimes } from '../sigmas.ts';
import { completeNumbers, continuous, multistep, type ProcessDefinition } from './process-definition.ts';

/** A rectified flow between image and noise whose network predicts the velocity, as diffusers' FlowMatchEulerDiscreteScheduler has it. */
export interface FlowSchedulerConfig {
  readonly process: 'flow';
  /** The timestep that the network gets for t = 1, pure noise. */
  readonly numTrainTimesteps: number;
  /** How far sampling and training are moved towards the noise: 1 not at all, 3 in Stable Diffusion 3, for images of many pixels. */
  readonly shift: number;
}

/** diffusers' own: evenly spaced times, of which the least noisy has a thousandth of noise. */
export const flowDefaults = { shift: 1, sigmaMin: 0.001 } as const;

/** A rectified flow. */
export const rectifiedFlow: ProcessDefinition<FlowSchedulerConfig> = {
  // diffusers' FlowMatchEulerDiscreteScheduler
  defaults: { process: 'flow', numTrainTimesteps: 1000, shift: flowDefaults.shift },
  complete: (options) => completeNumbers(options, rectifiedFlow.defaults),
  network: ({ shift, numTrainTimesteps: T }) => ({
    schedule: flowSchedule({ shift }),
    preconditioning: flowPreconditioning({ T }),
    ...continuous,
    defaultSampler: multistep,
    networkTimes: { from: 0, to: T, label: `${T} t` },
  }),
  describe: () => 'rectified flow, predicts its velocity',
  trainingTimes: ({ shift }) => ({
    default: 'log_normal',
    refused: {
      importance:
        "timeSampling: importance keeps losses of each of a schedule's steps, and scheduler.process flow has none; take log_normal",
    },
    // Esser et al. 2024, table 1; the shift multiplies σ/α.
    logNormal: { mean: Math.log(shift), std: 1 },
  }),
};

/**
 * The rectified flow between image and noise: α = 1 − t, σ = t, for t from 0 to 1. Its default times are `flowTimes`.
 *
 * @param shift  moves them towards the noise; default 1, evenly spaced
 * @throws if shift is not positive
 * @see Liu, Gong & Liu 2023 — https://arxiv.org/abs/2209.03003; Lipman et al. 2023 — https://arxiv.org/abs/2210.02747
 */
export function flowSchedule({ shift = flowDefaults.shift }: { readonly shift?: number } = {}): ContinuousSchedule {
  if (!(shift > 0)) throw new Error(`flowSchedule: shift must be positive, got ${shift}`);
  const inside = timesWithin(1);
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
