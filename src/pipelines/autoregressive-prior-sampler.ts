/** Sampling an autoregressive prior: the components of an embedding one after the other, over kept keys and values. */
import {
  float32,
  freeze,
  input,
  program,
  sizeOf,
  state,
  storeSpec,
  type Executor,
  type FloatArray,
  type HostArray,
  type HostArrays,
  type RandomStream,
  type Store,
  type Tensor,
} from '../core/index.ts';
import { padRows, repeatRow, rowsOf, takeRows, type Conditions, type Sampling } from '../diffusion/index.ts';
import {
  conditionTensors,
  similarityName,
  textConditionNames,
  type AutoregressivePrior,
  type PrefixStates,
} from '../models/index.ts';
import { bind } from '../nn/index.ts';
import { similarityBuckets, similarityNotSaid } from './autoregressive-prior.ts';
import { bucketsOfWeights, embeddingsOfBuckets } from './embedding-buckets.ts';
import { sampleStreams } from './image-sampler.ts';
import { nearestToText, type DrawnEmbeddings, type PriorRequest, type PriorSampler } from './prior-sampler.ts';

/** What an autoregressive prior is opened from. */
export interface AutoregressivePriorSource {
  readonly prior: AutoregressivePrior;
  /** With those of `bucketWeights`. */
  readonly weights: HostArrays;
  /** [1, …] the conditions of the empty text; absent, it cannot be guided. */
  readonly nothing?: Conditions | undefined;
  readonly sampling?: Pick<Sampling, 'guidanceScale'> | undefined;
  readonly candidates?: number;
  /** The share of similarities that are not asked for, the lowest, rounded down to whole buckets: 0.5 samples from the upper half of those of the data. */
  readonly similarityQuantile?: number | undefined;
  /** Embeddings computed together, default 16. */
  readonly batchSize?: number;
}

/** The share of similarities that are not asked for when nobody says. */
export const defaultSimilarityQuantile = 0.5; // Ramesh et al. 2022, section 2.2

/**
 * Compiles an autoregressive prior for sampling. A step computes one component of each embedding: the keys and values of all positions
 * before it stay with the engine.
 *
 * @param executor  where it runs; it has to outlive the sampler
 * @throws if weights are missing
 * @see Ramesh et al. 2022 (unCLIP), section 2.2 — https://arxiv.org/abs/2204.06125
 */
export async function openAutoregressivePriorSampler(
  executor: Executor,
  {
    prior,
    weights,
    nothing,
    sampling: { guidanceScale: ownScale = 1 } = {},
    candidates = 1,
    similarityQuantile = defaultSimilarityQuantile,
    batchSize = 16,
  }: AutoregressivePriorSource,
): Promise<PriorSampler> {
  const { numComponents, numBuckets, numSimilarities, embeddingDim: width } = prior.config;
  const buckets = bucketsOfWeights(weights, numBuckets);
  const { first, next } = samplingPrograms(prior, batchSize);
  const [begin, advance] = [
    await executor.compile(freeze(first, weights)),
    await executor.compile(freeze(next, weights)),
  ];
  const caches = Object.fromEntries(
    Object.entries(storeSpec([first])).filter(([name]) => name.startsWith(cachePrefix)),
  );
  const empty = new Map<string, HostArray>(
    Object.entries(caches).map(([name, { shape }]) => [name, float32(shape, new Float32Array(sizeOf(shape)))]),
  );
  const isGuided = nothing !== undefined;
  const [lowest, end] = askedSimilarities(similarityQuantile, numSimilarities);

  function choose({ guidanceScale = ownScale, ...others }: Sampling): Sampling & { readonly steps: number } {
    const other = Object.entries(others).find(([name, value]) => value !== undefined && name !== 'steps');
    if (other || (others.steps !== undefined && others.steps !== numComponents))
      throw new Error(
        `prior: an autoregressive prior is sampled in one step for each of its ${numComponents} components, and takes guidanceScale alone, got ${other?.[0] ?? `steps ${others.steps}`}; leave it out`,
      );
    if (guidanceScale !== 1 && !isGuided)
      throw new Error(
        'guidanceScale: this prior was trained without text dropout (clip.textDropout), so it cannot be guided; leave the scale at 1',
      );
    return { steps: numComponents, guidanceScale };
  }

  /** Similarities of what guidance leads away from: trained networks know them under a text, and none under the empty one. */
  function away(said: readonly number[], negative: Conditions | undefined): number[] {
    const [notSaid] = similarityNotSaid(prior).data;
    const tokens = negative?.[textConditionNames.mask];
    // No text has as few tokens as the empty one.
    const isText = (b: number) => {
      const { data } = takeRows(tokens!, [b]);
      return nothing![textConditionNames.mask]!.data.some((value, i) => value !== data[i]);
    };
    return said.map((bucket, b) => (tokens && isText(b) ? bucket : Number(notSaid)));
  }

  /** A batch of embeddings. */
  async function* drawBatch(
    streams: readonly RandomStream[],
    {
      conditions,
      negative,
      scale,
    }: { readonly conditions: Conditions; readonly negative: Conditions | undefined; readonly scale: number },
  ): AsyncGenerator<{ readonly component: number; readonly drawn?: FloatArray }, void, undefined> {
    const count = streams.length;
    const said = streams.map((stream) => lowest + stream.integer(end - lowest));
    const sides = [
      { weight: scale, shown: { ...conditions, [similarityName]: similarityBuckets(said) } },
      // Without guidance there is nothing to lead away from.
      ...(scale === 1
        ? []
        : [
            {
              weight: 1 - scale,
              shown: {
                ...repeatRow(nothing!, count),
                ...negative,
                [similarityName]: similarityBuckets(away(said, negative)),
              },
            },
          ]),
    ].map(({ weight, shown }) => ({ weight, inputs: padded(shown, batchSize) }));
    const stores: Store[] = [];
    try {
      for (const _ of sides) stores.push(await executor.createStore(caches, empty));
      const all = new BigInt64Array(count * numComponents);
      const last = new BigInt64Array(batchSize);
      for (let component = 0; component < numComponents; component++) {
        const logits = new Float64Array(count * numBuckets);
        for (const [i, { weight, inputs }] of sides.entries()) {
          const out =
            component === 0
              ? await begin.run(stores[i]!, inputs)
              : await advance.run(stores[i]!, {
                  [textConditionNames.mask]: inputs[textConditionNames.mask]!,
                  bucket: { dtype: 'i64', shape: [batchSize], data: last },
                  component: { dtype: 'i64', shape: [1], data: BigInt64Array.of(BigInt(component - 1)) },
                });
          const { data } = out['logits']! as FloatArray;
          for (let at = 0; at < logits.length; at++) logits[at]! += weight * data[at]!;
        }
        for (const [b, stream] of streams.entries()) {
          const bucket = BigInt(drawnBucket(logits.subarray(b * numBuckets, (b + 1) * numBuckets), stream.uniform()));
          last[b] = bucket;
          all[b * numComponents + component] = bucket;
        }
        const isLast = component === numComponents - 1;
        yield {
          component,
          ...(isLast && { drawn: embeddingsOfBuckets({ shape: [count, numComponents], data: all }, buckets) }),
        };
      }
    } finally {
      for (const store of stores) await store.dispose();
    }
  }

  async function* draw(purpose: string, request: PriorRequest): AsyncGenerator<DrawnEmbeddings, void, undefined> {
    const { ids, conditions, negative, signal, candidates: _, ...asked } = request;
    const { guidanceScale: scale = 1 } = choose(asked);
    const stepsTotal = numComponents * Math.ceil(ids.length / batchSize);
    for (let start = 0; start < ids.length; start += batchSize) {
      const places = ids.slice(start, start + batchSize).map((_, i) => start + i);
      const streams = places.flatMap((place) => sampleStreams(ids[place]!.seed, [ids[place]!.index], purpose));
      const given = { conditions: rowsOf(conditions, places), negative: negative && rowsOf(negative, places), scale };
      for await (const { component, drawn } of drawBatch(streams, given)) {
        signal?.throwIfAborted();
        const stepsDone = (start / batchSize) * numComponents + component + 1;
        yield { step: component, places, stepsDone, stepsTotal, drawn };
      }
    }
  }

  return {
    width,
    batchSize,
    candidates,
    defaults: { steps: numComponents, guidanceScale: isGuided ? ownScale : 1 },
    choose,
    sample: (request) => nearestToText(request, { width, candidates }, (purpose) => draw(purpose, request)),
    async dispose() {
      await begin.dispose();
      await advance.dispose();
    },
  };
}

