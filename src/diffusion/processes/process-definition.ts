/** What there is to say about a process, once for each; see `../processes.ts` for all of them. */
import { quoteJson } from '../../formats/quote.ts';
import type { ContinuousSchedule } from '../continuous-schedule.ts';
import type { TimeSampling } from '../time-sampling.ts';
import type { Preconditioning } from '../preconditioning.ts';
import type { VarianceType } from '../process.ts';
import type { SamplerName } from '../samplers.ts';
import type { Schedule } from '../schedule.ts';

/** A network in its process: the noise that it removes, its input and output, how it is sampled. */
export interface NetworkProcess {
  readonly schedule: Schedule | ContinuousSchedule;
  readonly preconditioning: Preconditioning;
  /** The variance of a DDPM step; `learned_range` networks have twice the channels. */
  readonly varianceType: VarianceType;
  /** x̂_0 is clipped to ±clip at every step of sampling; undefined does not clip. */
  readonly clip: number | undefined;
  /** The sampler where none is named. */
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

/** The timesteps that a process can be trained on. */
export interface TrainingTimes {
  /** Where a configuration names none. */
  readonly default: TimeSampling;
  /** Why others do not fit the process, with a hint. */
  readonly refused: { readonly [Name in TimeSampling]?: string };
  /** Mean and standard deviation of ln(σ/α) for `log_normal`, where the process takes it. */
  readonly logNormal?: { readonly mean: number; readonly std: number };
}

/** A process: everything that differs from one to another. `Config` is its section `scheduler` with all defaults filled in. */
export interface ProcessDefinition<Config> {
  readonly defaults: Config;
  /**
   * Fills in the defaults.
   *
   * @throws on an unknown field or name, or a value outside its range
   */
  complete(options: object): Config;
  /** @throws whatever the schedule refuses */
  network(config: Config): NetworkProcess;
  /** In a few words: `cosine schedule, T = 1000, predicts v`. */
  describe(config: Config): string;
  trainingTimes(config: Config): TrainingTimes;
}

/** The sampler of every process so far: second order for one evaluation a step, and it starts without signal too. */
export const multistep = 'dpmpp-2m' satisfies SamplerName;

/** Variance and clipping of a continuous process: diffusers' configurations have neither. */
export const continuous = { varianceType: 'fixed_small', clip: undefined } as const;

/**
 * The options with defaults, where every field is a positive number.
 *
 * @throws on an unknown field, another type, or a number that is not positive
 */
export function completeNumbers<Config extends object>(options: object, defaults: Config): Config {
  checkFields(options, defaults);
  const config = { ...defaults, ...options };
  for (const [key, value] of Object.entries(config))
    if (typeof value === 'number' && !(value > 0 && value < Infinity))
      throw new Error(`${key}: expected a positive number, got ${value}`);
  return config;
}

/** @throws on a field that is none of the defaults', or of another type */
export function checkFields(options: object, defaults: object): void {
  for (const [key, value] of Object.entries(options)) {
    oneOf('scheduler field', key, Object.keys(defaults));
    // A file can hold any type.
    const type = typeof defaults[key as keyof typeof defaults];
    if (key !== 'trainedBetas' && value !== undefined && typeof value !== type)
      throw new Error(`${key}: expected a ${type}, got ${quoteJson(value)}`);
  }
}

/** @throws if the name is none of them */
export function oneOf(what: string, name: string, names: readonly string[]): void {
  if (!names.includes(name)) throw new Error(`unknown ${what} ${quoteJson(name)}; one of ${names.join(', ')}`);
}
