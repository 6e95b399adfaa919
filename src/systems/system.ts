/** A system: one thing that can be trained, in one row. */
import type { z } from 'zod';
import type { GeneratorOpener } from '../generators/index.ts';
import type { PlanOptions, RunPlan } from '../train/run.ts';
import type { TrainConfig } from '../train/steps/train-config.ts';

/** What every system's configuration has. */
export interface SystemConfig {
  readonly data: { readonly source: string };
  readonly train: TrainConfig;
}

/** A model as it is shipped. */
export interface ShippedModel {
  /** The file of its weights, in its folder. */
  readonly weights: string;
  /** What its card says of it, row by row. */
  readonly rows: readonly (readonly [what: string, value: string])[];
}

/**
 * Everything that commands, runs and scripts ask of a system. What takes long to load (data, engines) is imported by `plan`
 * and `ship` when they are called, so that help is answered at once.
 */
export interface System<Config extends SystemConfig = SystemConfig> {
  /** The `task` of a configuration. */
  readonly task: string;
  /** What it trains, in a few words. */
  readonly trains: string;
  /** Its settings. A setting with `.meta({ resumable: true })` may be another when a run goes on. */
  readonly schema: z.ZodObject;
  /**
   * Checks a configuration and fills in the defaults.
   *
   * @throws one line that names the key, what was expected and, for an unknown one, the nearest
   */
  parse(value: unknown): Config;
  /**
   * Lays out a run: its network, data and task, how its folder is written and read, and what is looked at on the way.
   *
   * @throws if the configuration contradicts itself or the data
   */
  plan(config: Config, options: PlanOptions): Promise<RunPlan>;
  /** How its models are opened as generators, by the class in model_index.json. */
  readonly open?: Readonly<Record<string, GeneratorOpener>>;
  /**
   * Writes a checkpoint's model in float16 for shipping.
   *
   * @param measured  what the run last measured
   */
  ship?(checkpoint: string, out: string, measured: Readonly<Record<string, number>>): Promise<ShippedModel>;
}
