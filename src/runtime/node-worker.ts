import { Worker } from 'node:worker_threads';
import type { NodeEngineOptions } from './node-engine.ts';
import { serviceMethods, type SessionService } from './session-service.ts';
import type { Request, Response } from './session-worker.ts';

/** A session host on a thread of its own, behind the same interface. The thread starts with the first call. */
export function startWorker(options: NodeEngineOptions): SessionService {
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
  const call = (method: keyof SessionService) => (...args: readonly unknown[]) => new Promise<never>((resolve, reject) => {
    if (failure) return reject(failure);
    const id = nextId++;
    waiting.set(id, { resolve, reject });
    worker ??= begin();
    worker.ref();
    worker.postMessage({ id, method, args } satisfies Request);
  });
  const service = Object.fromEntries(serviceMethods.map((method) => [method, call(method)])) as unknown as SessionService;
  // A thread that has ended, or never began, has nothing to close; its own error must not hide behind another.
  return { ...service, close: () => (failure || !worker ? Promise.resolve() : service.close()) };
}

function openWorker(options: NodeEngineOptions): Worker {
  const built = new URL('./session-worker.js', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) return new Worker(built, { workerData: options });
  // From a source checkout (tests, examples) the worker is TypeScript too, and threads do not inherit the loader.
  const source = new URL('./session-worker.ts', import.meta.url).href;
  // By its full address: code in a worker's text is looked up from the current folder, which is anybody's.
  const loader = import.meta.resolve('tsx/esm/api');
  return new Worker(`import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(source)}); })`, { eval: true, workerData: options });
}
