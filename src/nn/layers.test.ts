import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import {
  createInterpreter,
  float32,
  grad,
  input,
  mul,
  constant,
  program,
  reshape,
  sizeOf,
  sum,
  type Executor,
  type HostArray,
  type Tensor,
} from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { activationNamed, activations } from './activations.ts';
import { Attention, scaledDotProductAttention, type AttentionMasks } from './attention.ts';
import { bind, initialValues, namedParameters, type Context, type Module } from './module.ts';
import { BatchNorm2d, LayerNorm, RMSNorm } from './norm.ts';

// test/golden/layers.py
const { tensors } = readSafetensors(readFileSync(new URL('../../test/golden/layers.safetensors', import.meta.url)));
const golden = (name: string): HostArray => {
  const found = tensors.get(name);
  if (!found) throw new Error(`no golden ${name}`);
  return found;
};
const node = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => node.dispose());

/** Golden tensors of a case as inputs of a program, and the values to run it with. */
function goldenInputs(name: string) {
  const values: Record<string, HostArray> = {};
  return {
    values,
    take: (what: string) => {
      values[what] = golden(`${name}/${what}`);
      return input(what, values[what]!.shape, values[what]!.dtype);
    },
  };
}

const weightsOf = (module: Module, name: string) =>
  new Map(
    [...namedParameters(module)]
      .filter(([, { kind }]) => kind === 'parameter')
      .map(([path]) => [`w/${path}`, golden(`${name}/w.${path}`)]),
  );

function expectClose(found: HostArray, name: string): void {
  const { data, shape } = golden(name);
  expect(found.shape, name).toEqual(shape);
  // Float32 sums of some dozens of terms of order 1.
  data.forEach((value, i) =>
    expect(Math.abs(Number(found.data[i]) - Number(value)), `${name}[${i}]`).toBeLessThan(
      2e-5 * Math.max(1, Math.abs(Number(value))),
    ),
  );
}

/** Σ y · cos(0, 1, 2, …), the loss of the golden gradients. */
const waved = (y: Tensor) =>
  sum(
    mul(
      y,
      constant(
        float32(
          y.shape,
          Float32Array.from({ length: sizeOf(y.shape) }, (_, i) => Math.cos(i)),
        ),
      ),
    ),
  );

async function expectGolden(
  executor: Executor,
  name: string,
  module: Module,
  inputs: readonly string[],
  build: (ctx: Context, take: (what: string) => Tensor) => Tensor,
): Promise<void> {
  const given = goldenInputs(name);
  const taken = new Map<string, Tensor>();
  const take = (what: string) => {
    if (!taken.has(what)) taken.set(what, given.take(what));
    return taken.get(what)!;
  };
  const ctx = bind(module, { prefix: 'w/' });
  const y = build(ctx, take);
  const wrt: [string, Tensor][] = [...inputs.map((what): [string, Tensor] => [what, take(what)]), ...ctx.parameters];
  const gradients = grad(
    waved(y),
    wrt.map(([, x]) => x),
  );
  const p = program({ outputs: { y, ...Object.fromEntries(gradients.map((g, i) => [`g.${wrt[i]![0]}`, g])) } });
  const store = await executor.createStore(p.reads, weightsOf(module, name));
  const executable = await executor.compile(p);
  const outputs = await executable.run(store, given.values);
  for (const [what, value] of Object.entries(outputs)) expectClose(value, `${name}/${what}`);
  await executable.dispose();
  await store.dispose();
}

describe.each<[string, () => Executor]>([
  ['interpreter', createInterpreter],
  ['onnxruntime', () => node],
])('on %s, as PyTorch and diffusers have it:', (_, executorOf) => {
  test('layer norm', () => {
    const module = new LayerNorm(8);
    return expectGolden(executorOf(), 'layer-norm', module, ['input'], (ctx, take) =>
      module.forward(ctx, take('input')),
    );
  });

  test('RMS norm', () => {
    const module = new RMSNorm(8);
    return expectGolden(executorOf(), 'rms-norm', module, ['input'], (ctx, take) => module.forward(ctx, take('input')));
  });

  test('batch norm: three steps of training, the running statistics after each, and evaluation', async () => {
    const executor = executorOf();
    const module = new BatchNorm2d(3);
    const ctx = bind(module, { prefix: 'w/', training: true });
    const x = input('x', [4, 3, 2, 2]);
    const y = module.forward(ctx, x);
    const [dx, dWeight, dBias] = grad(waved(y), [x, ...ctx.parameters.values()]);
    const step = program({
      outputs: { y, dx: dx!, dWeight: dWeight!, dBias: dBias! },
      writes: Object.fromEntries(ctx.updates),
    });
    const evaluation = program({ outputs: { y: module.forward(bind(module, { prefix: 'w/' }), x) } });
    const initial = new Map([...initialValues(module, 0)].map(([name, value]) => [`w/${name}`, value]));
    expect([...initial.keys()]).toEqual([
      'w/weight',
      'w/bias',
      'w/running_mean',
      'w/running_var',
      'w/num_batches_tracked',
    ]);
    const store = await executor.createStore(
      { ...step.reads, ...evaluation.reads },
      new Map([...initial, ...weightsOf(module, 'batch-norm')]),
    );
    const train = await executor.compile(step);
    for (const i of [0, 1, 2]) {
      const outputs = await train.run(store, { x: golden(`batch-norm/x${i}`) });
      if (i === 0) {
        expectClose(outputs['y']!, 'batch-norm/y');
        expectClose(outputs['dx']!, 'batch-norm/g.input');
        expectClose(outputs['dWeight']!, 'batch-norm/g.weight');
        expectClose(outputs['dBias']!, 'batch-norm/g.bias');
      }
      const held = await store.read();
      for (const buffer of ['running_mean', 'running_var', 'num_batches_tracked'])
        expectClose(held.get(`w/${buffer}`)!, `batch-norm/w${i}.${buffer}`);
    }
    const evaluate = await executor.compile(evaluation);
    expectClose((await evaluate.run(store, { x: golden('batch-norm/x0') }))['y']!, 'batch-norm/eval');
    await Promise.all([train.dispose(), evaluate.dispose()]);
  });

  const keyMask = (take: (what: string) => Tensor): AttentionMasks => ({ keyMask: take('key_mask') });
  test.each<[string, object, (take: (what: string) => Tensor) => AttentionMasks, readonly string[]]>([
    ['self', { bias: true }, () => ({}), []],
    ['causal', {}, () => ({ causal: true }), []],
    ['padding', {}, keyMask, []],
    ['causal-padding', {}, (take) => ({ causal: true, ...keyMask(take) }), []],
    ['bias', {}, (take) => ({ bias: reshape(take('bias'), [2, 1, 5, 5]) }), ['bias']],
    ['cross', { crossAttentionDim: 6 }, keyMask, ['context']],
  ])('attention, %s', (kind, options, masks, more) => {
    const module = new Attention({ queryDim: 8, heads: 2, dimHead: 3, ...options });
    expect([...namedParameters(module).keys()].filter((name) => name.endsWith('weight'))).toEqual([
      'to_q.weight',
      'to_k.weight',
      'to_v.weight',
      'to_out.0.weight',
    ]);
    return expectGolden(executorOf(), `attention-${kind}`, module, ['hidden_states', ...more], (ctx, take) =>
      module.forward(ctx, take('hidden_states'), kind === 'cross' ? take('context') : undefined, masks(take)),
    );
  });
});

