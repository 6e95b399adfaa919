/** A training run of DALL·E 2's autoregressive prior: the image embeddings of a frozen CLIP as sequences of buckets, under their captions. */
import {
  autoregressivePriorComponent,
  frozenClipFolder,
  part,
  priorClass,
  readTrainedPart,
  writePipelineFolder,
} from '../checkpoint/index.ts';
import { input, type FloatArray, type HostArray, type HostArrays, type Store } from '../core/index.ts';
import type { Sampling } from '../diffusion/index.ts';
import { unclipSettings } from '../generators/index.ts';
import { AutoregressivePrior, conditionTensors, similarityName } from '../models/index.ts';
import { bind } from '../nn/index.ts';
import {
  autoregressivePriorTask,
  bucketOf,
  bucketsOfWeights,
  bucketWeights,
  cosine,
  fitEmbeddingBuckets,
  heldVariance,
  nearlyAll,
  openAutoregressivePriorSampler,
  quantileEdges,
  quantizedEmbeddings,
  embeddingAt,
  similarityBuckets,
  similarityNotSaid,
  type EmbeddingBuckets,
} from '../pipelines/index.ts';
import type { PlanOptions, RunPlan } from '../train/run.ts';
import { entries } from '../train/steps/programs.ts';
import type { AutoregressivePriorRunConfig } from './autoregressive-prior-config.ts';
import { readFrozenClip, type EncodedPairs } from './frozen-clip.ts';
import { openPriorPairs, watchPrior, type MeasuredPrior } from './prior-pairs.ts';
import { usePrior } from './prior-plan.ts';
import { unclipStartNotes } from './start-notes.ts';

/** The images of a run as the network is trained on them. */
interface QuantizedPairs {
  readonly buckets: EmbeddingBuckets;
  /** How much of the variance they hold. */
  readonly note: string;
  /** [N, K] */
  readonly quantized: HostArray;
  /** [N] */
  readonly similarities: HostArray;
}

/**
 * Lays out the run.
 *
 * @throws if the configuration contradicts itself, the data or the CLIP, or images have no captions
 */
export async function planAutoregressivePrior(
  config: AutoregressivePriorRunConfig,
  options: PlanOptions,
): Promise<RunPlan> {
  const { train, sampling, model } = config;
  const clip = await readFrozenClip(config.clip.model);
  const notes = options.resumeFrom === undefined ? await unclipStartNotes(train, clip) : [];
  const prior = networkOf(model, clip);
  const textInputs = prior.conditions.filter(({ name }) => name !== similarityName);
  prior.forward(bind(prior), input('buckets', [1, model.numComponents], 'i64'), conditionTensors(prior, 1));
  const pairs = await openPriorPairs(clip, config, { ...options, inputs: textInputs });
  const { dataset, test } = pairs;
  const isGuided = config.clip.textDropout > 0;
  const said: Sampling = isGuided ? { guidanceScale: sampling.guidanceScale } : {};
  // The empty text is encoded when the run is prepared.
  const nothing = Object.assign(pairs.nothing, { [similarityName]: similarityNotSaid(prior) });
  let found: QuantizedPairs | undefined;
  /** Those of the weights that the run begins with: other buckets would change what its tokens mean. */
  let kept: EmbeddingBuckets | undefined;
  const prepared = () => {
    if (!found) throw new Error('internal: the pairs are not quantized yet');
    return found;
  };
  const withBuckets = (weights: HostArrays): HostArrays => new Map([...weights, ...bucketWeights(prepared().buckets)]);

  return {
    config: { task: 'autoregressive-prior', ...config },
    train,
    kind: 'model',
    dataset,
    notes,
    async prepare(executor, how) {
      const encoded = await pairs.encode(executor, how);
      try {
        found = await quantizedPairs(encoded, dataset.captions!, { ...model, kept });
      } catch (error) {
        await encoded.dispose();
        throw error;
      }
      const { note } = found;
      return { notes: () => [...encoded.notes, note], dispose: encoded.dispose };
    },
    task: autoregressivePriorTask({
      prior,
      dataset,
      encoding: { encode: (texts) => pairs.encoded().text.encode(texts) },
      buckets: () => prepared().quantized,
      similarities: () => prepared().similarities,
      nothing,
      textDropout: config.clip.textDropout,
      batchSize: train.batchSize,
      seed: train.seed,
    }),
    describe: (loss) => `loss ${loss.toFixed(4)} (ln ${model.numBuckets} = ${Math.log(model.numBuckets).toFixed(4)})`,
    async writeModel(dir, weights) {
      await clip.include(dir);
      await writePipelineFolder(dir, {
        className: priorClass,
        parts: {
          prior: part(autoregressivePriorComponent, { network: prior, weights: withBuckets(weights) }),
          [frozenClipFolder]: clip.part,
        },
        facts: {
          settings: unclipSettings({
            candidates: sampling.candidates,
            priorGuidance: isGuided,
            similarityQuantile: sampling.similarityQuantile,
          }),
          sampling: { prior: said },
        },
      });
      return weights.keys();
    },
    async readWeights(dir) {
      const weights = new Map((await readTrainedPart(dir, 'prior', autoregressivePriorComponent)).weights);
      kept = bucketsOfWeights(weights, model.numBuckets);
      return weights;
    },
    use: usePrior,
    ...(test && {
      watch(executor, store) {
        // Keys and values need stores of their own, so the weights of the moment go into the programs.
        const open = async () =>
          openAutoregressivePriorSampler(executor, {
            prior,
            weights: withBuckets(await averagedWeights(store)),
            nothing: isGuided ? nothing : undefined,
            sampling: said,
            similarityQuantile: sampling.similarityQuantile,
          });
        const measured: MeasuredPrior = {
          inputs: textInputs,
          async *sample(request) {
            const sampler = await open();
            try {
              yield* sampler.sample(request);
            } finally {
              await sampler.dispose();
            }
          },
          dispose: async () => {},
        };
        return watchPrior(executor, measured, { clip, test, most: train.evaluateCount });
      },
    }),
  };
}

