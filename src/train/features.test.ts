/** What models of several parts are trained with, each on something small whose outcome is known. */
import { afterAll, describe, expect, test } from 'vitest';
import { float32, input, meanSquaredError, RandomStream, type HostArray, type Shape } from '../core/index.ts';
import { Linear } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { trainSchema } from './config.ts';
import { Trainer, type TrainingTask } from './trainer.ts';

const node = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => node.dispose());

const config = (options: object) => trainSchema.parse({ steps: 1000, warmupSteps: 0, clipNorm: null, ...options });
const normals = (shape: Shape, name: string, index = 0) => float32(shape, new RandomStream(5, name, index).fillNormal(new Float32Array(shape.reduce((a, b) => a * b, 1))));

describe('dropout in training', () => {
  const layer = new Linear(16, 1);
  const x = normals([8, 16], 'dropout x');
  const task: TrainingTask = {
    module: layer,
    loss: (ctx) => meanSquaredError(layer.forward(ctx, ctx.dropout(input('x', [8, 16]), 0.5)), input('y', [8, 1])),
    // Every batch is the same: only the masks differ.
    inputs: () => ({ x, y: normals([8, 1], 'dropout y') }),
  };
  const losses = async (trainer: Trainer, count: number) => {
    const found: number[] = [];
    for (let i = 0; i < count; i++) found.push((await trainer.advance()).loss);
    return found;
  };

  test.each([1, 2])('goes on with the same masks after a resume (%i batches a step)', async (gradientAccumulation) => {
    const settings = config({ gradientAccumulation, learningRate: 0.01 });
    const trainer = await Trainer.open(node, task, settings);
    await losses(trainer, 3);
    const saved = await trainer.state();
    const expected = [await losses(trainer, 4), await trainer.state()];
    await trainer.dispose();
    const resumed = await Trainer.open(node, task, settings, saved);
    expect([await losses(resumed, 4), await resumed.state()]).toEqual(expected);
    await resumed.dispose();
  });

  test('draws another mask for every batch, of one update too, and for every seed', async () => {
    // At this rate no weight moves, so the loss tells the mask.
    const still = { learningRate: 1e-30 };
    const first = async (settings: object, count: number) => {
      const trainer = await Trainer.open(node, task, config({ ...still, ...settings }), { step: 0, training: new Map<string, HostArray>([['params/weight', normals([1, 16], 'dropout w')]]), ema: new Map() });
      const found = await losses(trainer, count);
      await trainer.dispose();
      return found;
    };
    const single = await first({}, 4);
    expect(new Set(single).size).toBe(4);
    const averages = await first({ gradientAccumulation: 2 }, 2);
    averages.forEach((loss, i) => expect(loss).toBeCloseTo((single[2 * i]! + single[2 * i + 1]!) / 2, 12));
    expect(await first({ seed: 1 }, 1)).not.toEqual(single.slice(0, 1));
  });
});
