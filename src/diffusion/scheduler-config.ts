import { quoteJson } from '../formats/quote.ts';
import { edmDefaults, flowDefaults } from './continuous-schedules.ts';
import { predictionTypes, type PredictionType } from './parameterization.ts';
import { varianceTypes, type VarianceType } from './process.ts';
import { scheduleFromBetas, type Schedule } from './schedule.ts';
import {
  cosineSchedule,
  linearEnds,
  linearSchedule,
  rescaleZeroTerminalSnr,
  scaledLinearSchedule,
  scheduleDefaults,
  sigmoidAlphaBarSchedule,
  sigmoidSchedule,
} from './beta-schedules.ts';

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

/** A rectified flow between image and noise whose network says the velocity, as diffusers' FlowMatchEulerDiscreteScheduler has it. */
export interface FlowSchedulerConfig {
  readonly process: 'flow';
  /** The timestep that the network gets for t = 1, pure noise. */
  readonly numTrainTimesteps: number;
  /** How far sampling and training are moved towards the noise: 1 not at all, 3 in Stable Diffusion 3, for images of many pixels. */
  readonly shift: number;
}

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

/** What a checkpoint's scheduler_config.json says, in diffusers' names in camelCase. */
export type SchedulerConfig = StepSchedulerConfig | FlowSchedulerConfig | EdmSchedulerConfig;

/** The continuous-time processes. */
export const continuousProcesses = ['flow', 'edm'] as const;

/** A discrete-time process as a person writes it: every field optional, and `cosine` for `squaredcos_cap_v2`. */
export type StepSchedulerOptions = Partial<Omit<StepSchedulerConfig, 'betaSchedule'>> & {
  readonly betaSchedule?: BetaSchedule | 'cosine';
};

/** A configuration as a person writes it. */
export type SchedulerOptions =
  | StepSchedulerOptions
  | (Pick<FlowSchedulerConfig, 'process'> & Partial<FlowSchedulerConfig>)
  | (Pick<EdmSchedulerConfig, 'process'> & Partial<EdmSchedulerConfig>);

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

/** diffusers' own defaults of the other processes; EDM's are Karras et al. 2022, table 1. */
export const continuousDefaults: { readonly flow: FlowSchedulerConfig; readonly edm: EdmSchedulerConfig } = {
  flow: { process: 'flow', numTrainTimesteps: 1000, shift: flowDefaults.shift },
  edm: {
    process: 'edm',
    numTrainTimesteps: 1000,
    sigmaMin: edmDefaults.sigmaMin,
    sigmaMax: edmDefaults.sigmaMax,
    sigmaData: edmDefaults.sigmaData,
  },
};

/**
 * The full configuration with the defaults filled in.
 *
 * A betaStart or betaEnd left out is scaled by 1000/T as `linearSchedule` does and stands in the result as a number,
 * so the saved file means the same to diffusers, which does not scale.
 *
 * @throws on an unknown field or name, or a value outside its range
 */
export function schedulerConfig(options?: StepSchedulerOptions): StepSchedulerConfig;
export function schedulerConfig(options: SchedulerOptions): SchedulerConfig;
export function schedulerConfig(options: SchedulerOptions = {}): SchedulerConfig {
  // What comes from a file need not be an object.
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new Error(`scheduler: expected an object, got ${quoteJson(options)}`);
  if (options.process === undefined) return stepConfig(options);
  oneOf('process', options.process, continuousProcesses);
  checkFields(options, continuousDefaults[options.process]);
  const config = { ...continuousDefaults[options.process], ...options } as FlowSchedulerConfig | EdmSchedulerConfig;
  for (const [key, value] of Object.entries(config))
    if (typeof value === 'number' && !(value > 0 && value < Infinity))
      throw new Error(`${key}: expected a positive number, got ${value}`);
  if (config.process === 'edm' && config.sigmaMin >= config.sigmaMax)
    throw new Error(`sigmaMin: expected a noise level below sigmaMax (${config.sigmaMax}), got ${config.sigmaMin}`);
  return config;
}

/** @throws on a field that is none of the defaults', or of another type */
function checkFields(options: object, defaults: object): void {
  for (const [key, value] of Object.entries(options)) {
    oneOf('scheduler field', key, Object.keys(defaults));
    // What comes from a file need not be of its type.
    const type = typeof defaults[key as keyof typeof defaults];
    if (key !== 'trainedBetas' && value !== undefined && typeof value !== type)
      throw new Error(`${key}: expected a ${type}, got ${quoteJson(value)}`);
  }
}

function stepConfig({ process: _, ...options }: StepSchedulerOptions): StepSchedulerConfig {
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
      'predictionType: flow_prediction belongs to straight flows, a discrete-time schedule takes epsilon, sample or v_prediction; for a flow set "process": "flow" instead',
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
 */
export function schedule(nameOrConfig: BetaSchedule | 'cosine' | StepSchedulerOptions): Schedule {
  const config = schedulerConfig(typeof nameOrConfig === 'string' ? { betaSchedule: nameOrConfig } : nameOrConfig);
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

function oneOf(what: string, name: string, names: readonly string[]): void {
  if (!names.includes(name)) throw new Error(`unknown ${what} ${quoteJson(name)}; one of ${names.join(', ')}`);
}
