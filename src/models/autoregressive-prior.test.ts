import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { weightValues } from '../../test/golden/named-weights.ts';
import {
  grad,
  input,
  logSoftmax,
  mean,
  mul,
  oneHot,
  program,
  state,
  sum,
  type HostArray,
  type HostArrays,
  type Tensor,
} from '../core/index.ts';
import { takeRows } from '../diffusion/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bind, countParameters, namedParameters } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { AutoregressivePrior, autoregressivePriorConfigSchema } from './autoregressive-prior.ts';
import { fromHuggingFace, parseConfig } from './config.ts';

interface Case {
  readonly config: Record<string, unknown>;
  readonly parameters: Record<string, number[]>;
}

const fixtures = fileURLToPath(new URL('../../test/golden/autoregressive-prior/', import.meta.url));
const readJson = (file: string) => JSON.parse(readFileSync(`${fixtures}${file}`, 'utf8')) as unknown;
const cases = readJson('cases.json') as Record<string, Case>;
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

const parse = (config: Record<string, unknown>) =>
  parseConfig(autoregressivePriorConfigSchema, fromHuggingFace(config), 'config');
const specOf = (values: HostArrays) =>
  Object.fromEntries([...values].map(([key, { shape, dtype }]) => [key, { shape, dtype }]));

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
};

