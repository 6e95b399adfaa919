import { afterAll, describe, expect, test } from 'vitest';
import { float32, RandomStream, type FloatArray, type HostArray } from '../core/index.ts';
import { repeatRow } from '../diffusion/index.ts';
import { AutoregressivePrior, textConditionNames } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { askedSimilarities, drawnBucket, openAutoregressivePriorSampler } from './autoregressive-prior-sampler.ts';
import { bucketWeights } from './embedding-buckets.ts';
import { cosine, embeddingAt, type PriorRequest, type PriorSampler } from './prior-sampler.ts';

const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

describe('a bucket', () => {
  const shares = [0.1, 0, 0.6, 0.3];
  const logits = Float64Array.from(shares, (share) => 5 + Math.log(share));

  test('is where the probabilities add up to more than u', () => {
    expect([0, 0.0999, 0.1001, 0.69, 0.7001, 0.9999].map((u) => drawnBucket(logits, u))).toEqual([0, 0, 2, 2, 3, 3]);
  });

  test('comes as often as it is likely', () => {
    const random = new RandomStream(3, 'test');
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 20_000; i++) counts[drawnBucket(logits, random.uniform())]!++;
    // Five standard deviations of a share of 20,000 draws are at most 5 · √(0.25 / 20,000) < 0.018.
    counts.forEach((count, bucket) => expect(Math.abs(count / 20_000 - shares[bucket]!)).toBeLessThan(0.018));
  });

  test('is refused where a logit is not a number', () => {
    expect(() => drawnBucket(Float64Array.of(0, NaN), 0.5)).toThrow(
      'prior: a logit is NaN; take an earlier checkpoint',
    );
  });
});

test('similarities that are asked for are the upper buckets', () => {
  expect(askedSimilarities(0.5, 16)).toEqual([8, 16]);
  expect(askedSimilarities(0.9, 4)).toEqual([3, 4]);
  expect(askedSimilarities(0, 16)).toEqual([0, 16]);
  // One is left, however few there are.
  expect(askedSimilarities(0.99, 1)).toEqual([0, 1]);
});

