/** What models of several parts are trained with, each on something small whose outcome is known. */
import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import {
  constant,
  float32,
  grad,
  input,
  logSoftmax,
  mean,
  meanSquaredError,
  mul,
  neg,
  oneHot,
  program,
  sum,
  type HostArray,
  type Tensor,
} from '../../core/index.ts';
import {
  bind,
  countParameters,
  Embedding,
  initialValues,
  Linear,
  Module,
  namedParameters,
  normal,
  Parameter,
  type Context,
} from '../../nn/index.ts';
import { entryValues, namedNormals, plainTraining, trainSteps } from '../../../test/train-steps.ts';
import { createNodeExecutor } from '../../runtime/node.ts';
import { trainSchema } from './train-config.ts';
import { Trainer, type TrainerState, type TrainingTask } from './trainer.ts';

const node = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => node.dispose());

const train = (task: TrainingTask, options: object, steps: number, from?: TrainerState) =>
  trainSteps(node, task, options, steps, from);

describe('dropout in training', () => {
  const layer = new Linear(16, 1);
  const x = namedNormals([8, 16], 'dropout x');
  const task: TrainingTask = {
    module: layer,
    loss: (ctx) => meanSquaredError(layer.forward(ctx, ctx.dropout(input('x', [8, 16]), 0.5)), input('y', [8, 1])),
    // Every batch is the same: only the masks differ.
    inputs: () => ({ x, y: namedNormals([8, 1], 'dropout y') }),
  };
  const losses = async (trainer: Trainer, count: number) => {
    const found: number[] = [];
    for (let i = 0; i < count; i++) found.push((await trainer.advance()).loss);
    return found;
  };

  test.each([1, 2])('goes on with the same masks after a resume (%i batches a step)', async (gradientAccumulation) => {
    const settings = plainTraining({ gradientAccumulation, learningRate: 0.01 });
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
      const trainer = await Trainer.open(node, task, plainTraining({ ...still, ...settings }), {
        step: 0,
        training: new Map<string, HostArray>([['params/weight', namedNormals([1, 16], 'dropout w')]]),
        ema: new Map(),
      });
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

describe('weight tying', () => {
  // The next word follows from this one by a permutation; words in and out have one table.
  const V = 6;
  const D = 8;
  class Bigrams extends Module {
    readonly words = new Embedding(V, D);
    readonly hidden = new Linear(D, D);
    readonly out: Linear;
    constructor(tied: boolean) {
      super();
      this.out = new Linear(D, V, { bias: false, ...(tied ? { weight: this.words.weight } : { init: normal(1) }) });
    }
    forward(ctx: Context, words: Tensor): Tensor {
      return this.out.forward(ctx, this.hidden.forward(ctx, this.words.forward(ctx, words)));
    }
  }
  const next = [3, 0, 5, 1, 2, 4];
  const every = { dtype: 'i64', shape: [V], data: BigInt64Array.from({ length: V }, (_, i) => BigInt(i)) } as const;
  const targets = constant({ dtype: 'i64', shape: [V], data: BigInt64Array.from(next, BigInt) });
  const loss = (module: Bigrams, ctx: Context) =>
    neg(mean(sum(mul(logSoftmax(module.forward(ctx, input('words', [V], 'i64'))), oneHot(targets, V)), [1])));

  test('counts the shared table once, and learns with it', async () => {
    const tied = new Bigrams(true);
    expect([...namedParameters(tied).keys()]).toEqual(['words.weight', 'hidden.weight', 'hidden.bias']);
    expect(countParameters(tied)).toBe(V * D + D * D + D);
    const { report, held } = await train(
      { module: tied, loss: (ctx) => loss(tied, ctx), inputs: () => ({ words: every }) },
      { learningRate: 0.05 },
      150,
    );
    expect(report.loss).toBeLessThan(0.01);
    expect(held.filter((entry) => entry.startsWith('adam/exp_avg/'))).toHaveLength(3);
  });

  test('adds up the gradients of both uses', async () => {
    const gradients = async (tied: boolean) => {
      const module = new Bigrams(tied);
      const ctx = bind(module);
      const names = [...ctx.parameters.keys()];
      const p = program({
        outputs: Object.fromEntries(
          grad(loss(module, ctx), [...ctx.parameters.values()]).map((g, i) => [names[i]!, g]),
        ),
      });
      const values = initialValues(new Bigrams(true), 0);
      const store = await node.createStore(p.reads, new Map([...values, ['out.weight', values.get('words.weight')!]]));
      const executable = await node.compile(p);
      const outputs = await executable.run(store, { words: every });
      await executable.dispose();
      return outputs;
    };
    const [together, apart] = [await gradients(true), await gradients(false)];
    together['words.weight']!.data.forEach((g, i) =>
      expect(g).toBeCloseTo(Number(apart['words.weight']!.data[i]) + Number(apart['out.weight']!.data[i]), 5),
    );
    expect(largest(apart['words.weight']!)).toBeGreaterThan(0.01);
    expect(largest(apart['out.weight']!)).toBeGreaterThan(0.01);
  });

  test('needs one shape', () => {
    expect(() => new Linear(3, 4, { weight: new Parameter([3, 4], normal(1)) })).toThrow(
      'linear: the shared weight is [3, 4], expected [4, 3]',
    );
  });
});

const largest = ({ data }: HostArray) =>
  Array.from<unknown, number>(data, Number).reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** Two linear layers in a row: a part that is given and a part that learns. */
class TwoParts extends Module {
  readonly encoder = new Linear(3, 2);
  readonly head = new Linear(2, 1);
  forward(ctx: Context, x: Tensor): Tensor {
    return this.head.forward(ctx, this.encoder.forward(ctx, x));
  }
}

describe('frozen parts', () => {
  const module = new TwoParts();
  const x = namedNormals([32, 3], 'frozen x');
  const fixed: ReadonlyMap<string, HostArray> = new Map<string, HostArray>([
    ['encoder.weight', float32([2, 3], [1, 2, 0, 0, 1, -1])],
    ['encoder.bias', float32([2], [0.5, 0])],
  ]);
  // y = 3 (x₀ + 2 x₁ + ½) − 2 (x₁ − x₂) + 1, which the head can be.
  const y = float32(
    [32, 1],
    Array.from({ length: 32 }, (_, i) => {
      const at = (axis: number) => x.data[3 * i + axis]!;
      return 3 * (at(0) + 2 * at(1) + 0.5) - 2 * (at(1) - at(2)) + 1;
    }),
  );
  const task: TrainingTask = {
    module,
    loss: (ctx) => meanSquaredError(module.forward(ctx, input('x', [32, 3])), input('y', [32, 1])),
    inputs: () => ({ x, y }),
  };
  const from: TrainerState = {
    step: 0,
    training: new Map([...fixed].map(([name, value]) => [`params/${name}`, value])),
    ema: new Map(fixed),
  };

  test.each<[string, object, Partial<TrainingTask>]>([
    ['a group of the configuration', { groups: [{ names: '^encoder\\.', frozen: true }] }, {}],
    ['a predicate of the task', {}, { trainable: (name) => name.startsWith('head.') }],
    ['a group, with accumulation', { gradientAccumulation: 2, groups: [{ names: '^encoder\\.', frozen: true }] }, {}],
  ])('keep their bytes and have no gradients and moments, while the others learn: %s', async (_, options, more) => {
    const { report, state, held } = await train(
      { ...task, ...more },
      { learningRate: 0.1, lrSchedule: 'cosine', steps: 600, optimizer: 'adamw', weightDecay: 1e-4, ...options },
      600,
      from,
    );
    expect(report.loss).toBeLessThan(1e-4);
    expect(entryValues(state, 'params/head.weight').map((w) => Math.round(w * 10) / 10)).toEqual([3, -2]);
    for (const [name, value] of fixed) {
      expect(state.training.get(`params/${name}`)!.data).toEqual(value.data);
      expect(state.ema.get(name)!.data).toEqual(value.data);
    }
    expect(held.filter((entry) => entry.includes('encoder'))).toEqual([
      'params/encoder.weight',
      'ema/encoder.weight',
      'params/encoder.bias',
      'ema/encoder.bias',
    ]);
  });

  test('need a part that is not', async () => {
    await expect(Trainer.open(node, task, plainTraining({ groups: [{ frozen: true }] }))).rejects.toThrow(
      'training: no parameter is trainable, all are frozen or buffers',
    );
    await expect(
      Trainer.open(node, task, plainTraining({ groups: [{ names: 'decoder', frozen: true }] })),
    ).rejects.toThrow('train.groups[0]: fits no parameter; one is called "encoder.weight"');
    expect(trainSchema.safeParse({ steps: 1, groups: [{ names: '(' }] }).error!.issues[0]!.message).toBe(
      'expected a regular expression',
    );
  });

  test('are part of what a saved state belongs to', async () => {
    const { state } = await train(task, {}, 1);
    await expect(
      Trainer.open(node, { ...task, trainable: (name) => name.startsWith('head.') }, plainTraining({}), state),
    ).rejects.toThrow(
      'training: the saved state holds adam/exp_avg/encoder.weight, which this run does not have; resume it with the model and the groups that it was started with',
    );
  });
});

// test/golden/adamw-groups.py
const groups = JSON.parse(readFileSync(new URL('../../../test/golden/adamw-groups.json', import.meta.url), 'utf8')) as {
  x: number[];
  target: number[];
  initial: { weight: number[]; bias: number[] };
  steps: { loss: number; weight: number[]; bias: number[] }[];
};

describe('groups of parameters', () => {
  const layer = new Linear(3, 2);
  const task: TrainingTask = {
    module: layer,
    loss: (ctx) => meanSquaredError(layer.forward(ctx, input('x', [6, 3])), input('target', [6, 2])),
    inputs: () => ({ x: float32([6, 3], groups.x), target: float32([6, 2], groups.target) }),
  };
  const options = {
    optimizer: 'adamw',
    learningRate: 0.1,
    weightDecay: 0.2,
    groups: [{ maxRank: 1, learningRateScale: 0.5, weightDecay: 0 }],
  };

  test("follow PyTorch's AdamW, the bias at half the rate and without decay", async () => {
    const from = {
      step: 0,
      training: new Map<string, HostArray>([
        ['params/weight', float32([2, 3], groups.initial.weight)],
        ['params/bias', float32([2], groups.initial.bias)],
      ]),
      ema: new Map(),
    };
    const trainer = await Trainer.open(node, task, plainTraining(options), from);
    for (const { loss, weight, bias } of groups.steps) {
      expect((await trainer.advance()).loss).toBeCloseTo(loss, 5);
      const state = await trainer.state();
      entryValues(state, 'params/weight').forEach((value, i) => expect(value).toBeCloseTo(weight[i]!, 5));
      entryValues(state, 'params/bias').forEach((value, i) => expect(value).toBeCloseTo(bias[i]!, 5));
    }
    await trainer.dispose();
  });

  test('cannot decay under Adam', async () => {
    await expect(Trainer.open(node, task, plainTraining({ groups: [{ weightDecay: 0.1 }] }))).rejects.toThrow(
      'train.groups[0]: weightDecay is 0.1, but adam does not decay; take "optimizer": "adamw"',
    );
  });
});
