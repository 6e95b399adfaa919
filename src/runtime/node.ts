import { availableParallelism } from 'node:os';
import type { Executor } from '../core/index.ts';
import { cpuLowerings } from '../onnx/index.ts';
import { nodeEngine, type NodeEngineOptions } from './node-engine.ts';
import { startWorker } from './node-worker.ts';
import { createSessionExecutor } from './session-executor.ts';
import { SessionHost } from './session-host.ts';
import type { SessionService } from './session-service.ts';

/** Options of `createNodeExecutor`. */
export interface NodeExecutorOptions {
  /** Threads of one operator; default: the number of processors. */
  readonly threads?: number;
  /**
   * Run in a worker thread, default true: ONNX Runtime blocks the thread it runs on, and progress bars, timers and
   * signals should not wait for it. False keeps everything on the calling thread.
   */
  readonly worker?: boolean;
  /**
   * 'auto' (default) uses ONNX Runtime's blocked kernels where a probe finds them to work (see cpu-kernels.ts);
   * 'standard' runs standard ONNX operators only, as an exported model does. The results differ by rounding.
   */
  readonly cpuKernels?: 'auto' | 'standard';
  /**
   * A folder in which every program leaves ONNX Runtime's profile when it is disposed, one JSON file each: the time and
   * the shapes of every node of every run. Runs get slower by what the notes cost.
   */
  readonly profileDir?: string;
}

/**
 * An executor over ONNX Runtime's CPU provider.
 *
 * @throws if threads is not a positive integer
 */
export function createNodeExecutor({ threads = availableParallelism(), worker = true, cpuKernels = 'auto', profileDir }: NodeExecutorOptions = {}): Executor {
  if (!Number.isInteger(threads) || threads < 1) throw new Error(`threads: expected a positive integer, got ${threads}`);
  const options: NodeEngineOptions = { threads, ...(profileDir !== undefined && { profileDir }) };
  const service: SessionService = worker ? startWorker(options) : new SessionHost(nodeEngine(options));
  let probed: Promise<number | null> | undefined;
  const blockSize = (opened: SessionService) => (probed ??= cpuKernels === 'standard' ? Promise.resolve(null) : opened.blockSize());
  return createSessionExecutor(service, {
    device: `cpu (${threads} ${threads === 1 ? 'thread' : 'threads'})`,
    async lowerings(opened) {
      const block = await blockSize(opened);
      return block === null ? undefined : cpuLowerings(block);
    },
    facts: async (opened) => ({ kernelBlock: await blockSize(opened) }),
  });
}
