/** The options of commands that generate images. */
import type { Command } from 'commander';
import { defaultEvaluations } from '../diffusion/sampling.ts';
import {
  samplerNamed,
  samplers,
  samplersWhich,
  timeSpacings,
  type SamplerTable,
  type TimeSpacing,
} from '../diffusion/samplers.ts';
import { addDeviceOptions, type DeviceOptions } from './device-options.ts';
import { addGuidanceOptions, checkGuidanceOptions, type GuidanceCommandOptions } from './guidance-options.ts';
import { choiceOption, integerOption, namedOption, numberOption, UsageError } from './options.ts';

/** What a command takes for a model, in its help. */
export const modelArgument =
  "a run's folder, one checkpoint, a model folder, or a model that comes with kuosan (noto-32, fashion-mnist)";

/** What images are sampled from: a model, or the exact denoiser of a data set. */
export interface SourceOptions extends DeviceOptions {
  /** A data set whose exact denoiser takes the place of a network. */
  readonly exact?: string;
  /** The noise schedule of the exact denoiser, where no model has one. */
  readonly schedule?: ExactSchedule;
  /** The size of its images, where no model has one. */
  readonly size?: number;
  readonly variant?: string;
  readonly batchSize: number;
}

/** The options of samplers and guidance. */
export interface SamplerCommandOptions extends GuidanceCommandOptions {
  /** Absent, the model's own. */
  readonly sampler?: string;
  readonly steps?: number;
  readonly spacing?: TimeSpacing;
  readonly eta?: number;
  readonly churn?: number;
  readonly class?: string;
}

const exactSchedules = ['linear', 'cosine', 'scaled_linear', 'sigmoid', 'sigmoid_alpha_bar'] as const;
type ExactSchedule = (typeof exactSchedules)[number];

/**
 * Adds what images are sampled from: the model's argument, `--exact`, and where it is computed.
 *
 * @param batchSize  images computed together unless said otherwise, whatever the count
 */
export function addSourceOptions(command: Command, batchSize = 16): Command {
  command
    .argument('[run | model dir | name]', modelArgument)
    .option(
      '--exact <source>',
      "sample from the exact denoiser of a data set instead of a network, with the model's schedule and size if a model is given",
    )
    .option(
      '--schedule <name>',
      `of --exact without a model: ${exactSchedules.join(', ')}; default linear`,
      choiceOption('schedule', exactSchedules),
    )
    .option(
      '--size <pixels>',
      'of --exact without a model: the side of its images; default 32',
      integerOption('--size', 1, 512),
    )
    .option('--variant <name>', 'variant of the weights files, such as fp16')
    .option('--batch-size <n>', 'batch size', integerOption('--batch-size', 1, 1024), batchSize);
  return addDeviceOptions(command);
}

/** Adds the sampler's steps, class and guidance. */
export function addStepOptions(command: Command, table: SamplerTable = samplers): Command {
  command
    .option('--steps <n>', samplerHelp(table).steps, integerOption('--steps', 1))
    .option(
      '--spacing <name>',
      `how the times are placed: ${timeSpacings.join(', ')}; default the sampler's own`,
      choiceOption('spacing', timeSpacings),
    )
    .option('--class <name>', 'the class to generate, by its name, or by its number as #3; default: all in turn');
  return addGuidanceOptions(command);
}

/** Adds the samplers by name, and the noise of those that have it. */
export function addSamplerOptions(command: Command, table: SamplerTable = samplers): Command {
  const { sampler, eta } = samplerHelp(table);
  command
    .option('--sampler <name>', sampler, namedOption(Object.keys(table)))
    .option('--eta <x>', eta, numberOption('--eta', 0, 1))
    .option(
      '--churn <x>',
      `stochasticity S_churn (EDM) of ${listed(owners('churn', table))}`,
      numberOption('--churn', 0, 1000),
    );
  return addStepOptions(command, table);
}

/** What the help says of the samplers of a table. */
export function samplerHelp(table: SamplerTable = samplers): {
  readonly sampler: string;
  readonly eta: string;
  readonly steps: string;
} {
  const all = samplersWhich(undefined, table);
  return {
    sampler: `one of ${all.map(({ name }) => name).join(', ')}; default the model's own, or dpmpp-2m`,
    eta: `η of ${listed(owners('eta', table))}: 0 is deterministic; with 1 ddim has the variance of ddpm`,
    steps: `steps of the reverse process; default about ${defaultEvaluations} evaluations, with --sampler ${all.map(({ name, steps }) => `${steps} for ${name}`).join(', ')}`,
  };
}

/** The samplers that have an option. */
function owners(option: 'eta' | 'churn', table: SamplerTable): string[] {
  return samplersWhich(({ takes }) => takes?.includes(option) ?? false, table).map(({ name }) => name);
}

/** `a, b and c` */
function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

/**
 * Before anything is opened: what a sampler that is not named takes is not known yet.
 *
 * @throws UsageError if a sampler is given an option that it does not have, or guidance is changed and there is none; Error if
 *   there is no sampler of that name
 */
export function checkSamplerOptions(options: SamplerCommandOptions, table: SamplerTable = samplers): void {
  checkGuidanceOptions(options);
  const { sampler } = options;
  const definition = sampler === undefined ? undefined : samplerNamed(sampler, table);
  for (const option of ['eta', 'churn'] as const) {
    if (options[option] === undefined || definition?.takes?.includes(option)) continue;
    throw new UsageError(
      `--${option}: ${sampler ?? "the model's own sampler"} has no such option; add --sampler ${owners(option, table).join(' or ')}`,
    );
  }
}
