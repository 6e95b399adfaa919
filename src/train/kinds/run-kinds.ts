import { z } from 'zod';
import { unknownName } from '../../core/suggest.ts';
import { MissingDataError, notHere } from '../../data/index.ts';
import { parseConfig } from '../../models/index.ts';
import { planClassifier } from './classifier-run.ts';
import { parseClassifierConfig } from './classifier-config.ts';
import { parseClipConfig } from './clip-config.ts';
import { planClip } from './clip-run.ts';
import { parseAskedDdpmConfig, type TrainConfig } from '../steps/train-config.ts';
import { planDdpm } from './ddpm-run.ts';
import { newSettings } from './renamed-settings.ts';
import type { PlanOptions, RunPlan } from '../run.ts';

/** A run whose configuration has been checked: what is left is its data. */
export interface ConfiguredRun {
  readonly train: TrainConfig;
  /** The name or the folder of its data. */
  readonly source: string;
  /** @throws if the configuration contradicts itself or the data */
  plan(options: PlanOptions): Promise<RunPlan>;
}

/** What every kind's configuration has. */
interface AnyConfig {
  readonly data: { readonly source: string };
  readonly train: TrainConfig;
}

function runKind<Config extends AnyConfig>(
  parse: (value: unknown) => Config,
  plan: (config: Config, options: PlanOptions) => Promise<RunPlan>,
): (value: unknown) => ConfiguredRun {
  return (value) => {
    const config = parse(value);
    const complete = ({ task, ...recorded }: Readonly<Record<string, unknown>>) => ({
      ...(task !== undefined && { task }),
      ...parse(newSettings(recorded)),
    });
    return {
      train: config.train,
      source: config.data.source,
      plan: async (options) => ({ ...(await plan(config, options)), complete }),
    };
  };
}

/** What can be trained, by the `task` of a configuration. */
const runKinds: Readonly<Record<string, (value: unknown) => ConfiguredRun>> = {
  ddpm: runKind(parseAskedDdpmConfig, planDdpm),
  classifier: runKind(parseClassifierConfig, planClassifier),
  clip: runKind(parseClipConfig, planClip),
};

/** Commands that get data, by the source that they make: `{ "data/emoji64": "npx kuosan data emoji --out data/emoji64" }`. */
const getDataSchema = z.record(z.string(), z.string()).default({});

/**
 * Checks the configuration of a run of any kind; its `task` says which: `ddpm` (when left out), `classifier` or `clip`. Its `getData` has
 * commands that get data, by source, for a message to name where it is missing, and its `$schema` is for editors; neither is part of
 * what is recorded.
 *
 * @throws for an unknown task, with those there are; else what the check of that kind finds
 */
export function configuredRun({
  task = 'ddpm',
  getData,
  $schema: _,
  ...config
}: Readonly<Record<string, unknown>>): ConfiguredRun {
  const kind = typeof task === 'string' && Object.hasOwn(runKinds, task) ? runKinds[task] : undefined;
  if (!kind) throw new Error(`config.${unknownName('task', String(task), Object.keys(runKinds))}`);
  const commands = parseConfig(getDataSchema, getData, 'config.getData');
  const run = kind(newSettings(config));
  return {
    ...run,
    plan: (options) =>
      run.plan(options).catch((error: unknown) => {
        throw withHint(error, run.source, commands);
      }),
  };
}

function withHint(error: unknown, source: string, commands: Readonly<Record<string, string>>): unknown {
  const command = Object.hasOwn(commands, source) ? commands[source] : undefined;
  if (command === undefined || !(error instanceof MissingDataError)) return error;
  return new Error(
    error.what === 'set'
      ? notHere(source, command)
      : `${error.message}; the lists of ${source} are made by: ${command}`,
    { cause: error },
  );
}
