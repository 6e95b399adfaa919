import { afterAll, describe, expect, test } from 'vitest';
import {
  add,
  createInterpreter,
  float32,
  input,
  meanSquaredError,
  mul,
  RandomStream,
  reshape,
  sizeOf,
  square,
  type Executor,
  type FloatArray,
  type HostArray,
  type HostArrays,
} from '../../core/index.ts';
import { drawTrainingNoise, gaussianIrreducibleLoss, linearSchedule, schedulerConfig } from '../../diffusion/index.ts';
import { UNet2DModel } from '../../models/index.ts';
import { Embedding, initialValues, Linear, type Binding } from '../../nn/index.ts';
import {
  denoisingLoss,
  sampleImages,
  importanceInput,
  openSampler,
  sampleLossesAt,
  type ImageShape,
} from '../../pipelines/index.ts';
import { createNodeExecutor } from '../../runtime/node.ts';
import { trainSchema } from './train-config.ts';
import { DivergedError, Trainer, type BatchHistory, type TrainerState, type TrainingTask } from './trainer.ts';

const node = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => node.dispose());

const config = (options: object) => trainSchema.parse({ steps: 1000, warmupSteps: 0, ...options });

const imageShape: ImageShape = [3, 8, 8];
const unetOptions = { sampleSize: 8, layersPerBlock: 1, normNumGroups: 4, attentionHeadDim: null } as const;
const unet = new UNet2DModel({
  ...unetOptions,
  blockOutChannels: [8, 8],
  downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D'],
  upBlockTypes: ['AttnUpBlock2D', 'UpBlock2D'],
});
const noiseSchedule = linearSchedule();

/** Algorithm 1 on images that are smooth waves: rows start … start + count of one endless data set. */
function waves(start: number, count: number): Record<string, HostArray> {
  const rows = Array.from({ length: count }, (_, i) => {
    const random = new RandomStream(3, 'wave', start + i);
    const [fx, fy, phase] = [random.uniform(), random.uniform(), 6 * random.uniform()];
    const x0 = float32(
      [1, ...imageShape],
      Float32Array.from({ length: sizeOf(imageShape) }, (_value, k) =>
        Math.sin(phase + fx * (k % 8) + fy * Math.floor(k / 8)),
      ),
    );
    const { t, noise, signalScale, noiseScale } = drawTrainingNoise(noiseSchedule, [1, ...imageShape], random);
    return { x0, noise, timestep: float32([1], t), signalScale, noiseScale };
  });
  const together = (name: keyof (typeof rows)[number]) => {
    const parts: FloatArray[] = rows.map((row) => row[name]);
    return float32(
      [count, ...parts[0]!.shape.slice(1)],
      parts.flatMap(({ data }) => [...data]),
    );
  };
  return Object.fromEntries(
    (['x0', 'noise', 'timestep', 'signalScale', 'noiseScale'] as const).map((name) => [name, together(name)]),
  );
}

const wavesTask = (batchSize: number): TrainingTask => ({
  module: unet,
  loss: (ctx) => denoisingLoss(unet, ctx, batchSize),
  inputs: (batch) => waves(batch * batchSize, batchSize),
  sampleLosses: sampleLossesAt,
});

/** Weights whose output layer is not almost zero, so that every gradient is far from rounding. */
const livelyWeights: HostArrays = new Map(
  [...initialValues(unet, 1)].map(([name, value]) => [
    name,
    name === 'conv_out.weight'
      ? float32(
          value.shape,
          new RandomStream(1, 'lively').fillNormal(new Float32Array(value.data.length)).map((z) => z / 8),
        )
      : value,
  ]),
);
const from = {
  step: 0,
  training: new Map([...livelyWeights].map(([name, value]) => [`params/${name}`, value])),
  ema: new Map(livelyWeights),
};

