/** The thread of `startWorker`: a session host behind messages. */
import { parentPort, workerData } from 'node:worker_threads';
import { nodeEngine, type NodeEngineOptions } from './node-engine.ts';
import { answer, buffersOf, type Request } from './remote-service.ts';
import { SessionHost } from './session-host.ts';

const port = parentPort!;
const host = new SessionHost(nodeEngine(workerData as NodeEngineOptions), { ownsArguments: true });

port.on('message', async (request: Request) => {
  const response = await answer(host, request);
  port.postMessage(response, buffersOf(response));
  if (request.method === 'close') port.close();
});
