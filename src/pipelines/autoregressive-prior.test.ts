import { afterAll, expect, test } from 'vitest';
import { float32, RandomStream, type FloatArray, type HostArray } from '../core/index.ts';
import type { Dataset } from '../data/index.ts';
import { AutoregressivePrior, similarityName } from '../models/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { Trainer, trainSchema } from '../train/index.ts';
import { entries } from '../train/steps/programs.ts';
import { autoregressivePriorTask, similarityBuckets, similarityNotSaid } from './autoregressive-prior.ts';
import { openAutoregressivePriorSampler } from './autoregressive-prior-sampler.ts';
import { bucketWeights, fitEmbeddingBuckets, quantizedEmbeddings } from './embedding-buckets.ts';
import { cosine } from './prior-sampler.ts';
import { textConditions } from './text-conditions.ts';
import type { TextFeatures } from './text-encoder.ts';

const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

const width = 6;
const names = ['a cat', 'a bell', 'a dog'];
/** One direction for each caption, none for the empty text. */
const direction = (name: string) => Array.from({ length: width }, (_, d) => (d === names.indexOf(name) ? 1 : 0));

/** One token, whose hidden state is the caption's embedding. */
async function encode(texts: readonly string[]): Promise<TextFeatures> {
  const rows = Float32Array.from(texts.flatMap(direction));
  const mask: HostArray = { dtype: 'bool', shape: [texts.length, 1], data: new Uint8Array(texts.length).fill(1) };
  return {
    hidden: float32([texts.length, 1, width], rows),
    mask: mask as TextFeatures['mask'],
    pooled: float32([texts.length, width], rows),
  };
}

/** Sixty images: the embedding of the n-th is two axes further than its caption's, with a little of everything else. */
const count = 60;
const captions = Array.from({ length: count }, (_, n) => names[n % 3]!);
const imageDirection = (name: string) => direction(name).map((_, d) => direction(name)[(d + 4) % width]!);
const random = new RandomStream(2, 'images');
const embeddings = float32(
  [count, width],
  Float32Array.from(captions.flatMap((name) => imageDirection(name).map((x) => 3 * x + 0.2 * random.normal()))),
);

test('after training, embeddings that are drawn under a caption are those of its images', async () => {
  const prior = new AutoregressivePrior({
    numAttentionHeads: 2,
    attentionHeadDim: 8,
    numLayers: 1,
    embeddingDim: width,
    numEmbeddings: 1,
    numComponents: 4,
    numBuckets: 16,
    numSimilarities: 2,
  });
  const { buckets } = fitEmbeddingBuckets(embeddings, { components: 4, count: 16 });
  const nothing = {
    ...textConditions(await encode(['']), prior.conditions),
    [similarityName]: similarityNotSaid(prior),
  };
  const task = autoregressivePriorTask({
    prior,
    dataset: { name: 'test', count, captions } as unknown as Dataset,
    encoding: { encode },
    buckets: () => quantizedEmbeddings(embeddings, buckets),
    // How well an image fits says nothing of what it shows.
    similarities: () => similarityBuckets(captions.map((_, n) => Math.floor(n / 3) % 2)),
    nothing,
    textDropout: 0.1,
    batchSize: 20,
    seed: 0,
  });
  const steps = 150;
  const trainer = await Trainer.open(
    executor,
    task,
    trainSchema.parse({ steps, batchSize: 20, learningRate: 1e-2, ema: { decay: 0.9 } }),
  );
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) losses.push((await trainer.advance()).loss);
  // At first all buckets are about as likely.
  expect(losses[0]).toBeGreaterThan(0.95 * Math.log(16));
  expect(losses[0]).toBeLessThan(1.05 * Math.log(16));
  expect(losses.at(-1)).toBeLessThan(0.6 * Math.log(16));

  const averaged = [...(await trainer.store.read(Object.keys(trainer.store.spec)))]
    .filter(([name]) => name.startsWith(entries.ema))
    .map(([name, value]) => [name.slice(entries.ema.length), value] as const);
  const sampler = await openAutoregressivePriorSampler(executor, {
    prior,
    weights: new Map<string, HostArray>([...averaged, ...bucketWeights(buckets)]),
    nothing,
    sampling: { guidanceScale: 2 },
  });
  const asked = [...names, ...names, ...names, ...names];
  let drawn: FloatArray | undefined;
  for await (const { embeddings: all } of sampler.sample({
    ids: asked.map((_, index) => ({ seed: 1, index })),
    conditions: textConditions(await encode(asked), prior.conditions),
  }))
    drawn = all ?? drawn;
  const nearest = asked.map((_, i) => {
    const row = drawn!.data.subarray(i * width, (i + 1) * width);
    const cosines = names.map((name) => cosine(row, imageDirection(name)));
    return names[cosines.indexOf(Math.max(...cosines))];
  });
  expect(nearest).toEqual(asked);
  await sampler.dispose();
}, 60_000);
