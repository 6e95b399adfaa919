/** The worker of `createWebExecutor`: a session host behind messages. The first message is what the engine is opened with. */
import { answer, buffersOf, type Request, type Response } from '../remote-service.ts';
import { SessionHost } from '../session-host.ts';
import { webEngine } from './web-engine.ts';
import type { WebEngineOptions } from './web-options.ts';

/** What a worker has of a browser. */
interface WorkerScope {
  addEventListener(type: 'message', listener: (event: { readonly data: WebEngineOptions | Request }) => void): void;
  postMessage(message: Response, transfer: ArrayBuffer[]): void;
  close(): void;
}
declare const self: WorkerScope;
let host: Promise<SessionHost> | undefined;

self.addEventListener('message', ({ data }) => {
  if (host) return void reply(host, data as Request);
  host = webEngine(data as WebEngineOptions).then((engine) => new SessionHost(engine));
  // Every request reports it.
  host.catch(() => {});
  return undefined;
});

async function reply(opening: Promise<SessionHost>, request: Request): Promise<void> {
  const response = await opening.then(
    (opened) => answer(opened, request),
    (error: unknown): Response => ({ id: request.id, error: error instanceof Error ? error.message : String(error) }),
  );
  self.postMessage(response, buffersOf(response));
  if (request.method === 'close') self.close();
}
