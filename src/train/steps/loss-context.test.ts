import { afterAll, describe, expect, test } from 'vitest';
import {
  clip,
  createInterpreter,
  exp,
  float32,
  input,
  mean,
  mul,
  RandomStream,
  type Executor,
  type Shape,
  type Tensor,
} from '../../core/index.ts';
import { CLIPModel, openAIPreprocessing } from '../../models/index.ts';
import { filled, Linear, Module, Parameter } from '../../nn/index.ts';
import { clipLoss, contrastiveLoss } from '../../pipelines/index.ts';
import { createNodeExecutor } from '../../runtime/node.ts';
import { trainSchema } from './train-config.ts';
import { lossContext, type LossContext } from './loss-context.ts';
import { Trainer, type TrainerState, type TrainingTask } from './trainer.ts';
import { tinyTextConfig, tinyVisionConfig } from '../../../test/tiny-models.ts';

const node = createNodeExecutor({ threads: 1, worker: false });
const interpreter = createInterpreter();
afterAll(() => node.dispose());

class Towers extends Module {
  readonly left = new Linear(5, 4);
  readonly right = new Linear(3, 4);
  readonly logitScale = new Parameter([], filled(1.5));
  forward(): void {}
}

const towers = new Towers();
const normals = (shape: Shape, name: string, from: number) =>
  float32(
    shape,
    new Float32Array(
      Array.from({ length: shape[0]! }, (_, row) => [
        ...new RandomStream(7, name, from + row).fillNormal(new Float32Array(shape[1]!)),
      ]).flat(),
    ),
  );

function task(
  batchSize: number,
  { dropout = 0, joined = true, ...more }: Partial<TrainingTask> & { dropout?: number; joined?: boolean } = {},
): TrainingTask {
  return {
    module: towers,
    loss(ctx) {
      const join = joined ? ctx.gradCache : (x: Tensor) => x;
      const left = ctx.dropout(towers.left.forward(ctx, input('x', [batchSize, 5])), dropout);
      const right = towers.right.forward(ctx, input('y', [batchSize, 3]));
      const scale = ctx.param(towers.logitScale);
      ctx.measure('temperature', exp(mul(scale, -1)));
      return mean(contrastiveLoss(join(left), join(right), scale).losses);
    },
    inputs: (batch) => ({
      x: normals([batchSize, 5], 'x', batch * batchSize),
      y: normals([batchSize, 3], 'y', batch * batchSize),
    }),
    ...more,
  };
}

async function train(
  executor: Executor,
  given: TrainingTask,
  gradientAccumulation: number,
  steps = 1,
  options: object = {},
) {
  const trainer = await Trainer.open(
    executor,
    given,
    trainSchema.parse({
      steps: 100,
      warmupSteps: 0,
      clipNorm: null,
      learningRate: 0.05,
      gradientAccumulation,
      ...options,
    }),
  );
  const reports = [];
  for (let i = 0; i < steps; i++) reports.push(await trainer.advance());
  const state = await trainer.state();
  await trainer.dispose();
  return { reports, state };
}

function worst(a: TrainerState, b: TrainerState, prefix: string): number {
  let most = 0;
  for (const [entry, { data }] of a.training) {
    if (!entry.startsWith(prefix)) continue;
    const other = b.training.get(entry)!.data;
    data.forEach((value, i) => {
      most = Math.max(most, Math.abs(Number(value) - Number(other[i])));
    });
  }
  return most;
}

