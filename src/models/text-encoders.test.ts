import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { weightValues } from '../../test/golden/named-weights.ts';
import { input, program, type HostArray } from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bind, namedParameters } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { bertConfig, BertModel, bertTensorName } from './bert.ts';
import { relativePositionBuckets, t5Config, T5EncoderModel, t5TensorName } from './t5-encoder.ts';

interface Case {
  readonly class: 'BertModel' | 'T5EncoderModel';
  readonly config: Record<string, unknown>;
  readonly parameters: Record<string, number[]>;
}

// test/golden/text-encoders.py
const fixtures = fileURLToPath(new URL('../../test/golden/text-encoders/', import.meta.url));
const cases = JSON.parse(readFileSync(`${fixtures}cases.json`, 'utf8')) as Record<string, Case>;
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

function largestDifference(found: HostArray, expected: HostArray): number {
  expect(found.shape).toEqual(expected.shape);
  const values = found.data as Float32Array;
  return values.reduce((worst, value, i) => Math.max(worst, Math.abs(value - Number(expected.data[i]))), 0);
}

describe.each(Object.entries(cases))('transformers fixture %s', (name, { class: className, config, parameters }) => {
  const isBert = className === 'BertModel';
  const model = isBert ? new BertModel(bertConfig(config, name)) : new T5EncoderModel(t5Config(config, name));
  const ourName = isBert ? bertTensorName : t5TensorName;
  const io = readSafetensors(readFileSync(`${fixtures}${name}.safetensors`)).tensors;

  test('has the published names and shapes', () => {
    const published = Object.entries(parameters).flatMap(([key, shape]) =>
      ourName(key) ? [[ourName(key)!, shape]] : [],
    );
    const ours = [...namedParameters(model)].map(([key, { shape }]) => [key, [...shape]]);
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(published));
  });

  test('has the same hidden states within 1e-5, padding or not', async () => {
    const ids = io.get('input_ids')!;
    const padding = io.get('attention_mask')!;
    const mask: HostArray = {
      dtype: 'bool',
      shape: padding.shape,
      data: Uint8Array.from(padding.data as BigInt64Array, Number),
    };
    const out = model.forward(bind(model), input('ids', ids.shape, 'i64'), input('mask', mask.shape, 'bool'));
    const p = program({ outputs: { ...out } });
    const values = Object.entries(parameters).map(([key, shape]) => [ourName(key), weightValues(key, shape)] as const);
    const store = await executor.createStore(
      p.reads,
      new Map(values.filter(([key]) => key !== null) as [string, HostArray][]),
    );
    const executable = await executor.compile(p);
    const result = await executable.run(store, { ids, mask });
    // What a padded position is itself, nobody reads; transformers computes it like any other, and so do we.
    expect(largestDifference(result['lastHiddenState']!, io.get('hidden')!)).toBeLessThan(1e-5);
    if (isBert) expect(largestDifference(result['pooled']!, io.get('pooled')!)).toBeLessThan(1e-5);
    await executable.dispose();
    await store.dispose();
  });
});

test("T5's buckets of distances are PyTorch's, also on the edges of two", () => {
  const rows = JSON.parse(readFileSync(`${fixtures}buckets.json`, 'utf8')) as {
    readonly length: number;
    readonly buckets: number;
    readonly maxDistance: number;
    readonly firstAndLastRow: readonly number[];
  }[];
  for (const { length, buckets, maxDistance, firstAndLastRow } of rows) {
    const all = relativePositionBuckets(length, buckets, maxDistance);
    const ends = [...all.subarray(0, length), ...all.subarray(-length)].map(Number);
    expect(ends, `${buckets} buckets up to ${maxDistance}`).toEqual(firstAndLastRow);
  }
});

test('names of early and of larger checkpoints are read, and what is no part of the encoder is left out', () => {
  expect(bertTensorName('bert.embeddings.LayerNorm.gamma')).toBe('embeddings.layer_norm.weight');
  expect(bertTensorName('bert.encoder.layer.3.attention.output.LayerNorm.beta')).toBe(
    'encoder.layer.3.attention.output.layer_norm.bias',
  );
  expect(bertTensorName('cls.predictions.bias')).toBeNull();
  expect(bertTensorName('embeddings.position_ids')).toBeNull();
  expect(t5TensorName('encoder.block.0.layer.0.SelfAttention.q.weight')).toBe(
    'encoder.block.0.layer.0.self_attention.q.weight',
  );
  expect(t5TensorName('decoder.block.0.layer.0.SelfAttention.q.weight')).toBeNull();
  expect(t5TensorName('encoder.embed_tokens.weight')).toBeNull();
});

describe('bad input is named', () => {
  test.each<[string, () => unknown, RegExp]>([
    [
      'relative positions',
      () => bertConfig({ position_embedding_type: 'relative_key' }, 'config.json'),
      /relative positions are not supported/,
    ],
    ['a decoder', () => bertConfig({ is_decoder: true }, 'config.json'), /isDecoder/],
    [
      'heads that do not divide',
      () => new BertModel({ hiddenSize: 10, numAttentionHeads: 3 }),
      /does not split into 3 heads/,
    ],
    [
      'an unknown activation',
      () => t5Config({ feed_forward_proj: 'gated-swoosh' }, 'config.json'),
      /feedForwardProj: expected an activation/,
    ],
    ['odd buckets', () => t5Config({ relative_attention_num_buckets: 7 }, 'config.json'), /expected an even number/],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(message);
  });

  test('a text longer than the context', () => {
    const model = new BertModel({ maxPositionEmbeddings: 4, hiddenSize: 8, numAttentionHeads: 2, numHiddenLayers: 1 });
    expect(() => model.forward(bind(model), input('ids', [1, 5], 'i64'))).toThrow('longer than the context of 4');
  });
});
