/** Which checkpoint of a run is kept as the best, and how it is asked for. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { resolveModel } from '../checkpoint/index.ts';
import { float32, input, mean, square } from '../core/index.ts';
import { readSafetensors, writeSafetensors } from '../formats/index.ts';
import { writeNewFile } from '../files/durable-files.ts';
import { Linear } from '../nn/index.ts';
import { noData } from '../../test/no-data.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import type { Judgement } from './best.ts';
import { trainingRun, type RunEvent, type RunPlan } from './run.ts';
import { trainSchema } from './steps/train-config.ts';

const executor = createNodeExecutor({ threads: 1, worker: false });
const root = mkdtempSync(join(tmpdir(), 'kuosan-best-'));
afterAll(async () => {
  await executor.dispose();
  rmSync(root, { recursive: true });
});

/** A run whose measurement after step s is `values[s − 1]`. */
function plan(
  values: readonly number[],
  { steps = values.length, ...judgement }: Partial<Judgement> & { steps?: number } = {},
): RunPlan {
  const module = new Linear(1, 1);
  let step = 0;
  const train = trainSchema.parse({
    steps,
    batchSize: 1,
    warmupSteps: 0,
    checkpointEvery: 100,
    keepCheckpoints: 1,
    evaluateEvery: 1,
  });
  const weightsOf = (dir: string) => join(dir, 'weights.safetensors');
  return {
    config: { train },
    train,
    mayChange: ['train.steps'],
    kind: 'model',
    dataset: noData,
    task: {
      module,
      loss: (ctx) => mean(square(module.forward(ctx, input('x', [1, 1])))),
      inputs: (batch) => {
        step = batch;
        return { x: float32([1, 1], [1]) };
      },
    },
    async writeModel(dir, weights) {
      await writeFile(weightsOf(dir), writeSafetensors(weights));
      await writeNewFile(join(dir, 'model_index.json'), '{}');
      return weights.keys();
    },
    readWeights: async (dir) => readSafetensors(await readFile(weightsOf(dir))).tensors,
    use: { what: 'use it', command: (out) => out },
    watch: async () => ({
      // The batch of the next step is ready when a step is measured.
      evaluate: async () => ({ error: values[step - 1]! }),
      best: { measure: 'error', better: 'lower', by: 'a ruler', ...judgement },
      dispose: async () => {},
    }),
  };
}

const run = async (out: string, made: RunPlan, resume = false): Promise<RunEvent[]> => {
  const events: RunEvent[] = [];
  for await (const event of trainingRun(made, { out: join(root, out), executor, resume })) events.push(event);
  return events;
};
const kept = (out: string) => readdirSync(join(root, out, 'checkpoints')).sort();
const named = (out: string) => readFileSync(join(root, out, 'best'), 'utf8');

describe('the best checkpoint', () => {
  test('is saved when it is measured, kept next to the newest, and asked for by its name', async () => {
    const events = await run('lower', plan([5, 3, 4, 2, 6, 7]));
    expect(events.flatMap((event) => (event.type === 'checkpoint' ? [[event.step, event.best]] : []))).toEqual([
      [1, 'error 5 (a ruler)'],
      [2, 'error 3 (a ruler)'],
      [4, 'error 2 (a ruler)'],
      [6, undefined],
    ]);
    expect(kept('lower')).toEqual(['step-000004', 'step-000006']);
    expect(named('lower')).toBe('step-000004\nerror 2 (a ruler)\n');
    const of = (name: string) => resolveModel(join(root, 'lower', name));
    expect([await of('best'), await of('latest'), await of('')]).toEqual(
      ['step-000004', 'step-000006', 'step-000006'].map((step) => join(root, 'lower', 'checkpoints', step)),
    );
  });

  test('is the highest where that is better; what is no number is never it', async () => {
    await run('higher', plan([1, 3, Number.NaN, 3, 2], { better: 'higher' }));
    expect(named('higher')).toBe('step-000002\nerror 3 (a ruler)\n');
  });

  test('is compared with in a run that goes on, unless it was measured with something else', async () => {
    await run('on', plan([2, 5, 5], { steps: 2 }));
    await run('on', plan([0, 0, 3, 4]), true);
    expect(named('on')).toBe('step-000001\nerror 2 (a ruler)\n');
    await run('on', plan([0, 0, 0, 0, 3], { by: 'a scale' }), true);
    expect(named('on')).toBe('step-000005\nerror 3 (a scale)\n');
  });

  test('of a run that measures nothing: asking for it says how there would be one', async () => {
    const made = plan([1, 1]);
    await run('none', { ...made, watch: async () => ({ dispose: async () => {} }) });
    await expect(resolveModel(join(root, 'none', 'best'))).rejects.toThrow(
      `${join(root, 'none', 'best')}: the run has no best checkpoint; train.evaluateEvery measures on the way and names one; ${join(root, 'none')} alone is the latest`,
    );
  });
});
