/**
 * Discrete-time diffusion: T steps of noise with given variances.
 *
 * @see Ho, Jain & Abbeel 2020 — https://arxiv.org/abs/2006.11239
 */
import {
  cosineSchedule,
  linearEnds,
  linearSchedule,
  rescaleZeroTerminalSnr,
  scaledLinearSchedule,
  scheduleDefaults,
  sigmoidAlphaBarSchedule,
  sigmoidSchedule,
} from '../beta-schedules.ts';
import { predictionTypes, type PredictionType } from '../parameterization.ts';
import { plainPreconditioning } from '../preconditioning.ts';
import { varianceTypes, type VarianceType } from '../process.ts';
import { scheduleFromBetas, type Schedule } from '../schedule.ts';
import { checkFields, multistep, oneOf, type ProcessDefinition } from './process-definition.ts';

/** The schedules, by diffusers' names where it has them; `sigmoid_alpha_bar` (Jabri et al.) is saved as its list of β. */
export const betaSchedules = ['linear', 'scaled_linear', 'squaredcos_cap_v2', 'sigmoid', 'sigmoid_alpha_bar'] as const;
/** One of `betaSchedules`. */
export type BetaSchedule = (typeof betaSchedules)[number];

/** A process of T steps with given variances, by the field names of diffusers' DDPMScheduler. */
export interface StepSchedulerConfig {
  /** Absent for discrete-time diffusion. */
  readonly process?: undefined;
  readonly betaSchedule: BetaSchedule;
  /** T. */
  readonly numTrainTimesteps: number;
  /** β_0 of `linear`, `scaled_linear` and `sigmoid`; the others have no use for it. */
  readonly betaStart: number;
  /** β_{T−1} of the same. */
  readonly betaEnd: number;
  /** [T] the β themselves, in place of a named schedule; null for those with a name. */
  readonly trainedBetas: readonly number[] | null;
  /** Whether the schedule is rescaled to end without any signal; needs a prediction of v or x_0. */
  readonly rescaleBetasZeroSnr: boolean;
  /** The variance of a DDPM step. */
  readonly varianceType: VarianceType;
  /** What the network's output is. */
  readonly predictionType: PredictionType;
  /** Whether x̂_0 is held to ±clipSampleRange at every step. */
  readonly clipSample: boolean;
  readonly clipSampleRange: number;
}

/** A discrete-time process as a person writes it: every field optional, and `cosine` for `squaredcos_cap_v2`. */
export type StepSchedulerOptions = Partial<Omit<StepSchedulerConfig, 'betaSchedule'>> & {
  readonly betaSchedule?: BetaSchedule | 'cosine';
};

/** diffusers' own defaults (`DDPMScheduler`), so a field absent from a file means here what it means there. Ho's CIFAR-10 model has fixed_large. */
export const schedulerDefaults: StepSchedulerConfig = {
  betaSchedule: 'linear',
  numTrainTimesteps: scheduleDefaults.T,
  betaStart: scheduleDefaults.betaStart,
  betaEnd: scheduleDefaults.betaEnd,
  trainedBetas: null,
  rescaleBetasZeroSnr: false,
  varianceType: 'fixed_small',
  predictionType: 'epsilon',
  clipSample: true,
  clipSampleRange: 1,
};

/** Discrete-time diffusion. */
export const discreteTime: ProcessDefinition<StepSchedulerConfig> = {
  defaults: schedulerDefaults,
  complete: completed,
  network(config) {
    const steps = schedule(config);
    return {
      schedule: steps,
      preconditioning: plainPreconditioning(steps, config.predictionType),
      varianceType: config.varianceType,
      clip: config.clipSample ? config.clipSampleRange : undefined,
      defaultSampler: multistep,
      networkTimes: { from: 0, to: steps.T, label: 't' },
    };
  },
  describe: ({ betaSchedule, numTrainTimesteps: T, predictionType }) =>
    `${betaSchedule === 'squaredcos_cap_v2' ? 'cosine' : betaSchedule.replaceAll('_', ' ')} schedule, T = ${T}, predicts ${predicted[predictionType]}`,
  trainingTimes: () => ({
    default: 'uniform',
    refused: {
      log_normal:
        'timeSampling: log_normal is for continuous processes (scheduler.process flow or edm); a discrete-time process takes uniform, stratified or importance',
    },
  }),
};

