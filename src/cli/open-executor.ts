import { join } from 'node:path';
import type { Executor } from '../core/index.ts';
import { defaultCacheDir } from '../files/default-cache-dir.ts';
import { openNodeExecutor } from '../runtime/node.ts';
import type { DeviceOptions } from './device-options.ts';

/** A device that is opened when something is to be computed on it. */
export interface NeededExecutor {
  /** The executor, opened with the first call. */
  executor(): Promise<Executor>;
  /** Lets go of it, if it was needed. */
  dispose(): Promise<void>;
}

/** The device of a command, for what may do without. */
export function executorWhenNeeded(options: DeviceOptions): NeededExecutor {
  let opening: Promise<Executor> | undefined;
  return {
    executor: () => (opening ??= openExecutor(options)),
    // Why it could not be opened, the one who needed it says.
    dispose: async () => (await opening?.catch(() => undefined))?.dispose(),
  };
}

/** Opens the device of a command; what is good to know of the choice is printed. */
export function openExecutor({ device, threads, spin }: DeviceOptions): Promise<Executor> {
  const cacheDir = defaultCacheDir();
  return openNodeExecutor({
    device,
    threads,
    spin,
    ...(cacheDir !== undefined && { cacheDir: join(cacheDir, 'programs') }),
    note: (line) => process.stderr.write(`note: ${line}\n`),
  });
}
