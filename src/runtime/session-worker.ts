/** The worker thread around a session host: one message a call, one message a result. */
import { parentPort, workerData } from 'node:worker_threads';
import type { HostArray } from '../core/index.ts';
import { nodeEngine, type NodeEngineOptions } from './node-engine.ts';
import { SessionHost } from './session-host.ts';
import type { SessionService } from './session-service.ts';

/** A call as it travels: the method's name and its arguments. */
export interface Request {
  readonly id: number;
  readonly method: keyof SessionService;
  readonly args: readonly unknown[];
}

export type Response = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: string };

const port = parentPort!;
const host: SessionService = new SessionHost(nodeEngine(workerData as NodeEngineOptions));

port.on('message', async ({ id, method, args }: Request) => {
  try {
    const value = await (host[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args);
    port.postMessage({ id, value } satisfies Response, buffersOf(value));
    if (method === 'close') port.close();
  } catch (error) {
    port.postMessage({ id, error: error instanceof Error ? error.message : String(error) } satisfies Response);
  }
});

/** The memory of result arrays, which are copies of ours and so can be handed over instead of copied again. */
function buffersOf(value: unknown): ArrayBuffer[] {
  const arrays = value instanceof Map ? [...value.values()] : typeof value === 'object' && value !== null ? Object.values(value) : [];
  return arrays.flatMap((array) => (isHostArray(array) ? [array.data.buffer as ArrayBuffer] : []));
}

function isHostArray(value: unknown): value is HostArray {
  return typeof value === 'object' && value !== null && 'data' in value;
}
