import { expect, test } from 'vitest';
import { BatchScheduler } from './batch-scheduler.ts';
import type { ClipCall, ServedModel } from './messages.ts';
import type { WorkerProcess } from './worker-process.ts';

test('a server that stops tells the calls that still wait, and not only the images', async () => {
  let finish: (outcomes: object[]) => void = () => {};
  // It is busy with the first call until the test answers it.
  const worker = {
    ask: () =>
      new Promise<object[]>((resolve) => {
        finish = resolve;
      }),
  } as unknown as WorkerProcess;
  const models = new Map([['clip', { kind: 'clip', name: 'clip', batchSize: 1 } as unknown as ServedModel]]);
  const scheduler = new BatchScheduler({ worker, models, queue: 4, requestSeconds: 60 });
  const call: ClipCall = { task: 'embed', images: [], texts: ['a red heart'] };
  const { signal } = new AbortController();
  const running = scheduler.askClip('clip', call, signal);
  const waiting = scheduler.askClip('clip', call, signal);
  const refused = waiting.catch((error: Error) => error.message);
  expect([scheduler.running, scheduler.waiting]).toEqual([1, 1]);
  await scheduler.drain(0);
  expect(await refused).toContain('the server has stopped before this was done');
  expect(scheduler.waiting).toBe(0);
  finish([{ answer: { embeddings: [[1]] } }]);
  expect(await running).toEqual({ embeddings: [[1]] });
});
