import { join } from 'node:path';
import type { Executor } from '../core/index.ts';
import { defaultCacheDir } from '../data/index.ts';
import { openNodeExecutor } from '../runtime/node.ts';
import type { DeviceOptions } from './device-options.ts';

/** Opens the device of a command; what is good to know of the choice is printed. */
export function openExecutor({ device, threads }: DeviceOptions): Promise<Executor> {
  return openNodeExecutor({ device, threads, cacheDir: join(defaultCacheDir(), 'programs'), note: (line) => process.stderr.write(`note: ${line}\n`) });
}
