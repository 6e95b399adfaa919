import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import {
  add,
  createInterpreter,
  float32,
  input,
  mul,
  storeSpec,
  sum,
  type Executor,
  type HostArray,
} from '../../core/index.ts';
import { Module, Parameter, zeros } from '../../nn/index.ts';
import { createNodeExecutor } from '../../runtime/node.ts';
import { emaDecay } from './ema.ts';
import { learningRateFactor, warmupNote } from './lr-schedule.ts';
import { adamCorrections, firstMoment, secondMoment, type AdamOptions } from './optimizer.ts';
import { entries, initialState, scalarInput, trainingPrograms } from './programs.ts';

type Tensors = Record<'a' | 'b', number[]>;
interface Trajectory {
  options: { lr: number; betas: [number, number]; eps: number; weight_decay?: number };
  norms: number[];
  parameters: Tensors[];
  moments: { exp_avg: Tensors; exp_avg_sq: Tensors };
}
interface Golden {
  shapes: Tensors;
  maxNorm: number;
  initial: Tensors;
  gradients: Tensors[];
  adam: Trajectory;
  adamw: Trajectory;
  ema: {
    options: { decay: number; use_ema_warmup: boolean; inv_gamma?: number; power?: number; update_after_step?: number };
    decays: [number, number][];
  }[];
  constantWithWarmup: { options: { num_warmup_steps: number }; factors: [number, number][] };
  cosineWithWarmup: { options: { num_warmup_steps: number; num_training_steps: number }; factors: [number, number][] };
}

// test/golden/adam.py
const golden = JSON.parse(readFileSync(new URL('../../../test/golden/adam.json', import.meta.url), 'utf8')) as Golden;
const node = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => node.dispose());

const keys = ['a', 'b'] as const;
const arrayOf = (key: 'a' | 'b', values: readonly number[]): HostArray =>
  float32(golden.shapes[key], Float32Array.from(values));

/** Two parameters whose gradients are what the loss Σ g · θ is given: each step is the optimizer alone. */
class Two extends Module {
  readonly a: Parameter;
  readonly b: Parameter;

  constructor(shapes: Readonly<Record<'a' | 'b', readonly number[]>>) {
    super();
    this.a = new Parameter(shapes.a, zeros);
    this.b = new Parameter(shapes.b, zeros);
  }

  forward(): void {}
}

/** The program that training runs for them. */
function stepOf(module: Two, optimizer: AdamOptions, clipNorm: number | null) {
  const setup = { module, optimizer, clipNorm, accumulation: 1 };
  return trainingPrograms({
    ...setup,
    loss: (ctx) =>
      keys
        .map((key) => sum(mul(input(`g${key}`, module[key].shape), ctx.param(module[key]))))
        .reduce((total, part) => add(total, part)),
  }).step!;
}

describe.each<[string, () => Executor]>([
  ['interpreter', createInterpreter],
  ['onnxruntime', () => node],
])('on %s', (_, executorOf) => {
  test.each(['adam', 'adamw'] as const)(
    "a training step of %s with clipping follows PyTorch's trajectory",
    async (kind) => {
      const { options, norms, parameters, moments } = golden[kind];
      const executor = executorOf();
      const adam = { betas: options.betas, eps: options.eps, weightDecay: options.weight_decay ?? 0 };
      const step = stepOf(new Two(golden.shapes), adam, golden.maxNorm);
      const weights = new Map(keys.map((key) => [key, arrayOf(key, golden.initial[key])]));
      const store = await executor.createStore(storeSpec([step]), initialState(weights, new Set(keys), 1));
      const executable = await executor.compile(step);

      for (const [i, gradient] of golden.gradients.entries()) {
        const { correction1, correction2 } = adamCorrections(i + 1, options.betas);
        const outputs = await executable.run(store, {
          ga: arrayOf('a', gradient.a),
          gb: arrayOf('b', gradient.b),
          learningRate: scalarInput(options.lr),
          correction1: scalarInput(correction1),
          correction2: scalarInput(correction2),
          oneMinusEmaDecay: scalarInput(1),
        });
        expect(outputs['gradNorm']!.data[0]).toBeCloseTo(norms[i]!, 5);
        const held = await store.read();
        // Float32 state: a few units in the seventh digit.
        for (const key of keys)
          parameters[i]![key].forEach((value, k) => {
            expect(held.get(`${entries.parameter}${key}`)!.data[k]).toBeCloseTo(value, 6);
            // An average without memory is the value.
            expect(held.get(`${entries.ema}${key}`)!.data[k]).toBeCloseTo(value, 6);
          });
      }
      const held = await store.read();
      for (const key of keys) {
        moments.exp_avg[key].forEach((value, k) => expect(held.get(firstMoment(key))!.data[k]).toBeCloseTo(value, 7));
        moments.exp_avg_sq[key].forEach((value, k) =>
          expect(held.get(secondMoment(key))!.data[k]).toBeCloseTo(value, 8),
        );
      }
    },
  );
});

