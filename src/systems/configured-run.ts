import { z } from 'zod';
import { unknownName } from '../core/suggest.ts';
import { MissingDataError, notHere } from '../data/index.ts';
import { parseConfig } from '../models/index.ts';
import type { PlanOptions, RunPlan } from '../train/run.ts';
import type { TrainConfig } from '../train/steps/train-config.ts';
import { systems as allSystems } from './all.ts';
import { newSettings } from './renamed-settings.ts';
import { resumableOf } from './schema-settings.ts';
import type { System } from './system.ts';

/** A run whose configuration has been checked: what is left is its data. */
export interface ConfiguredRun {
  readonly system: System;
  readonly train: TrainConfig;
  /** The name or the folder of its data. */
  readonly source: string;
  /** @throws if the configuration contradicts itself or the data */
  plan(options: PlanOptions): Promise<RunPlan>;
}

/** Commands that get data, by the source that they make: `{ "data/emoji64": "npx kuosan data emoji --out data/emoji64" }`. */
const getDataSchema = z.record(z.string(), z.string()).default({});

/**
 * Checks the configuration of a run of any system; its `task` says which, when left out the first. Its `getData` has
 * commands that get data, by source, for a message to name where it is missing, and its `$schema` is for editors; neither is
 * part of what is recorded.
 *
 * @param systems  what can be trained; default all that there are
 * @throws for an unknown task, with those there are; else what the check of that system finds
 * @example
 * import { configuredRun } from 'kuosan/systems';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 * import { readConfig, trainingRun } from 'kuosan/train';
 *
 * const plan = await configuredRun(await readConfig('smileys-16')).plan({});
 * for await (const event of trainingRun(plan, { out: 'runs/smileys', executor: createNodeExecutor() }))
 *   if (event.type === 'step') console.log(event.step, event.loss);
 */
export function configuredRun(
  { task, getData, $schema: _, ...config }: Readonly<Record<string, unknown>>,
  systems: readonly System[] = allSystems,
): ConfiguredRun {
  const system = task === undefined ? systems[0] : systems.find((each) => each.task === task);
  if (!system)
    throw new Error(
      `config.${unknownName(
        'task',
        String(task),
        systems.map((each) => each.task),
      )}`,
    );
  const commands = parseConfig(getDataSchema, getData, 'config.getData');
  const parsed = system.parse(newSettings(config));
  // An earlier version recorded less: what it did not know is at its default, which changes nothing.
  const complete = ({ task: recordedTask, ...recorded }: Readonly<Record<string, unknown>>) => ({
    ...(recordedTask !== undefined && { task: recordedTask }),
    ...system.parse(newSettings(recorded)),
  });
  return {
    system,
    train: parsed.train,
    source: parsed.data.source,
    async plan(options) {
      try {
        return { ...(await system.plan(parsed, options)), complete, mayChange: resumableOf(system) };
      } catch (error) {
        throw withHint(error, parsed.data.source, commands);
      }
    },
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
