import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import {
  constant,
  createInterpreter,
  float32,
  input,
  program,
  state,
  storeSpec,
  sum,
  type Executor,
  type HostArray,
  type Tensor,
} from '../../core/index.ts';
import { createNodeExecutor } from '../../runtime/node.ts';
import { emaDecay } from './ema.ts';
import { learningRateFactor } from './lr-schedule.ts';
import {
  adamCorrections,
  adamState,
  adamUpdate,
  clipFactor,
  firstMoment,
  globalNorm,
  secondMoment,
} from './optimizer.ts';
import { scalar } from './programs.ts';

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

describe.each<[string, () => Executor]>([
  ['interpreter', createInterpreter],
  ['onnxruntime', () => node],
])('on %s', (_, executorOf) => {
  test.each(['adam', 'adamw'] as const)("%s with clipping follows PyTorch's trajectory", async (kind) => {
    const { options, norms, parameters, moments } = golden[kind];
    const executor = executorOf();
    const adam = { betas: options.betas, eps: options.eps, weightDecay: options.weight_decay ?? 0 };
    const gradients = keys.map((key) => input(`g${key}`, golden.shapes[key]));
    const norm = globalNorm(gradients);
    const clip = clipFactor(norm, golden.maxNorm);
    const scalars = {
      learningRate: input('learningRate', []),
      correction1: input('correction1', []),
      correction2: input('correction2', []),
    };
    const writes: Record<string, Tensor> = {};
    keys.forEach((key, i) => {
      const update = adamUpdate(key, state(key, golden.shapes[key]), gradients[i]!, scalars, adam, clip);
      writes[key] = update.value;
      for (const [entry, value] of update.writes) writes[entry] = value;
    });
    const step = program({ outputs: { norm }, writes });
    const weights = new Map(keys.map((key) => [key, arrayOf(key, golden.initial[key])]));
    const store = await executor.createStore(storeSpec([step]), new Map([...weights, ...adamState(weights)]));
    const executable = await executor.compile(step);

    for (const [i, gradient] of golden.gradients.entries()) {
      const { correction1, correction2 } = adamCorrections(i + 1, options.betas);
      const outputs = await executable.run(store, {
        ga: arrayOf('a', gradient.a),
        gb: arrayOf('b', gradient.b),
        learningRate: scalar(options.lr),
        correction1: scalar(correction1),
        correction2: scalar(correction2),
      });
      expect(outputs['norm']!.data[0]).toBeCloseTo(norms[i]!, 5);
      const held = await store.read();
      // Float32 state: a few units in the seventh digit.
      for (const key of keys)
        parameters[i]![key].forEach((value, k) => expect(held.get(key)!.data[k]).toBeCloseTo(value, 6));
    }
    const held = await store.read();
    for (const key of keys) {
      moments.exp_avg[key].forEach((value, k) => expect(held.get(firstMoment(key))!.data[k]).toBeCloseTo(value, 7));
      moments.exp_avg_sq[key].forEach((value, k) => expect(held.get(secondMoment(key))!.data[k]).toBeCloseTo(value, 8));
    }
  });
});

test('a parameter group has a rate and a decay of its own', async () => {
  const executor = createInterpreter();
  const scalars = { learningRate: constant(0.1), correction1: constant(1), correction2: constant(1) };
  const options = {
    betas: [0, 0] as const,
    eps: 0,
    weightDecay: 0,
    groups: [{ match: (name: string) => name === 'slow', learningRateScale: 0.5, weightDecay: 1 }],
  };
  const update = (name: string) =>
    sum(adamUpdate(name, constant(float32([1], [2])), constant(float32([1], [3])), scalars, options).value);
  const p = program({ outputs: { slow: update('slow'), fast: update('fast') } });
  const store = await executor.createStore(
    storeSpec([p]),
    adamState(
      new Map([
        ['slow', float32([1])],
        ['fast', float32([1])],
      ]),
    ),
  );
  const { slow, fast } = await (await executor.compile(p)).run(store, {});
  expect(fast!.data[0]).toBeCloseTo(2 - 0.1, 6); // m / √v is the sign of the gradient
  expect(slow!.data[0]).toBeCloseTo(2 - 0.05 * 2 - 0.05, 6);
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
