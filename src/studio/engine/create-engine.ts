/** An engine on the device that was chosen, or on the processor where the browser has no WebGPU. */
import type { Executor } from '../../core/index.ts';
import { createWebExecutor } from '../../runtime/web/index.ts';
import type { StudioDevice } from './device.ts';
import { lacksWebGpu } from './lacks-webgpu.ts';

/** Starts an engine. It computes on a worker of its own. */
export async function createEngine(device: StudioDevice): Promise<Executor> {
  const wasmPaths = new URL('ort/', document.baseURI).href;
  const isThere = device !== 'webgpu' || (await hasWebGpu());
  if (!isThere) lacksWebGpu.set(true);
  return createWebExecutor({ device: isThere ? device : 'wasm', wasmPaths });
}

async function hasWebGpu(): Promise<boolean> {
  // Absent in many browsers, and in pages that are not secure.
  const { gpu } = navigator as { readonly gpu?: { requestAdapter(): Promise<unknown> } };
  return Boolean(await gpu?.requestAdapter());
}