/**
 * The buckets of similarities that are asked for. They are as likely as each other, so the upper ones are the upper quantile.
 *
 * @param quantile  the share that is not asked for, the lowest; rounded down to whole buckets
 * @param count     of all buckets
 * @returns         the first that is asked for, and the one behind the last
 */
export function askedSimilarities(quantile: number, count: number): readonly [first: number, end: number] {
  return [Math.min(count - 1, Math.floor(quantile * count)), count];
}

/** What names of kept keys and values begin with. */
const cachePrefix = 'cache/';

/** The programs of the first component and of the others, over weights and caches as state. */
function samplingPrograms(prior: AutoregressivePrior, batchSize: number) {
  const given = conditionTensors(prior, batchSize);
  const begun = prior.begin(bind(prior), given);
  const entry = (kind: string, layer: number) => `${cachePrefix}${kind}.${layer}`;
  const built = ({ logits, caches }: PrefixStates) => {
    const writes: Record<string, Tensor> = {};
    caches.forEach(({ keys, values }, layer) => {
      writes[entry('keys', layer)] = keys;
      writes[entry('values', layer)] = values;
    });
    return program({ outputs: { logits }, writes });
  };
  const kept = begun.caches.map(({ keys, values }, layer) => ({
    keys: state(entry('keys', layer), keys.shape),
    values: state(entry('values', layer), values.shape),
  }));
  const next = prior.next(bind(prior), {
    bucket: input('bucket', [batchSize], 'i64'),
    component: input('component', [1], 'i64'),
    caches: kept,
    given,
  });
  return { first: built(begun), next: built(next) };
}

function padded(conditions: Conditions, batchSize: number): Record<string, HostArray> {
  return Object.fromEntries(Object.entries(conditions).map(([name, rows]) => [name, padRows(rows, batchSize)]));
}

/**
 * A bucket of probability softmax(logits): the first up to which they add up to more than u.
 *
 * @param logits  [V]
 * @param u       uniform on [0, 1)
 * @throws if a logit is not finite
 */
export function drawnBucket(logits: Float64Array, u: number): number {
  const largest = Math.max(...logits);
  if (!Number.isFinite(largest))
    throw new Error(`prior: a logit is ${largest}; take an earlier checkpoint, or a guidance scale nearer to 1`);
  const shares = logits.map((logit) => Math.exp(logit - largest));
  const end = u * shares.reduce((sum, share) => sum + share, 0);
  let sum = 0;
  for (let bucket = 0; bucket < shares.length; bucket++) {
    sum += shares[bucket]!;
    if (sum > end) return bucket;
  }
  // Rounding: the last that can be drawn.
  return shares.findLastIndex((share) => share > 0);
}