/** @throws one line if the network cannot be built, or has more components than the CLIP's embeddings have values */
function networkOf(
  model: AutoregressivePriorRunConfig['model'],
  { width, tokens }: { readonly width: number; readonly tokens: number },
): AutoregressivePrior {
  if (model.numComponents > width)
    throw new Error(
      `config.model.numComponents is ${model.numComponents}, and the CLIP's embeddings have ${width} values; take at most so many`,
    );
  return new AutoregressivePrior({ ...model, embeddingDim: width, numEmbeddings: tokens });
}

/** The averaged weights of a training store, by their checkpoint names. */
async function averagedWeights(store: Store): Promise<HostArrays> {
  const names = Object.keys(store.spec).filter((name) => name.startsWith(entries.ema));
  return new Map([...(await store.read(names))].map(([name, value]) => [name.slice(entries.ema.length), value]));
}

/** Captions whose features are in memory together. */
const encodedTogether = 256;

/**
 * Buckets of the images, and of how well each fits its caption.
 *
 * @param kept  the buckets of the embeddings; default those that are fitted to them
 * @throws one line if the embeddings or the cosines do not spread over as many buckets as asked for
 */
async function quantizedPairs(
  { embeddings, text }: EncodedPairs,
  captions: readonly string[],
  {
    numComponents,
    numBuckets,
    numSimilarities,
    kept,
  }: AutoregressivePriorRunConfig['model'] & { readonly kept: EmbeddingBuckets | undefined },
): Promise<QuantizedPairs> {
  const different = [...new Set(captions)];
  const embedded = new Map<string, Float32Array>();
  for (let start = 0; start < different.length; start += encodedTogether) {
    const some = different.slice(start, start + encodedTogether);
    const { pooled } = await text.encode(some);
    some.forEach((caption, i) => embedded.set(caption, embeddingAt(pooled, i)));
  }
  const cosines = captions.map((caption, i) => cosine(embeddingAt(embeddings, i), embedded.get(caption)!));
  const edges = quantileEdges(cosines, numSimilarities);
  const similarities = cosines.map((value) => bucketOf(value, edges));
  const reached = new Set(similarities).size;
  // One that no pair is in would be sampled from untrained.
  if (reached < numSimilarities)
    throw new Error(
      `config.model.numSimilarities is ${numSimilarities}, and the cosines of the pairs make only ${reached} buckets; take at most so many`,
    );
  const { buckets, note } = kept
    ? keptBuckets(kept, embeddings)
    : fittedBuckets(embeddings, { components: numComponents, count: numBuckets });
  return {
    buckets,
    note,
    quantized: quantizedEmbeddings(embeddings, buckets),
    similarities: similarityBuckets(similarities),
  };
}

function fittedBuckets(
  embeddings: FloatArray,
  how: { readonly components: number; readonly count: number },
): Pick<QuantizedPairs, 'buckets' | 'note'> {
  const { buckets, heldVariance: held, nearlyAllComponents } = fitEmbeddingBuckets(embeddings, how);
  return {
    buckets,
    note: `${how.components} of ${embeddings.shape[1]} principal components hold ${percent(held)} of the embeddings' variance; ${nearlyAllComponents} hold ${percent(nearlyAll)} (model.numComponents)`,
  };
}

function keptBuckets(buckets: EmbeddingBuckets, embeddings: FloatArray): Pick<QuantizedPairs, 'buckets' | 'note'> {
  const { components } = buckets;
  return {
    buckets,
    note: `the ${components.shape[0]} components are those of the model that the run begins with, and hold ${percent(heldVariance(embeddings, components))} of the embeddings' variance`,
  };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