describe('an autoregressive prior', () => {
  const prior = new AutoregressivePrior({
    numAttentionHeads: 2,
    attentionHeadDim: 4,
    numLayers: 1,
    embeddingDim: 4,
    numEmbeddings: 3,
    numComponents: 3,
    numBuckets: 8,
    numSimilarities: 4,
  });
  const buckets = {
    mean: Float32Array.of(1, 2, 3, 4),
    components: float32([3, 4], Float32Array.of(1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0.6, 0.8)),
    start: Float32Array.of(-4, -2, -1),
    width: Float32Array.of(1, 0.5, 0.25),
    count: 8,
  };
  const weights = new Map<string, HostArray>([...initialValues(prior, 1), ...bucketWeights(buckets)]);
  // A network that has learned something says more than that all buckets are alike.
  for (const name of ['proj_to_buckets.weight', 'embedding_proj.weight', 'similarity_embedding.weight'])
    weights.set(name, scaled(weights.get(name) as FloatArray, 20));

  const captions = (count: number) => {
    const random = new RandomStream(4, 'test');
    const values = (...shape: number[]) =>
      float32(shape, random.fillNormal(new Float32Array(shape.reduce((a, b) => a * b))));
    return {
      [textConditionNames.states]: values(count, 3, 4),
      [textConditionNames.mask]: float32([count, 3], new Float32Array(3 * count).fill(1)),
      [textConditionNames.pooled]: values(count, 4),
    };
  };
  const nothing = { ...captions(1), [textConditionNames.mask]: float32([1, 3], Float32Array.of(1, 1, 0)) };

  async function sampled(sampler: PriorSampler, request: Omit<PriorRequest, 'conditions'>, rows = request.ids) {
    const all = captions(5);
    const conditions = Object.fromEntries(
      Object.entries(all).map(([name, { shape, data }]) => {
        const size = data.length / 5;
        const taken = rows.flatMap(({ index }) => [...data.subarray(index * size, (index + 1) * size)]);
        return [name, float32([rows.length, ...shape.slice(1)], Float32Array.from(taken))];
      }),
    );
    let embeddings: FloatArray | undefined;
    let similarities: FloatArray | undefined;
    for await (const progress of sampler.sample({ ...request, conditions })) {
      embeddings = progress.embeddings ?? embeddings;
      similarities = progress.similarities ?? similarities;
    }
    return { embeddings: embeddings!, similarities: similarities! };
  }

  const ids = [0, 1, 2, 3, 4].map((index) => ({ seed: 7, index }));
  const open = (changes: ReadonlyMap<string, HostArray> = new Map(), own: object = {}) =>
    openAutoregressivePriorSampler(executor, {
      prior,
      weights: new Map([...weights, ...changes]),
      nothing,
      sampling: { guidanceScale: 2 },
      batchSize: 2,
      ...own,
    });

  test('draws the same embedding alone, in any batch, and while another is drawn', async () => {
    const sampler = await open();
    const { embeddings } = await sampled(sampler, { ids });
    const row = (i: number) => [...embeddings.data.subarray(4 * i, 4 * i + 4)];
    expect(new Set(ids.map((_, i) => row(i).join())).size).toBeGreaterThan(2);
    const [alone, pair] = await Promise.all([
      sampled(sampler, { ids: [ids[3]!] }),
      sampled(sampler, { ids: [ids[4]!, ids[1]!] }),
    ]);
    expect([...alone.embeddings.data]).toEqual(row(3));
    expect([...pair.embeddings.data]).toEqual([...row(4), ...row(1)]);
    await sampler.dispose();
  });

  test('draws the middles of the buckets that its network is sure of', async () => {
    const bias = new Float32Array(8);
    bias[5] = 1000;
    const sure = new Map<string, HostArray>([
      ['proj_to_buckets.weight', scaled(weights.get('proj_to_buckets.weight') as FloatArray, 0)],
      ['proj_to_buckets.bias', float32([8], bias)],
    ]);
    const sampler = await open(sure);
    const { embeddings } = await sampled(sampler, { ids: ids.slice(0, 2) });
    // −4 + 5.5, −2 + 5.5 · 0.5, and −1 + 5.5 · 0.25 along (0, 0, 0.6, 0.8), on top of the mean.
    const expected = [1 + 1.5, 2 + 0.75, 3 + 0.6 * 0.375, 4 + 0.8 * 0.375];
    [...embeddings.data].forEach((value, i) => expect(value).toBeCloseTo(expected[i % 4]!, 5));
    await sampler.dispose();
  });

  test('keeps the nearest of several candidates', async () => {
    const sampler = await open();
    const one = await sampled(sampler, { ids });
    const several = await sampled(sampler, { ids, candidates: 4 });
    expect(several.similarities.shape).toEqual([5, 4]);
    const best = ids.map((_, i) => Math.max(...several.similarities.data.subarray(4 * i, 4 * i + 4)));
    ids.forEach((_, i) => {
      // The first is what it would be alone.
      expect(several.similarities.data[4 * i]).toBe(one.similarities.data[i]);
      const kept = cosine(embeddingAt(several.embeddings, i), embeddingAt(captions(5)[textConditionNames.pooled], i));
      expect(Math.fround(kept)).toBe(best[i]);
    });
    expect(best).not.toEqual([...one.similarities.data]);
    await sampler.dispose();
  });

  test('is guided and asked for another similarity to another result', async () => {
    const plain = await open();
    const other = await open(new Map(), { similarityQuantile: 0.9 });
    const of = async (sampler: PriorSampler, own: object = {}) => [
      ...(await sampled(sampler, { ids, ...own })).embeddings.data,
    ];
    const usual = await of(plain);
    expect(await of(plain, { guidanceScale: 1 })).not.toEqual(usual);
    expect(await of(plain, { guidanceScale: 2 })).toEqual(usual);
    expect(await of(other)).not.toEqual(usual);
    await plain.dispose();
    await other.dispose();
  });

  test('is led away from a text as likely to fit as the prompt, and from the empty one as if none was named', async () => {
    const sampler = await open();
    const of = async (own: object) => [...(await sampled(sampler, { ids, ...own })).embeddings.data];
    // Away from the prompt itself leads nowhere.
    expect(await of({ guidanceScale: 3, negative: captions(5) })).toEqual(await of({ guidanceScale: 1 }));
    const empty = repeatRow(nothing, 5);
    expect(await of({ guidanceScale: 3, negative: empty })).toEqual(await of({ guidanceScale: 3 }));
    expect(await of({ guidanceScale: 3 })).not.toEqual(await of({ guidanceScale: 1 }));
    await sampler.dispose();
  });

  test('refuses what it does not take', async () => {
    const sampler = await open(new Map(), { nothing: undefined, sampling: {} });
    expect(() => sampler.choose({ guidanceScale: 2 })).toThrow(
      'guidanceScale: this prior was trained without text dropout (clip.textDropout), so it cannot be guided; leave the scale at 1',
    );
    expect(() => sampler.choose({ eta: 1 })).toThrow(
      'prior: an autoregressive prior is sampled in one step for each of its 3 components, and takes guidanceScale alone, got eta; leave it out',
    );
    expect(sampler.choose({})).toEqual({ steps: 3, guidanceScale: 1 });
    await sampler.dispose();
  });
});

function scaled({ shape, data }: FloatArray, factor: number): FloatArray {
  return float32(
    shape,
    data.map((value) => factor * value),
  );
}
