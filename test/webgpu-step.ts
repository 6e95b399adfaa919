/**
 * Two training steps on WebGPU, watched: prints as JSON where every tensor of the second was. ONNX Runtime's own account
 * of the placement goes to standard error. A process of its own, because that is where the engine writes.
 */
import { SessionHost } from '../src/runtime/session-host.ts';
import { createSessionExecutor } from '../src/runtime/session-executor.ts';
import { nodeEngine } from '../src/runtime/node-engine.ts';
import { webgpuTarget } from '../src/runtime/webgpu-target.ts';
import { Trainer } from '../src/train/index.ts';
import { config, start, task } from './small-training.ts';

const engine = nodeEngine({ device: 'webgpu', threads: 1 });
const { InferenceSession } = engine.ort;

/** Names of tensors by where they were, of the last run of a session with more than one input: a program, not a copy. */
let lastRun: Record<string, Record<string, string>> = {};
const create = async (...args: readonly unknown[]) => {
  const session = await (
    InferenceSession.create as (...args: readonly unknown[]) => ReturnType<typeof InferenceSession.create>
  )(...args);
  const run = session.run.bind(session);
  session.run = (async (feeds: Parameters<typeof run>[0]) => {
    const results = await run(feeds);
    const places = (tensors: typeof feeds) =>
      Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => [name, (tensor as { location: string }).location]),
      );
    if (session.inputNames.length > 1) lastRun = { feeds: places(feeds), results: places(results) };
    return results;
  }) as typeof session.run;
  return session;
};
const watched = {
  ...engine,
  ort: { ...engine.ort, InferenceSession: { ...InferenceSession, create } as typeof InferenceSession },
  session: { ...engine.session, logSeverityLevel: 0 as const },
};

const executor = createSessionExecutor(new SessionHost(watched), {
  device: 'webgpu',
  target: async () => webgpuTarget,
});
const trainer = await Trainer.open(executor, task, config, start);
await trainer.advance();
await trainer.advance();
process.stdout.write(JSON.stringify(lastRun));
await trainer.dispose();
await executor.dispose();
