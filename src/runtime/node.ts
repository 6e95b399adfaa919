import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Executor, Store, Type } from '../core/index.ts';
import { toOnnx } from '../onnx/index.ts';
import { SessionHost, type Handle, type SessionService } from './session-host.ts';
import type { Request, Response } from './session-worker.ts';

export interface NodeExecutorOptions {
  /** Threads of one operator; default: the number of processors. */
  readonly threads?: number;
  /**
   * Run in a worker thread, default true: ONNX Runtime blocks the thread it runs on, and progress bars, timers and
   * signals should not wait for it. False keeps everything on the calling thread.
   */
  readonly worker?: boolean;
}

/**
 * An executor over ONNX Runtime's CPU provider.
 *
 * @throws if threads is not a positive integer
 */
export function createNodeExecutor({ threads = availableParallelism(), worker = true }: NodeExecutorOptions = {}): Executor {
  if (!Number.isInteger(threads) || threads < 1) throw new Error(`threads: expected a positive integer, got ${threads}`);
  const service: SessionService = worker ? startWorker({ threads }) : new SessionHost({ threads });
  return {
    device: `cpu (${threads} ${threads === 1 ? 'thread' : 'threads'})`,
    async compile(program) {
      const handle = await service.load(toOnnx(program));
      return {
        run: (store, inputs) => service.run(handle, store && handleOf(store), inputs),
        dispose: () => service.unload(handle),
      };
    },
    async createStore(spec, values) {
      return new NodeStore(service, spec, await service.createStore(spec, values));
    },
    dispose: () => service.close(),
  };
}

class NodeStore implements Store {
  readonly spec: Readonly<Record<string, Type>>;
  readonly handle: Handle;
  readonly #service: SessionService;

  constructor(service: SessionService, spec: Readonly<Record<string, Type>>, handle: Handle) {
    this.#service = service;
    this.spec = spec;
    this.handle = handle;
  }

  read: Store['read'] = (names) => this.#service.read(this.handle, names);
  write: Store['write'] = (values) => this.#service.write(this.handle, values);
  dispose: Store['dispose'] = () => this.#service.releaseStore(this.handle);
}

function handleOf(store: Store): Handle {
  if (!(store instanceof NodeStore)) throw new Error('run: the store belongs to another executor');
  return store.handle;
}

/** A session host on a thread of its own, behind the same interface. */
function startWorker(options: { threads: number }): SessionService {
  const worker = openWorker(options);
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let failure: Error | undefined;
  let nextId = 0;
  const fail = (error: Error) => {
    failure = error;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.on('message', (response: Response) => {
    const call = waiting.get(response.id)!;
    waiting.delete(response.id);
    if (waiting.size === 0) worker.unref();
    if ('error' in response) call.reject(new Error(response.error));
    else call.resolve(response.value as never);
  });
  worker.on('error', fail);
  worker.on('exit', (code) => fail(new Error(`the engine's thread has ended (exit code ${code})`)));
  worker.unref(); // An idle engine keeps no process alive.
  const call = (method: Request['method']) => (...args: readonly unknown[]) => new Promise<never>((resolve, reject) => {
    if (failure) return reject(failure);
    const id = nextId++;
    waiting.set(id, { resolve, reject });
    worker.ref();
    worker.postMessage({ id, method, args } satisfies Request);
  });
  return {
    load: call('load'),
    unload: call('unload'),
    createStore: call('createStore'),
    read: call('read'),
    write: call('write'),
    releaseStore: call('releaseStore'),
    run: call('run'),
    close: call('close'),
  };
}

function openWorker(options: { threads: number }): Worker {
  const built = new URL('./session-worker.js', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) return new Worker(built, { workerData: options });
  // From a source checkout (tests, examples) the worker is TypeScript too, and threads do not inherit the loader.
  const source = JSON.stringify(new URL('./session-worker.ts', import.meta.url).href);
  return new Worker(`import('tsx/esm/api').then(({ register }) => { register(); return import(${source}); })`, { eval: true, workerData: options });
}