/** A network's output, as the papers write it. */
const predicted = { epsilon: 'ε', sample: 'x₀', v_prediction: 'v', flow_prediction: 'the flow' } as const;

function completed({ process: _, ...options }: StepSchedulerOptions): StepSchedulerConfig {
  checkFields(options, schedulerDefaults);
  const { betaSchedule, ...given } = options;
  const ends = linearEnds(
    options.numTrainTimesteps ?? schedulerDefaults.numTrainTimesteps,
    options.betaStart,
    options.betaEnd,
  );
  const config: StepSchedulerConfig = {
    ...schedulerDefaults,
    ...given,
    ...ends,
    betaSchedule: betaSchedule === 'cosine' ? 'squaredcos_cap_v2' : (betaSchedule ?? schedulerDefaults.betaSchedule),
  };
  oneOf('betaSchedule', config.betaSchedule, [...betaSchedules, 'cosine']);
  oneOf('varianceType', config.varianceType, varianceTypes);
  oneOf('predictionType', config.predictionType, predictionTypes);
  const { trainedBetas, numTrainTimesteps } = config;
  if (trainedBetas !== null && !(Array.isArray(trainedBetas) && trainedBetas.every((beta) => typeof beta === 'number')))
    throw new Error('trainedBetas: expected a list of numbers, or null');
  if (trainedBetas !== null && trainedBetas.length !== numTrainTimesteps)
    throw new Error(
      `trainedBetas: expected one for each of the ${numTrainTimesteps} numTrainTimesteps, got ${trainedBetas.length}`,
    );
  if (config.rescaleBetasZeroSnr && config.predictionType === 'epsilon')
    throw new Error(
      'rescaleBetasZeroSnr: at its last time there is no signal, and ε-prediction has no information about the image; use predictionType v_prediction or sample',
    );
  if (config.predictionType === 'flow_prediction')
    throw new Error(
      'predictionType: flow_prediction belongs to rectified flows, a discrete-time schedule takes epsilon, sample or v_prediction; for a flow set "process": "flow" instead',
    );
  if (!(config.clipSampleRange > 0))
    throw new Error(`clipSampleRange: expected a positive number, got ${config.clipSampleRange}`);
  if (numTrainTimesteps > mostTimes)
    throw new Error(`numTrainTimesteps: expected at most ${mostTimes}, got ${numTrainTimesteps}`);
  return config;
}

/**
 * The discrete-time schedule of a name or of a configuration: `schedule('cosine')`, `schedule({ numTrainTimesteps: 200 })`.
 *
 * @throws on an unknown name, or whatever the schedule itself refuses
 * @example
 * import { schedule } from 'kuosan/diffusion';
 *
 * console.log(schedule('cosine').alphaBar(999).toExponential(0)); // 2e-9
 */
export function schedule(nameOrConfig: BetaSchedule | 'cosine' | StepSchedulerOptions): Schedule {
  const config = completed(typeof nameOrConfig === 'string' ? { betaSchedule: nameOrConfig } : nameOrConfig);
  const named =
    config.trainedBetas === null ? namedSchedule(config) : scheduleFromBetas(Float64Array.from(config.trainedBetas));
  return config.rescaleBetasZeroSnr ? rescaleZeroTerminalSnr(named) : named;
}

function namedSchedule({ betaSchedule, numTrainTimesteps: T, betaStart, betaEnd }: StepSchedulerConfig): Schedule {
  switch (betaSchedule) {
    case 'linear':
      return linearSchedule({ T, betaStart, betaEnd });
    case 'scaled_linear':
      return scaledLinearSchedule({ T, betaStart, betaEnd });
    case 'squaredcos_cap_v2':
      return cosineSchedule({ T });
    case 'sigmoid':
      return sigmoidSchedule({ T, betaStart, betaEnd });
    case 'sigmoid_alpha_bar':
      return sigmoidAlphaBarSchedule({ T });
  }
}

/** A thousand times what anybody uses; each is a number in several tables, and a file must not ask for gigabytes. */
const mostTimes = 1_000_000;