test('a parameter group has a rate and a decay of its own', async () => {
  const executor = createInterpreter();
  const step = stepOf(
    new Two({ a: [1], b: [1] }),
    {
      betas: [0, 0],
      eps: 0,
      weightDecay: 0,
      groups: [{ match: (name) => name === 'a', learningRateScale: 0.5, weightDecay: 1 }],
    },
    null,
  );
  const twos = new Map(keys.map((key) => [key, float32([1], [2])]));
  const store = await executor.createStore(storeSpec([step]), initialState(twos, new Set(keys), 1));
  const one = { correction1: scalarInput(1), correction2: scalarInput(1), oneMinusEmaDecay: scalarInput(1) };
  const gradients = { ga: float32([1], [3]), gb: float32([1], [3]) };
  await (await executor.compile(step)).run(store, { ...gradients, ...one, learningRate: scalarInput(0.1) });
  const held = await store.read();
  expect(held.get('params/b')!.data[0]).toBeCloseTo(2 - 0.1, 6); // m / √v is the sign of the gradient
  expect(held.get('params/a')!.data[0]).toBeCloseTo(2 - 0.05 * 2 - 0.05, 6);
});

test.each(golden.ema.filter(({ options }) => options.update_after_step === undefined))(
  "the decay of the average is diffusers' with $options",
  ({ options, decays }) => {
    const ours = {
      decay: options.decay,
      useEmaWarmup: options.use_ema_warmup,
      ...(options.inv_gamma && { invGamma: options.inv_gamma }),
      ...(options.power && { power: options.power }),
    };
    for (const [update, decay] of decays) expect(emaDecay(update, ours)).toBeCloseTo(decay, 12);
  },
);

test("the learning rate follows diffusers' schedules", () => {
  for (const [step, factor] of golden.constantWithWarmup.factors) {
    expect(
      learningRateFactor('constant', step, {
        totalSteps: 100,
        warmupSteps: golden.constantWithWarmup.options.num_warmup_steps,
      }),
    ).toBeCloseTo(factor, 12);
  }
  const { num_warmup_steps: warmupSteps, num_training_steps: totalSteps } = golden.cosineWithWarmup.options;
  // Past the end diffusers' cosine would rise again; ours stays at zero.
  for (const [step, factor] of golden.cosineWithWarmup.factors.filter(([s]) => s <= totalSteps)) {
    expect(learningRateFactor('cosine', step, { totalSteps, warmupSteps })).toBeCloseTo(factor, 12);
  }
});

describe('a warm-up', () => {
  const note = (steps: number, warmupSteps: number) =>
    warmupNote({ steps, warmupSteps, learningRate: 1e-3, lrSchedule: 'cosine' });

  test('that takes most of a run is named, with a shorter one', () => {
    expect(note(1200, 301)).toBe(
      'the learning rate rises for 301 of 1,200 steps; a tenth is enough: --train.warmupSteps 120',
    );
    expect(note(400, 500)).toContain('rises for 400 of 400 steps');
  });

  test('of a quarter or less, or in a run that only tries something out, is not', () => {
    expect(note(1200, 300)).toBeUndefined();
    expect(note(99, 500)).toBeUndefined();
  });
});