describe.each(Object.keys(cases))('the PyTorch fixture %s', (name) => {
  const { config, parameters } = cases[name]!;
  const io = readSafetensors(readFileSync(`${fixtures}${name}.safetensors`)).tensors;
  const prior = new AutoregressivePrior(parse(config));
  const { numComponents, numBuckets } = prior.config;
  const weights = new Map(Object.entries(parameters).map(([key, shape]) => [key, weightValues(key, shape)]));
  const conditions = Object.fromEntries(prior.conditions.map((each) => [each.name, io.get(each.name)!]));
  const inputs = (of: Record<string, HostArray>): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(of).map(([key, { shape, dtype }]) => [key, input(key, shape, dtype)]));
  const given = inputs(conditions);
  const buckets = io.get('buckets')!;

  test('has the same parameter names and shapes', () => {
    const ours = [...namedParameters(prior)].map(([key, { shape }]) => [key, [...shape]]);
    expect(Object.fromEntries(ours)).toEqual(parameters);
  });

  test('has the same logits within 1e-4, and gradients within 1e-5 of the largest', async () => {
    const ctx = bind(prior);
    const logits = prior.forward(ctx, input('buckets', buckets.shape, 'i64'), given);
    const target = oneHot(input('buckets', buckets.shape, 'i64'), numBuckets);
    const loss = mul(mean(sum(mul(target, logSoftmax(logits)), [2])), -1);
    const trained = [...ctx.parameters].filter(([key]) => io.has(`grad.${key}`));
    const gradients = grad(
      loss,
      trained.map(([, tensor]) => tensor),
    );
    const executable = await executor.compile(
      program({
        outputs: { logits, loss, ...Object.fromEntries(trained.map(([key], i) => [`grad.${key}`, gradients[i]!])) },
      }),
    );
    const result = await executable.run(await executor.createStore(specOf(weights), weights), {
      buckets,
      ...conditions,
    });
    expect(
      largestDifference(result['logits']!.data as Float32Array, io.get('logits')!.data as Float32Array),
    ).toBeLessThan(1e-4);
    expect(result['loss']!.data[0]).toBeCloseTo(Number(io.get('loss')!.data[0]), 5);
    expect(Object.keys(result)).toHaveLength(2 + [...io.keys()].filter((key) => key.startsWith('grad.')).length);
    for (const [key] of trained) {
      // The gradient of a bias of all keys alike is zero; that of the keys' weights says what is small.
      const scale = io.get(`grad.${key.replace('to_k.bias', 'to_k.weight')}`)!.data as Float32Array;
      const difference = largestDifference(
        result[`grad.${key}`]!.data as Float32Array,
        io.get(`grad.${key}`)!.data as Float32Array,
      );
      expect(difference, key).toBeLessThan(1e-5 * Math.max(...Array.from(scale, Math.abs)));
    }
  });

  test('a component at a time over kept keys and values, it has the logits of the whole sequence', async () => {
    const begin = prior.begin(bind(prior), given);
    const names = begin.caches.flatMap((_, layer) => [`keys.${layer}`, `values.${layer}`]);
    const written = (caches: typeof begin.caches) =>
      Object.fromEntries(
        caches.flatMap(({ keys, values }, i) => [
          [`keys.${i}`, keys],
          [`values.${i}`, values],
        ]),
      );
    const cacheShape = begin.caches[0]!.keys.shape;
    const kept = begin.caches.map((_, i) => ({
      keys: state(`keys.${i}`, cacheShape),
      values: state(`values.${i}`, cacheShape),
    }));
    const next = prior.next(bind(prior), {
      bucket: input('bucket', [2], 'i64'),
      component: input('component', [1], 'i64'),
      caches: kept,
      given,
    });
    const spec = {
      ...specOf(weights),
      ...Object.fromEntries(names.map((key) => [key, { shape: cacheShape, dtype: 'f32' as const }])),
    };
    const empty = new Map<string, HostArray>(
      names.map((key) => [
        key,
        { dtype: 'f32', shape: cacheShape, data: new Float32Array(cacheShape.reduce((a, b) => a * b)) },
      ]),
    );
    const store = await executor.createStore(spec, new Map([...weights, ...empty]));
    const first = await executor.compile(program({ outputs: { logits: begin.logits }, writes: written(begin.caches) }));
    const step = await executor.compile(program({ outputs: { logits: next.logits }, writes: written(next.caches) }));
    const whole = io.get('logits')!.data as Float32Array;
    const expected = (component: number) =>
      [0, 1].flatMap((b) => [
        ...whole.subarray(
          (b * numComponents + component) * numBuckets,
          (b * numComponents + component + 1) * numBuckets,
        ),
      ]);
    let out = await first.run(store, conditions);
    expect(largestDifference(out['logits']!.data as Float32Array, expected(0))).toBeLessThan(1e-4);
    for (let component = 0; component + 1 < numComponents; component++) {
      const bucket = BigInt64Array.from([0, 1], (b) => buckets.data[b * numComponents + component] as bigint);
      const { encoder_attention_mask: mask } = conditions;
      out = await step.run(store, {
        bucket: { dtype: 'i64', shape: [2], data: bucket },
        component: { dtype: 'i64', shape: [1], data: BigInt64Array.of(BigInt(component)) },
        encoder_attention_mask: mask!,
      });
      expect(largestDifference(out['logits']!.data as Float32Array, expected(component + 1))).toBeLessThan(1e-4);
    }
  });

  test('a component does not see those after it', async () => {
    const logits = prior.forward(bind(prior), input('buckets', buckets.shape, 'i64'), given);
    const executable = await executor.compile(program({ outputs: { logits } }));
    const store = await executor.createStore(specOf(weights), weights);
    const changed = takeRows(buckets, [0, 1]);
    const at = 2;
    (changed.data as BigInt64Array)[at] = ((changed.data as BigInt64Array)[at]! + 1n) % BigInt(numBuckets);
    const [a, b] = [
      await executable.run(store, { buckets, ...conditions }),
      await executable.run(store, { buckets: changed, ...conditions }),
    ].map(({ logits: values }) => (values!.data as Float32Array).subarray(0, numComponents * numBuckets));
    const upTo = (at + 1) * numBuckets;
    expect([...b!.subarray(0, upTo)]).toEqual([...a!.subarray(0, upTo)]);
    expect([...b!.subarray(upTo)]).not.toEqual([...a!.subarray(upTo)]);
  });
});

test("a network of the paper's size has the parameters that PyTorch counts", () => {
  const { config, parameters } = (
    readJson('counts.json') as Record<string, { config: Record<string, unknown>; parameters: number }>
  )['paper']!;
  expect(countParameters(new AutoregressivePrior(parse(config)))).toBe(parameters);
  // Without sizes of the CLIP's and the similarity's the defaults are the paper's.
  const { embeddingDim, numEmbeddings } = parse(config);
  expect(autoregressivePriorConfigSchema.parse({ embeddingDim, numEmbeddings })).toEqual(parse(config));
});

test('refuses more components than an embedding has values', () => {
  expect(() => new AutoregressivePrior({ embeddingDim: 12, numEmbeddings: 5 })).toThrow(
    'autoregressive prior: numComponents is 319, and an embedding of 12 values has no more components than values',
  );
});
