import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Executor, Store, Type } from '../core/index.ts';
import { cpuLowerings, toOnnx } from '../onnx/index.ts';
import { SessionHost, type Handle, type SessionService } from './session-host.ts';
import type { Request, Response } from './session-worker.ts';

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
}

/**
 * An executor over ONNX Runtime's CPU provider.
 *
 * @throws if threads is not a positive integer
 */
export function createNodeExecutor({ threads = availableParallelism(), worker = true, cpuKernels = 'auto' }: NodeExecutorOptions = {}): Executor {
  if (!Number.isInteger(threads) || threads < 1) throw new Error(`threads: expected a positive integer, got ${threads}`);
  const service: SessionService = worker ? startWorker({ threads }) : new SessionHost({ threads });
  let closing: Promise<void> | undefined;
  let probed: Promise<number | null> | undefined;
  const open = (): SessionService => {
    if (closing) throw new Error('the executor has been disposed');
    return service;
  };
  const blockSize = () => (probed ??= cpuKernels === 'standard' ? Promise.resolve(null) : open().blockSize());
  return {
    environment: async () => ({ engine: await open().engine(), provider: 'cpu', threads, kernelBlock: await blockSize() }),
    device: `cpu (${threads} ${threads === 1 ? 'thread' : 'threads'})`,
    async compile(program) {
      const block = await blockSize();
      const onnx = toOnnx(program, { lowerings: block === null ? {} : cpuLowerings(block) });
      const handle = await open().load(onnx, { optimize: block === null });
      return {
        run: async (store, inputs) => open().run(handle, store && handleOf(store, open), inputs),
        // With the executor its programs are gone too, so there is nothing left to do and no mistake to report.
        dispose: async () => (closing ? undefined : service.unload(handle)),
      };
    },
    async createStore(spec, values) {
      return new NodeStore(open, spec, await open().createStore(spec, values));
    },
    dispose: () => (closing ??= service.close()),
  };
}

class NodeStore implements Store {
  readonly spec: Readonly<Record<string, Type>>;
  readonly handle: Handle;
  /** The executor's service; throws once it is disposed. */
  readonly open: () => SessionService;

  constructor(open: () => SessionService, spec: Readonly<Record<string, Type>>, handle: Handle) {
    this.open = open;
    this.spec = spec;
    this.handle = handle;
  }

  read: Store['read'] = async (names) => this.open().read(this.handle, names);
  write: Store['write'] = async (values) => this.open().write(this.handle, values);
  dispose: Store['dispose'] = async () => this.open().releaseStore(this.handle);
}

/** Handles are numbers: another executor has the same ones for other stores. */
function handleOf(store: Store, open: () => SessionService): Handle {
  if (!(store instanceof NodeStore) || store.open !== open) throw new Error('run: the store belongs to another executor');
  return store.handle;
}

/** A session host on a thread of its own, behind the same interface. The thread starts with the first call. */
function startWorker(options: { threads: number }): SessionService {
  let worker: Worker | undefined;
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let failure: Error | undefined;
  let nextId = 0;
  const fail = (error: Error) => {
    failure = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  const begin = (): Worker => {
    const started = openWorker(options);
    started.on('message', (response: Response) => {
      const call = waiting.get(response.id)!;
      waiting.delete(response.id);
      if (waiting.size === 0) started.unref(); // An idle engine keeps no process alive.
      if ('error' in response) call.reject(new Error(response.error));
      else call.resolve(response.value as never);
    });
    started.on('error', fail);
    started.on('exit', (code) => fail(new Error(`the engine's thread has ended (exit code ${code})`)));
    return started;
  };
  const call = (method: Request['method']) => (...args: readonly unknown[]) => new Promise<never>((resolve, reject) => {
    if (failure) return reject(failure);
    const id = nextId++;
    waiting.set(id, { resolve, reject });
    worker ??= begin();
    worker.ref();
    worker.postMessage({ id, method, args } satisfies Request);
  });
  return {
    engine: call('engine'),
    blockSize: call('blockSize'),
    load: call('load'),
    unload: call('unload'),
    createStore: call('createStore'),
    read: call('read'),
    write: call('write'),
    releaseStore: call('releaseStore'),
    run: call('run'),
    // A thread that has ended, or never began, has nothing to close; its own error must not hide behind another.
    close: () => (failure || !worker ? Promise.resolve() : call('close')()),
  };
}

function openWorker(options: { threads: number }): Worker {
  const built = new URL('./session-worker.js', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) return new Worker(built, { workerData: options });
  // From a source checkout (tests, examples) the worker is TypeScript too, and threads do not inherit the loader.
  const source = new URL('./session-worker.ts', import.meta.url).href;
  // By its full address: code in a worker's text is looked up from the current folder, which is anybody's.
  const loader = import.meta.resolve('tsx/esm/api');
  return new Worker(`import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(source)}); })`, { eval: true, workerData: options });
}