test('attention over no key at all is the mean of the values, not NaN', async () => {
  const [q, v, keyMask] = [input('q', [1, 1, 2]), input('v', [1, 2, 2]), input('keyMask', [1, 2], 'bool')];
  const executable = await node.compile(
    program({ outputs: { y: scaledDotProductAttention(q, v, v, 1, { keyMask }) } }),
  );
  const { y } = await executable.run(null, {
    q: float32([1, 1, 2], [1, 2]),
    v: float32([1, 2, 2], [1, 2, 3, 6]),
    keyMask: { dtype: 'bool', shape: [1, 2], data: new Uint8Array(2) },
  });
  expect([...y!.data]).toEqual([2, 4]);
  await executable.dispose();
});

test('attention says what does not fit', () => {
  const x = input('x', [2, 3, 8]);
  expect(() => scaledDotProductAttention(x, x, x, 3)).toThrow('attention: 8 channels do not split into 3 heads');
  expect(() => scaledDotProductAttention(x, x, x, 2, { keyMask: input('m', [2, 4], 'bool') })).toThrow(
    'attention: the key mask must be bool[2, 3], got bool[2, 4]',
  );
  const narrow = new LayerNorm(4);
  expect(() => narrow.forward(bind(narrow), x)).toThrow(
    'layerNorm: gain and shift must be [8], got f32[4] (x is [2, 3, 8])',
  );
});

describe('buffers', () => {
  const norm = new BatchNorm2d(2);

  test('are updated once more by a second pass, and never by evaluation', async () => {
    const ctx = bind(norm, { training: true });
    const x = input('x', [1, 2, 2, 1]);
    norm.forward(ctx, x);
    norm.forward(ctx, x);
    const p = program({ outputs: {}, writes: Object.fromEntries(ctx.updates) });
    const store = await node.createStore(p.reads, initialValues(norm, 0));
    const executable = await node.compile(p);
    await executable.run(store, { x: float32([1, 2, 2, 1], [1, 3, 10, 10]) });
    const held = await store.read();
    expect([...held.get('num_batches_tracked')!.data]).toEqual([2]);
    // 0.1 · 2 after one pass, 0.9 · 0.2 + 0.2 after two.
    expect(held.get('running_mean')!.data[0]).toBeCloseTo(0.38, 6);
    expect(held.get('running_var')!.data[1]).toBeCloseTo(0.81, 6);
    const evaluation = bind(norm);
    norm.forward(evaluation, x);
    expect([...evaluation.updates.keys()]).toEqual([]);
    await executable.dispose();
  });

  test('are what an update may name, in their own shape', () => {
    const ctx = bind(norm, { training: true });
    expect(() => ctx.update(norm.weight, input('x', [2]))).toThrow(
      'update: weight is a parameter, which only an optimizer changes; make it a buffer',
    );
    expect(() => ctx.update(norm.runningMean, input('x', [3]))).toThrow(
      'update: running_mean is [2], its new value [3]',
    );
    expect(() => norm.forward(ctx, input('x', [1, 2, 1, 1]))).toThrow(
      'batchNorm2d: training needs more than one value a channel, x is [1, 2, 1, 1]',
    );
  });
});

test('activations have the names of configurations, and a name that is near is offered', () => {
  for (const name of ['silu', 'swish', 'mish', 'gelu', 'relu', 'quick_gelu', 'gelu_new', 'gelu_pytorch_tanh'] as const)
    expect(activationNamed(name)).toBe(activations[name]);
  expect(() => activationNamed('gleu')).toThrow('unknown activation "gleu"; did you mean gelu?');
  expect(() => activationNamed('toString')).toThrow(/^unknown activation "toString"; one of gelu, /);
});
