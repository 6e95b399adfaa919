/** The engine that the studio's pages share. */
import type { Executor } from '../../core/index.ts';
import type { StudioDevice } from './device.ts';
import { createWebExecutor } from '../../runtime/web/index.ts';
import { openedOnce } from './opened-once.ts';

const open = openedOnce<Executor>();

/**
 * The engine for a device, started when it is first asked for. It computes on a worker of its own.
 *
 * @throws as `createWebExecutor`: WebGPU where there is none
 */
export function openEngine(device: StudioDevice = 'auto'): Promise<Executor> {
  return open(device, () => createWebExecutor({ device, wasmPaths: new URL('ort/', document.baseURI).href }));
}
