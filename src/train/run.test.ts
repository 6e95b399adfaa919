/** What a run keeps of a model of several parts, of which its folder holds one. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { add, float32, input, mean, neg, RandomStream, softplus, square, stopGradient } from '../core/index.ts';
import { readTrainingState } from '../checkpoint/index.ts';
import { readSafetensors, writeSafetensors } from '../formats/index.ts';
import { Linear, Module, type Context } from '../nn/index.ts';
import { noData } from '../../test/no-data.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { trainingRun, type RunPlan } from './run.ts';
import { Trainer } from './steps/trainer.ts';
import { trainSchema } from './steps/train-config.ts';

const executor = createNodeExecutor({ threads: 1, worker: false });
const root = await mkdtemp(join(tmpdir(), 'kuosan-run-'));
afterAll(async () => {
  await executor.dispose();
  await rm(root, { recursive: true });
});

class Pair extends Module {
  readonly generator = new Linear(1, 1);
  readonly discriminator = new Linear(1, 1);
  forward(): void {}
}

const B = 4;
const normals = (name: string, batch: number) =>
  float32([B, 1], new RandomStream(1, name, batch).fillNormal(new Float32Array(B)));

/** A GAN whose folder holds the generator, which is all that makes images. */
function gan(steps: number): RunPlan {
  const module = new Pair();
  const fake = (ctx: Context) => module.generator.forward(ctx, input('z', [B, 1]));
  const judged = (ctx: Context, x: ReturnType<typeof input>) => module.discriminator.forward(ctx, square(x));
  const train = trainSchema.parse({
    steps,
    batchSize: B,
    warmupSteps: 0,
    lrSchedule: 'constant',
    learningRate: 0.1,
    ema: { decay: 0.9 },
    checkpointEvery: 2,
    evaluateEvery: null,
  });
  return {
    config: { train },
    train,
    kind: 'network',
    mayChange: ['train.steps'],
    dataset: noData,
    task: {
      module,
      trainable: (name) => name.startsWith('generator.'),
      loss: (ctx) => mean(softplus(neg(judged(ctx, fake(ctx))))),
      inputs: (batch) => ({ z: normals('z', batch), x: normals('x', batch) }),
      others: {
        discriminator: {
          trainable: (name) => name.startsWith('discriminator.'),
          loss: (ctx) =>
            add(
              mean(softplus(neg(judged(ctx, input('x', [B, 1]))))),
              mean(softplus(judged(ctx, stopGradient(fake(ctx))))),
            ),
        },
      },
    },
    async writeModel(dir, weights) {
      const written = new Map([...weights].filter(([name]) => name.startsWith('generator.')));
      await writeFile(join(dir, 'config.json'), '{}');
      await writeFile(join(dir, 'generator.safetensors'), writeSafetensors(written));
      return written.keys();
    },
    readWeights: async (dir) => readSafetensors(await readFile(join(dir, 'generator.safetensors'))).tensors,
    use: { what: 'use it', command: (out) => out },
  };
}

/** @returns the folder of the last checkpoint */
async function run(out: string, steps: number, resume: boolean): Promise<string> {
  let last = '';
  for await (const event of trainingRun(gan(steps), { out: join(root, out), executor, resume }))
    if (event.type === 'checkpoint') last = event.path;
  return last;
}

test('averages of what the model folder does not hold go on bit for bit after a stop', async () => {
  const whole = await run('whole', 6, false);
  await run('parts', 4, false);
  const parts = await run('parts', 6, true);
  const [a, b] = [await readTrainingState(whole), await readTrainingState(parts)];
  const average = a.tensors.get('ema/discriminator.weight')!;
  expect(average).toEqual(b.tensors.get('ema/discriminator.weight'));
  // It is an average, neither the weight nor where that began.
  expect(average).not.toEqual(a.tensors.get('params/discriminator.weight'));
  expect(a.tensors).toEqual(b.tensors);
  expect(a.tensors.has('ema/generator.weight')).toBe(false);
  const folders = [whole, parts].map((dir) => readFile(join(dir, 'generator.safetensors')));
  expect(await folders[0]).toEqual(await folders[1]);
});

test('a saved state without the average of a parameter is refused', async () => {
  const { task, train } = gan(4);
  const trainer = await Trainer.open(executor, task, train);
  await trainer.advance();
  const { ema, ...state } = await trainer.state();
  const others = new Map([...ema].filter(([name]) => name !== 'discriminator.bias'));
  await trainer.dispose();
  await expect(Trainer.open(executor, task, train, { ...state, ema: others })).rejects.toThrow(
    'training: the saved state holds no average of discriminator.bias',
  );
});
