import { Worker } from 'node:worker_threads';
import type { NodeEngineOptions } from './node-engine.ts';
import { disableTelemetry } from './onnx-runtime.ts';
import { remoteService, type Response } from './remote-service.ts';
import type { SessionService } from './session-service.ts';

/** A session host on a thread of its own, behind the same interface. The thread starts with the first call. */
export function startWorker(options: NodeEngineOptions): SessionService {
  return remoteService(({ received, lost }) => {
    const worker = openWorker(options);
    worker.on('message', (response: Response) => received(response));
    worker.on('error', lost);
    worker.on('exit', (code) => lost(new Error(`the engine's thread has ended (exit code ${code})`)));
    return { send: (request) => worker.postMessage(request), hold: (busy) => (busy ? worker.ref() : worker.unref()) };
  });
}

function openWorker(options: NodeEngineOptions): Worker {
  disableTelemetry();
  const built = new URL('./node-worker-main.js', import.meta.url);
  if (!import.meta.url.endsWith('.ts')) return new Worker(built, { workerData: options });
  // From a source checkout (tests, examples) the worker is TypeScript too, and threads do not inherit the loader.
  const source = new URL('./node-worker-main.ts', import.meta.url).href;
  // By its full address: code in a worker's text is looked up from the current folder, which is anybody's.
  const loader = import.meta.resolve('tsx/esm/api');
  return new Worker(
    `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(source)}); })`,
    { eval: true, workerData: options },
  );
}
