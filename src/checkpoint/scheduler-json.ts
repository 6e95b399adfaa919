/** diffusers' scheduler_config.json ⇄ our `SchedulerConfig`. */
import type { z } from 'zod';
import {
  networkProcess,
  processNameOf,
  schedulerConfig,
  type ProcessName,
  type SchedulerConfig,
} from '../diffusion/index.ts';
import type { JsonObject } from '../formats/json-object.ts';
import { quoteJson } from '../formats/quote.ts';
import { toHuggingFace } from '../models/config.ts';
import { discreteTimeFile } from './schedulers/discrete-time.ts';
import { edmFile } from './schedulers/edm.ts';
import { rectifiedFlowFile } from './schedulers/rectified-flow.ts';
import type { SchedulerFile } from './schedulers/scheduler-file.ts';

/** Every process as Python has it. */
const files = { discrete: discreteTimeFile, flow: rectifiedFlowFile, edm: edmFile } as const satisfies Readonly<
  Record<ProcessName, unknown>
>;

/** The classes that are read. */
const readers = Object.assign(
  {},
  ...Object.values(files).map(({ reads }) => reads),
) as SchedulerFile<SchedulerConfig>['reads'];

/** Their names. */
export const schedulerClasses: readonly string[] = Object.keys(readers);

/** The process of a configuration as Python has it. */
export function schedulerFileOf(config: SchedulerConfig): SchedulerFile<SchedulerConfig> {
  // A file is given configurations of its own process only.
  return files[processNameOf(config)] as unknown as SchedulerFile<SchedulerConfig>;
}

/** The class of diffusers in whose file a configuration is written: the one that steps back as the model was trained. */
export function schedulerClassOf(config: SchedulerConfig): string {
  return schedulerFileOf(config).className;
}

/**
 * Our configuration from diffusers' file.
 *
 * @param where  how messages call the file
 * @throws one line that names the key, if its value would change results and is not supported
 */
export function schedulerFromJson(json: JsonObject, where: string): SchedulerConfig {
  const className = json['_class_name'] ?? 'DDPMScheduler';
  if (typeof className !== 'string' || !Object.hasOwn(readers, className))
    throw new Error(
      `${where}: scheduler ${quoteJson(className)} is not supported; one of ${schedulerClasses.join(', ')}`,
    );
  const own = Object.fromEntries(Object.entries(json).filter(([key]) => !key.startsWith('_')));
  const config = readers[className]!.read(own, where);
  try {
    const checked = schedulerConfig(config);
    networkProcess(checked);
    return checked;
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
}

/** What the written file says, which of its numbers are floats among it. */
export function schedulerFileSchema(config: SchedulerConfig): z.ZodType {
  return schedulerFileOf(config).schema();
}

/** diffusers' file, of the class that `schedulerClassOf` says. */
export function schedulerToJson(config: SchedulerConfig): JsonObject {
  const file = schedulerFileOf(config);
  return toHuggingFace(file.className, file.write(config));
}