// x_0 ~ N(0, std² I): the best ε̂ is a multiple of x_t that depends on t alone, so a network of one number for each time can reach it.
const std = 0.5;
const schedule = linearSchedule({ T: 50 });
const [B, D] = [64, 16];
const factors = new Embedding(schedule.T, 1);
const drawGaussian = (batch: number) => {
  const random = new RandomStream(4, 'gaussian', batch);
  const x0 = float32(
    [B, D],
    random.fillNormal(new Float32Array(B * D)).map((z) => std * z),
  );
  return { x0, ...drawTrainingNoise(schedule, [B, D], random) };
};
const gaussianTask: TrainingTask = {
  module: factors,
  loss(ctx) {
    const column = (name: string) => reshape(input(name, [B]), [B, 1]);
    const noise = input('noise', [B, D]);
    const xt = add(mul(column('signalScale'), input('x0', [B, D])), mul(column('noiseScale'), noise));
    return meanSquaredError(mul(factors.forward(ctx, input('t', [B], 'i64')), xt), noise);
  },
  inputs(batch) {
    const { t, ...drawn } = drawGaussian(batch);
    return { ...drawn, t: { dtype: 'i64', shape: [B], data: BigInt64Array.from(t, BigInt) } };
  },
};

const largest = (values: Float32Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/**
 * The largest difference of two sets of tensors, each relative to the largest value of its tensor; at a thousandth of the
 * largest of all, values are taken for rounding (the gradient of attention's key bias is zero in theory).
 */
function largestDifference(found: HostArrays, expected: HostArrays): number {
  const kind = (name: string) => name.slice(0, name.lastIndexOf('/') + 1);
  const scales = new Map<string, number>();
  for (const [name, { data }] of expected)
    scales.set(kind(name), Math.max(scales.get(kind(name)) ?? 0, largest(data as Float32Array)));
  let worst = 0;
  for (const [name, { data }] of expected) {
    const values = data as Float32Array;
    const others = found.get(name)!.data as Float32Array;
    worst = Math.max(
      worst,
      largest(values.map((value, i) => value - others[i]!)) / (largest(values) + 1e-3 * scales.get(kind(name))!),
    );
  }
  return worst;
}

describe('a training step', () => {
  test('starts from a loss of one: the output layer is zero and the noise has variance one', async () => {
    const trainer = await Trainer.open(node, wavesTask(32), config({}));
    const { loss, step, gradNorm } = await trainer.advance();
    // Four standard errors of the mean square of 32 · 192 normals.
    expect(Math.abs(loss - 1)).toBeLessThan(4 * Math.sqrt(2 / (32 * 192)));
    expect(step).toBe(1);
    expect(gradNorm).toBeGreaterThan(0);
    await trainer.dispose();
  });

  test.each([1, 2])(
    'tells the loss of each sample next to its time, and their mean is the loss (%i batches a step)',
    async (gradientAccumulation) => {
      const trainer = await Trainer.open(node, wavesTask(4), config({ gradientAccumulation }), from);
      const { loss, samples } = await trainer.advance();
      await trainer.dispose();
      const count = 4 * gradientAccumulation;
      expect(samples!.map(({ t }) => t)).toEqual([...waves(0, count)['timestep']!.data]);
      // The engine sums in float32.
      expect(samples!.reduce((sum, sample) => sum + sample.loss, 0) / count).toBeCloseTo(loss, 5);
      expect(new Set(samples!.map((sample) => sample.loss)).size).toBe(count);
    },
  );

  test("gives the same in the interpreter's float64 loops and in ONNX Runtime", async () => {
    const step = async (executor: Executor) => {
      // Adam's first update is g / (|g| + eps): a larger eps than usual, so that it does not magnify the rounding of small gradients.
      const trainer = await Trainer.open(
        executor,
        wavesTask(2),
        config({ eps: 1e-2, learningRate: 0.1, optimizer: 'adamw' }),
        from,
      );
      const report = await trainer.advance();
      const state = await trainer.state();
      await trainer.dispose();
      return { report, ...state };
    };
    const exact = await step(createInterpreter());
    const engine = await step(node);
    expect(engine.report.loss).toBeCloseTo(exact.report.loss, 5);
    expect(engine.report.gradNorm / exact.report.gradNorm).toBeCloseTo(1, 4);
    // float32 sums of some thousand terms, through thirty layers and back.
    expect(largestDifference(engine.training, exact.training)).toBeLessThan(1e-3);
    expect(largestDifference(engine.ema, exact.ema)).toBeLessThan(1e-4);
  });

  test('of four accumulated batches of two is that of one batch of eight', async () => {
    const run = async (batchSize: number, gradientAccumulation: number) => {
      const trainer = await Trainer.open(
        node,
        wavesTask(batchSize),
        config({ gradientAccumulation, eps: 1e-2, learningRate: 0.05 }),
        from,
      );
      const reports = [await trainer.advance(), await trainer.advance(), await trainer.advance()];
      const state = await trainer.state();
      await trainer.dispose();
      return { reports, ...state };
    };
    const whole = await run(8, 1);
    const parts = await run(2, 4);
    for (const [i, { loss, gradNorm }] of whole.reports.entries()) {
      expect(parts.reports[i]!.loss).toBeCloseTo(loss, 5);
      expect(parts.reports[i]!.gradNorm / gradNorm).toBeCloseTo(1, 4);
    }
    // The same sums in another order, three updates in a row.
    expect(largestDifference(parts.training, whole.training)).toBeLessThan(1e-3);
    expect(largestDifference(parts.ema, whole.ema)).toBeLessThan(1e-4);
  });

  test.each([1, 2])(
    'that is run again from a saved state gives the same bits (%i batches a step)',
    async (gradientAccumulation) => {
      const settings = config({ gradientAccumulation, learningRate: 0.05 });
      const trainer = await Trainer.open(node, gaussianTask, settings);
      for (let i = 0; i < 3; i++) await trainer.advance();
      const saved = await trainer.state();
      const report = await trainer.advance();
      const expected = await trainer.state();
      await trainer.dispose();
      const again = await Trainer.open(node, gaussianTask, settings, saved);
      expect(again.step).toBe(3);
      expect(await again.advance()).toEqual(report);
      expect(await again.state()).toEqual(expected);
      await again.dispose();
    },
  );
});

describe('training on Gaussian data', () => {
  test('comes down to the least loss that is possible', async () => {
    const steps = 600;
    const trainer = await Trainer.open(
      node,
      gaussianTask,
      config({ steps, learningRate: 0.05, lrSchedule: 'cosine', clipNorm: null, ema: { decay: 0.99 } }),
    );
    let [loss, irreducibleLoss] = [0, 0];
    const counted = 200;
    for (let batch = 0; batch < steps; batch++) {
      const report = await trainer.advance();
      if (batch < steps - counted) continue;
      loss += report.loss / counted;
      for (const t of drawGaussian(batch).t)
        irreducibleLoss += gaussianIrreducibleLoss(schedule, t, std) / (counted * B);
    }
    // The floor of these very times; a mean of 200 · 1,024 squares is within 4 √(2/204,800) of its expectation, and what is left to learn comes on top.
    expect(loss / irreducibleLoss).toBeGreaterThan(1 - 0.013);
    expect(loss / irreducibleLoss).toBeLessThan(1 + 0.03);
    const learned = (await trainer.state()).ema.get('weight')!.data as Float32Array;
    for (const t of [0, 10, 25, 49]) {
      const best = schedule.sigma(t) / (schedule.alphaBar(t) * std ** 2 + schedule.sigma(t) ** 2);
      expect(Math.abs(learned[t]! - best), `at time ${t}`).toBeLessThan(0.05);
    }
    await trainer.dispose();
  });
});

describe('a run that diverges', () => {
  test.each([1, 2])(
    'ends with an error that names the step and a hint (%i batches a step)',
    async (gradientAccumulation) => {
      const trainer = await Trainer.open(
        node,
        gaussianTask,
        config({ learningRate: 1e30, clipNorm: null, gradientAccumulation }),
      );
      const run = async () => {
        for (;;) await trainer.advance();
      };
      const error = await run().catch((e: unknown) => e);
      expect(error).toBeInstanceOf(DivergedError);
      expect((error as DivergedError).message).toMatch(
        /^training: the loss is (NaN|Infinity) at step 2; .*--train\.learningRate.*--train\.clipNorm.*--train\.warmupSteps/,
      );
      expect((error as DivergedError).step).toBe(2);
      await trainer.dispose();
    },
  );

  test('saves no state in which a number is missing, though the loss before it was fine', async () => {
    // The rate is infinite in float32.
    const trainer = await Trainer.open(node, gaussianTask, config({ learningRate: 1e39 }));
    await trainer.advance();
    await expect(trainer.state()).rejects.toThrow(/^training: params\/weight is not finite at step 1;/);
    await trainer.dispose();
  });
});

test("the sampler of the averaged weights shares the trainer's store and sees every step", async () => {
  const unet = new UNet2DModel({
    ...unetOptions,
    blockOutChannels: [8],
    downBlockTypes: ['DownBlock2D'],
    upBlockTypes: ['UpBlock2D'],
    addAttention: false,
  });
  const task = { ...wavesTask(2), module: unet, loss: (ctx: Binding) => denoisingLoss(unet, ctx, 2) };
  const trainer = await Trainer.open(node, task, config({ learningRate: 0.02 }));
  const scheduler = schedulerConfig({});
  const shared = await openSampler(node, {
    network: unet,
    scheduler,
    weights: { store: trainer.store, prefix: 'ema/' },
    batchSize: 4,
  });
  const options = { seed: 0, count: 4, sampler: 'ddim', steps: 3 } as const;
  const drawings: FloatArray[] = [];
  for (let i = 0; i < 2; i++) {
    await trainer.advance();
    const drawn = await sampleImages(shared, options);
    const alone = await openSampler(node, {
      network: unet,
      scheduler,
      weights: (await trainer.state()).ema,
      batchSize: 4,
    });
    const expected = await sampleImages(alone, options);
    await alone.dispose();
    // With constant weights the engine may prepare them in another layout, and so sum in another order.
    expect(largestDifference(new Map([['x', drawn]]), new Map([['x', expected]]))).toBeLessThan(1e-4);
    drawings.push(drawn);
  }
  expect(drawings[0]!.data).not.toEqual(drawings[1]!.data);
  await shared.dispose();
  await trainer.dispose();
});

describe('a history of batches', () => {
  const layer = new Linear(2, 1);
  const x = float32([2, 2], [1, 2, -1, 0.5]);
  const task = (importance: readonly [number, number], more: Partial<TrainingTask> = {}): TrainingTask => ({
    module: layer,
    loss: (ctx) => mul(reshape(square(layer.forward(ctx, input('x', [2, 2]))), [2]), input(importanceInput, [2])),
    inputs: () => ({ x, timestep: float32([2], [3, 8]), [importanceInput]: float32([2], importance) }),
    sampleLosses: sampleLossesAt,
    ...more,
  });

  test("is told each sample's own loss, while what is trained has the weights of importance", async () => {
    const first = async (importance: readonly [number, number]) => {
      const trainer = await Trainer.open(node, task(importance), config({ batchSize: 2 }));
      const report = await trainer.advance();
      await trainer.dispose();
      return report;
    };
    const [plain, weighed] = [await first([1, 1]), await first([0.5, 4])];
    const losses = plain.samples!.map(({ loss }) => loss);
    expect(weighed.samples).toEqual([
      { t: 3, loss: losses[0] },
      { t: 8, loss: losses[1] },
    ]);
    expect(weighed.loss).toBeCloseTo((0.5 * losses[0]! + 4 * losses[1]!) / 2, 6);
  });

  test.each([1, 2])(
    'has seen every batch before the next is made, and is saved as it was (%i batches a step)',
    async (gradientAccumulation) => {
      const open = (events: string[], saved?: TrainerState) => {
        let seen = 0;
        const history: BatchHistory = {
          observe: (samples) => events.push(`seen ${seen++} of ${samples.length}`),
          state: () => new Map([['seen', float32([1], [seen])]]),
          restore: (state) => {
            seen = Number(state.get('seen')!.data[0]);
          },
        };
        const made = task([1, 1], { history });
        return Trainer.open(
          node,
          { ...made, inputs: (batch) => (events.push(`made ${batch}`), made.inputs(batch)) },
          config({ batchSize: 2, gradientAccumulation }),
          saved,
        );
      };
      const events: string[] = [];
      const trainer = await open(events);
      for (let i = 0; i < 4 / gradientAccumulation; i++) await trainer.advance();
      expect(events).toEqual([0, 1, 2, 3].flatMap((batch) => [`made ${batch}`, `seen ${batch} of 2`]));
      const saved = await trainer.state();
      expect(saved.training.get('history/seen')!.data[0]).toBe(4);
      // The same as what a checkpoint is written from.
      const written = trainer.training(saved.ema.keys());
      expect(await written.read('history/seen')).toEqual(saved.training.get('history/seen'));
      expect([...written.types.keys()]).toEqual([...saved.training.keys()]);
      await trainer.dispose();
      const later: string[] = [];
      const resumed = await open(later, saved);
      await resumed.advance();
      expect(later[1]).toBe('seen 4 of 2');
      await resumed.dispose();
    },
  );
});
