import { availableParallelism } from 'node:os';
import type { Executor } from '../core/index.ts';
import { cpuLowerings } from '../onnx/index.ts';
import type { NodeDevice } from './node-device.ts';
import { nodeEngine, type NodeEngineOptions } from './node-engine.ts';
import { startProcess } from './node-process.ts';
import { startWorker } from './node-worker.ts';
import { cachedLowering } from './program-cache.ts';
import { createSessionExecutor } from './session-executor.ts';
import { SessionHost } from './session-host.ts';
import type { SessionService } from './session-service.ts';
import { webgpuTarget } from './webgpu-target.ts';

/** Options of `createNodeExecutor`. */
export interface NodeExecutorOptions {
  /**
   * Where to compute, default 'cpu'. 'webgpu' and 'cuda' are experimental, and what they need is looked for by the first
   * call that computes; `openNodeExecutor` looks at once, and can choose.
   */
  readonly device?: NodeDevice;
  /** Threads of one operator on the processor; default: the number of processors. */
  readonly threads?: number;
  /**
   * Whether the engine's threads spin while they wait for work, default true: the next operator then starts at once. False lets
   * them sleep, for a machine that does other work as well: a spinning thread takes a processor's time and gives nothing. The
   * results are the same bits.
   */
  readonly spin?: boolean;
  /**
   * Run in a thread of its own ('webgpu' and 'cuda': in a process), default true: ONNX Runtime blocks the thread it runs
   * on, and progress bars, timers and signals should not wait for it. False keeps everything on the calling thread, where
   * a second executor on a GPU can end the process.
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
  /**
   * A folder in which large programs are kept lowered, so that the next start need not lower them again; default none.
   * Entries that another version of the package left are not used.
   */
  readonly cacheDir?: string;
  /** Environment variables of the process of 'webgpu' or 'cuda', such as CUDA_VISIBLE_DEVICES, next to this process's own. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * An executor over ONNX Runtime in Node.
 *
 * @throws if threads is not a positive integer
 * @example
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 *
 * const executor = createNodeExecutor({ threads: 2 });
 * console.log(executor.device); // cpu (2 threads)
 * await executor.dispose();
 */
export function createNodeExecutor(options: NodeExecutorOptions = {}): Executor {
  return openNodeService(options).executor;
}

/**
 * The same with what is behind the executor, which can say how much of a run is the engine's own.
 *
 * @throws as `createNodeExecutor`
 */
export function openNodeService(options: NodeExecutorOptions): {
  readonly executor: Executor;
  readonly service: SessionService;
} {
  const { threads = availableParallelism() } = options;
  if (!Number.isInteger(threads) || threads < 1)
    throw new Error(`threads: expected a positive integer, got ${threads}`);
  const service = startService(options);
  return { service, executor: executorOver(service, options) };
}

function executorOver(service: SessionService, options: NodeExecutorOptions): Executor {
  const { device = 'cpu', threads = availableParallelism(), cpuKernels = 'auto' } = options;
  const lower = options.cacheDir === undefined ? {} : { lower: cachedLowering({ dir: options.cacheDir }) };
  if (device !== 'cpu')
    return createSessionExecutor(service, {
      device,
      ...lower,
      hasOwnMemory: true,
      ...(device === 'webgpu' && { target: async () => webgpuTarget }),
    });
  let probed: Promise<number | null> | undefined;
  const blockSize = (opened: SessionService) =>
    (probed ??= cpuKernels === 'standard' ? Promise.resolve(null) : opened.blockSize());
  return createSessionExecutor(service, {
    device: `cpu (${threads} ${threads === 1 ? 'thread' : 'threads'})`,
    ...lower,
    async target(opened) {
      const block = await blockSize(opened);
      return block === null
        ? { name: 'standard', lowerings: {}, optimize: true }
        : { name: `cpu ${block}`, lowerings: cpuLowerings(block), optimize: false };
    },
    facts: async (opened) => ({ kernelBlock: await blockSize(opened) }),
  });
}

function startService({
  device = 'cpu',
  threads = availableParallelism(),
  worker = true,
  env,
  profileDir,
  spin,
}: NodeExecutorOptions): SessionService {
  const options: NodeEngineOptions = {
    device,
    threads,
    ...(spin !== undefined && { spin }),
    ...(profileDir !== undefined && { profileDir }),
  };
  if (!worker) return new SessionHost(nodeEngine(options));
  return device === 'cpu' ? startWorker(options) : startProcess(options, env);
}
