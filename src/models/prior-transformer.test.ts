import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { weightValues } from '../../test/golden/named-weights.ts';
import { grad, input, mean, program, square, type HostArray, type Tensor } from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bind, countParameters, namedParameters } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { fromHuggingFace, parseConfig } from './config.ts';
import { PriorTransformer, priorTransformerConfigSchema } from './prior-transformer.ts';

interface Case {
  readonly config: Record<string, unknown>;
  readonly parameters: Record<string, number[]>;
}

const fixtures = fileURLToPath(new URL('../../test/golden/prior-transformer/', import.meta.url));
const cases = JSON.parse(readFileSync(`${fixtures}cases.json`, 'utf8')) as Record<string, Case>;
const counts = JSON.parse(readFileSync(`${fixtures}counts.json`, 'utf8')) as Record<
  string,
  { readonly config: Record<string, unknown>; readonly parameters: number }
>;
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

const parse = (name: string, config: Record<string, unknown>) =>
  parseConfig(priorTransformerConfigSchema, fromHuggingFace(config), name);

const largestDifference = (a: HostArray, b: HostArray): number => {
  expect(a.shape).toEqual(b.shape);
  return Math.max(...Array.from(a.data as Float32Array, (value, i) => Math.abs(value - Number(b.data[i]!))));
};

describe.each(Object.keys(cases))('diffusers fixture %s', (name) => {
  const { config, parameters } = cases[name]!;
  const io = readSafetensors(readFileSync(`${fixtures}${name}.safetensors`)).tensors;
  const prior = new PriorTransformer(parse(name, config));
  const weights = new Map(Object.entries(parameters).map(([key, shape]) => [key, weightValues(key, shape)]));
  const names = ['noised', 'timestep', 'projEmbedding', 'encoderHiddenStates', 'attentionMask'];
  const given = Object.fromEntries(names.filter((key) => io.has(key)).map((key) => [key, io.get(key)!]));
  const inputs = Object.fromEntries(
    Object.entries(given).map(([key, { shape, dtype }]) => [key, input(key, shape, dtype)]),
  ) as Record<string, Tensor>;
  const ctx = bind(prior);
  const { noised, timestep, projEmbedding, encoderHiddenStates, attentionMask } = inputs;
  const out = prior.forward(ctx, noised!, timestep!, {
    projEmbedding: projEmbedding!,
    encoderHiddenStates,
    attentionMask,
  });
  const run = async (outputs: Record<string, Tensor>) => {
    const executable = await executor.compile(program({ outputs }));
    const spec = Object.fromEntries([...weights].map(([key, { shape, dtype }]) => [key, { shape, dtype }]));
    return executable.run(await executor.createStore(spec, weights), given);
  };

  test('has the same parameter names and shapes', () => {
    const ours = [...namedParameters(prior)].map(([key, { shape }]) => [key, [...shape]]);
    expect(Object.fromEntries(ours)).toEqual(parameters);
  });

  test('has the same output within 1e-4, and the same embedding of it', async () => {
    const result = (await run({ out }))['out']!;
    expect(largestDifference(result, io.get('out')!)).toBeLessThan(1e-4);
    const [mean, std] = ['clip_mean', 'clip_std'].map((key) => weights.get(key)!.data as Float32Array);
    const post = Float32Array.from(
      result.data as Float32Array,
      (value, i) => value * std![i % std!.length]! + mean![i % mean!.length]!,
    );
    expect(largestDifference({ ...result, data: post } as HostArray, io.get('post')!)).toBeLessThan(1e-4);
  });

  if (io.has('grad.noised'))
    test('has the same gradients within 1e-5 of the largest', async () => {
      const wrt: (readonly [string, Tensor])[] = [
        ...[...ctx.parameters].filter(([key]) => io.has(`grad.${key}`)),
        ['noised', noised!],
      ];
      const gradients = grad(
        mean(square(out)),
        wrt.map(([, tensor]) => tensor),
      );
      const result = await run(Object.fromEntries(wrt.map(([key], i) => [`grad.${key}`, gradients[i]!])));
      expect(Object.keys(result)).toHaveLength([...io.keys()].filter((key) => key.startsWith('grad.')).length);
      for (const [key, value] of Object.entries(result)) {
        // The gradient of a bias of all keys alike is zero; that of the keys' weights says what is small.
        const scale = io.get(key.replace('to_k.bias', 'to_k.weight'))!.data as Float32Array;
        const largest = Math.max(...Array.from(scale, Math.abs));
        expect(largestDifference(value, io.get(key)!) / largest, key).toBeLessThan(1e-5);
      }
    });
});

describe('PriorTransformer', () => {
  test.each(Object.keys(counts))('counts the parameters of %s as diffusers does', (name) => {
    const { config, parameters } = counts[name]!;
    expect(countParameters(new PriorTransformer(parse(name, config)))).toBe(parameters);
  });

  test('the fixtures have every option in more than one way', () => {
    const configs = Object.values(cases).map(({ config }) => fromHuggingFace(config));
    for (const key of Object.keys(priorTransformerConfigSchema.shape))
      expect(new Set(configs.map((config) => config[key])).size, key).toBeGreaterThan(1);
  });

  test('says which tokens have no position', () => {
    const prior = new PriorTransformer({
      numAttentionHeads: 1,
      attentionHeadDim: 4,
      numLayers: 1,
      embeddingDim: 3,
      numEmbeddings: 2,
    });
    expect(() =>
      prior.forward(bind(prior), input('x', [1, 3]), input('t', [1]), {
        projEmbedding: input('p', [1, 3]),
        encoderHiddenStates: input('h', [1, 5, 3]),
      }),
    ).toThrow('prior: 9 tokens and 6 positions do not fit (numEmbeddings 2, additionalEmbeddings 4)');
    expect(() =>
      prior.forward(bind(prior), input('x', [1, 3]), input('t', [1]), { projEmbedding: input('p', [1, 3]) }),
    ).toThrow('prior: this network needs encoderHiddenStates');
  });
});
