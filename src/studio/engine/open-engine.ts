/** The engine that the studio's pages share. */
import type { Executor } from '../../core/index.ts';
import type { StudioDevice } from './device.ts';
import { createEngine } from './create-engine.ts';

const open = new Map<StudioDevice, Promise<Executor>>();

/**
 * The engine for a device, started when it is first asked for. It computes on a worker of its own.
 *
 * @throws if it does not start
 */
export function openEngine(device: StudioDevice = 'auto'): Promise<Executor> {
  let found = open.get(device);
  if (!found) {
    found = createEngine(device).catch((error: unknown) => {
      // What could not be opened is tried anew.
      open.delete(device);
      throw error;
    });
    open.set(device, found);
  }
  return found;
}
