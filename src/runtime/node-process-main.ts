/** The process of `startProcess`: a session host behind messages. */
import { writeSync } from 'node:fs';
import { nodeEngine, type NodeEngineOptions } from './node-engine.ts';
import { mark } from './node-process.ts';
import { answer, type Request } from './remote-service.ts';
import { SessionHost } from './session-host.ts';

const host = new SessionHost(nodeEngine(JSON.parse(process.argv[2]!) as NodeEngineOptions), { ownsArguments: true });

process.on('message', async (request: Request) => {
  const response = await answer(host, request);
  if (request.method === 'facts' || 'error' in response) writeSync(2, `${mark}\n`);
  process.send!(response, () => {
    if (request.method === 'close') process.disconnect();
  });
});

// Ctrl-C reaches every process of the terminal; what there is to save, the other side saves, and then it lets go of us.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
