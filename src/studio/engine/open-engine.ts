/** The engine that the studio's pages share. */
import type { Executor } from '../../core/index.ts';
import { createEngine } from './create-engine.ts';
import type { StudioDevice } from './device.ts';
import { openedOnce } from './opened-once.ts';

const open = openedOnce<Executor>();

/**
 * The engine for a device, started when it is first asked for. It computes on a worker of its own.
 *
 * @throws if it does not start
 */
export function openEngine(device: StudioDevice = 'auto'): Promise<Executor> {
  return open(device, () => createEngine(device));
}