describe('a loss across accumulated batches', () => {
  test.each([
    ['interpreter', interpreter, 1e-7],
    ['cpu', node, 1e-6],
  ] as const)(
    'has the loss, the gradients and the measures of one batch of all (%s)',
    async (_, executor, tolerance) => {
      const whole = await train(executor, task(12), 1);
      for (const [batchSize, accumulation] of [
        [6, 2],
        [3, 4],
        [1, 12],
      ] as const) {
        const parts = await train(executor, task(batchSize), accumulation);
        expect(parts.reports[0]!.loss).toBeCloseTo(whole.reports[0]!.loss, 6);
        expect(parts.reports[0]!.gradNorm).toBeCloseTo(whole.reports[0]!.gradNorm, 6);
        expect(parts.reports[0]!.measures).toEqual({ temperature: expect.closeTo(Math.exp(-1.5), 6) });
        // A tenth of the gradients, which are of order 0.1; float32 sums them in another order.
        expect(worst(parts.state, whole.state, 'adam/exp_avg/')).toBeLessThan(tolerance);
      }
    },
  );

  test('is not what accumulation alone gives: those batches have fewer negatives', async () => {
    const whole = await train(node, task(12), 1);
    const alone = await train(node, task(3, { joined: false }), 4);
    expect(worst(alone.state, whole.state, 'adam/exp_avg/')).toBeGreaterThan(1e-3);
    expect(alone.reports[0]!.loss).toBeLessThan(whole.reports[0]!.loss - 0.5);
  });

  test('draws the masks of dropout once for both passes: every batch sees the same loss', async () => {
    const losses: number[] = [];
    const watched: Executor = {
      ...node,
      async compile(program) {
        const executable = await node.compile(program);
        return {
          ...executable,
          dispose: () => executable.dispose(),
          async run(store, inputs) {
            const outputs = await executable.run(store, inputs);
            if (outputs['loss']) losses.push(Number(outputs['loss'].data[0]));
            return outputs;
          },
        };
      },
      createStore: (spec, values) => node.createStore(spec, values),
    };
    await train(watched, task(3, { dropout: 0.5 }), 4, 2);
    expect(losses).toHaveLength(8);
    for (const step of [losses.slice(0, 4), losses.slice(4)])
      for (const loss of step) expect(loss).toBeCloseTo(step[0]!, 5);
  });

  test('goes on bit for bit after a resume', async () => {
    const settings = trainSchema.parse({ steps: 100, warmupSteps: 0, gradientAccumulation: 3 });
    const trainer = await Trainer.open(node, task(4), settings);
    await trainer.advance();
    const saved = await trainer.state();
    const expected = [await trainer.advance(), await trainer.advance(), await trainer.state()];
    await trainer.dispose();
    const resumed = await Trainer.open(node, task(4), settings, saved);
    expect([await resumed.advance(), await resumed.advance(), await resumed.state()]).toEqual(expected);
    await resumed.dispose();
  });

  test('measures scalars only, and needs rows', () => {
    const ctx = lossContext({} as LossContext, 2);
    expect(() => ctx.measure('rows', input('x', [3]))).toThrow('measure: rows is [3], expected a scalar');
    expect(() => ctx.gradCache(input('x', []))).toThrow('across: a scalar has no rows');
  });
});

describe('a constrained parameter', () => {
  test('stays in its bounds after every update, and so does its average', async () => {
    const bounded = task(12, { constrain: { logit_scale: (value) => clip(value, 1.47, 10) } });
    const { state } = await train(node, bounded, 1, 3, { ema: { decay: 0.5, useEmaWarmup: false } });
    expect(state.training.get('params/logit_scale')!.data[0]).toBe(Math.fround(1.47));
    const free = await train(node, task(12), 1, 3);
    // Without bounds Adam takes a step of the learning rate.
    expect(free.state.training.get('params/logit_scale')!.data[0]).toBeLessThan(1.4);
    // The first update's value, and no step away from it: with the optimizer's own values it would be below.
    expect(state.ema.get('logit_scale')!.data[0]).toBe(Math.fround(1.47));
  });

  test('is of no matter to the others', async () => {
    const bounded = await train(node, task(12, { constrain: { logit_scale: (value) => value } }), 1, 3);
    const free = await train(node, task(12), 1, 3);
    for (const [entry, value] of free.state.training) expect(bounded.state.training.get(entry), entry).toEqual(value);
  });
});

test('a whole CLIP has the gradients of the large batch too', async () => {
  const clipModel = new CLIPModel({
    projectionDim: 8,
    textConfig: { ...tinyTextConfig, bosTokenId: 18, padTokenId: 19 },
    visionConfig: tinyVisionConfig,
  });
  const of = (batchSize: number): TrainingTask => ({
    module: clipModel,
    loss: (ctx) => clipLoss(clipModel, ctx, { batchSize, length: 6, preprocessing: openAIPreprocessing }),
    inputs(batch) {
      const rows = Array.from({ length: batchSize }, (_, i) => new RandomStream(3, 'clip', batch * batchSize + i));
      return {
        images: float32(
          [batchSize, 3, 8, 8],
          new Float32Array(rows.flatMap((row) => [...row.fillNormal(new Float32Array(192))])),
        ),
        ids: {
          dtype: 'i64',
          shape: [batchSize, 6],
          data: BigInt64Array.from(
            rows.flatMap((row) => [18, ...Array.from({ length: 3 }, () => Math.floor(row.uniform() * 18)), 19, 19]),
            BigInt,
          ),
        },
      };
    },
  });
  const whole = await train(node, of(8), 1);
  const parts = await train(node, of(2), 4);
  expect(parts.reports[0]!.loss).toBeCloseTo(whole.reports[0]!.loss, 5);
  expect(worst(parts.state, whole.state, 'adam/exp_avg/')).toBeLessThan(2e-6);
});
