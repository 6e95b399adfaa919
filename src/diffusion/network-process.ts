import { type ContinuousSchedule, edmSchedule, flowSchedule } from './continuous-schedules.ts';
import {
  edmPreconditioning,
  flowPreconditioning,
  plainPreconditioning,
  type Preconditioning,
} from './preconditioning.ts';
import type { VarianceType } from './process.ts';
import type { SamplerName } from './samplers.ts';
import { hasSteps, type Schedule } from './schedule.ts';
import { schedule, type SchedulerConfig } from './scheduler-config.ts';

/** What a configuration says of a network: the process it was or will be trained in, and its part in it. */
export interface NetworkProcess {
  readonly schedule: Schedule | ContinuousSchedule;
  readonly preconditioning: Preconditioning;
  /** The variance of a DDPM step; `learned_range` networks have twice the channels. */
  readonly varianceType: VarianceType;
  /** x̂_0 is held to ±clip at every step of sampling; undefined is free. */
  readonly clip: number | undefined;
  /** What it is sampled with when nobody says. */
  readonly defaultSampler: SamplerName;
  /** The times that the network is conditioned on: at least `from`, less than `to` for steps, at most for the others; rare ones of EDM lie beyond. */
  readonly networkTimes: NetworkTimes;
}

/** A range of the network's timesteps, and the label of their axis. */
export interface NetworkTimes {
  readonly from: number;
  readonly to: number;
  readonly label: string;
}

/**
 * The process of a configuration: DDPM's steps, a rectified flow or EDM.
 *
 * @throws whatever the schedule refuses
 */
export function networkProcess(config: SchedulerConfig): NetworkProcess {
  switch (config.process) {
    case undefined: {
      const steps = schedule(config);
      return {
        schedule: steps,
        preconditioning: plainPreconditioning(steps, config.predictionType),
        varianceType: config.varianceType,
        clip: config.clipSample ? config.clipSampleRange : undefined,
        ...sampled,
        networkTimes: { from: 0, to: steps.T, label: 't' },
      };
    }
    case 'flow': {
      const { shift, numTrainTimesteps: T } = config;
      return {
        schedule: flowSchedule({ shift }),
        preconditioning: flowPreconditioning({ T }),
        ...continuous,
        ...sampled,
        networkTimes: { from: 0, to: T, label: `${T} t` },
      };
    }
    case 'edm': {
      const { sigmaMin, sigmaMax, sigmaData } = config;
      const preconditioning = edmPreconditioning({ sigmaData });
      const networkTimes = {
        from: preconditioning.networkTime(sigmaMin),
        to: preconditioning.networkTime(sigmaMax),
        label: 'ln(σ)/4',
      };
      return {
        schedule: edmSchedule({ sigmaMin, sigmaMax }),
        preconditioning,
        ...continuous,
        ...sampled,
        networkTimes,
      };
    }
  }
}

/** Of second order for one evaluation a step, and it begins without signal too. */
const sampled = { defaultSampler: 'dpmpp-2m' } as const;

/** diffusers has neither in the configurations of these processes, and clips nothing in them. */
const continuous = { varianceType: 'fixed_small', clip: undefined } as const;

/** What a network's output is, as the papers write it. */
const predicted = { epsilon: 'ε', sample: 'x₀', v_prediction: 'v', flow_prediction: 'the flow' } as const;

/** A configuration in a few words: `cosine schedule, T = 1000, predicts v`. */
export function describeProcess(config: SchedulerConfig): string {
  switch (config.process) {
    case undefined:
      return `${config.betaSchedule === 'squaredcos_cap_v2' ? 'cosine' : config.betaSchedule.replaceAll('_', ' ')} schedule, T = ${config.numTrainTimesteps}, predicts ${predicted[config.predictionType]}`;
    case 'flow':
      return 'rectified flow, predicts its velocity';
    case 'edm':
      return `EDM, noise levels from ${config.sigmaMin} to ${config.sigmaMax}`;
  }
}

/**
 * Noise levels spread evenly over the network's timesteps, least noise first: the middles of N equal parts, on a
 * discrete-time schedule the step that each is in.
 *
 * @returns times of the process, fewer than N where it has fewer steps
 */
export function spreadTimes(
  { schedule: noise, preconditioning, networkTimes: { from, to } }: NetworkProcess,
  N: number,
): readonly number[] {
  const times = Array.from({ length: N }, (_, i) => preconditioning.processTime(from + ((i + 0.5) * (to - from)) / N));
  return hasSteps(noise) ? [...new Set(times.map(Math.floor))] : times;
}
