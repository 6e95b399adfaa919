/** What runs of priors share: captioned images through a frozen CLIP, and how near drawn embeddings come to those of held-out images. */
import type { Executor, FloatArray } from '../core/index.ts';
import { captionsOf, type Dataset } from '../data/index.ts';
import type { ConditionInput, Conditions } from '../diffusion/index.ts';
import { textConditionNames } from '../models/index.ts';
import {
  cosine,
  nothingSaid,
  embeddingAt,
  textConditions,
  type PriorProgress,
  type PriorRequest,
} from '../pipelines/index.ts';
import type { PlanOptions, PrepareOptions, RunWatch } from '../train/run.ts';
import { encodePairs, openForClip, type EncodedPairs, type FrozenClip } from './frozen-clip.ts';
import type { PriorConfig } from './prior-config.ts';

/** Embeddings of a measurement come from this seed, so that those of a run can be compared. */
const measuredSeed = 0;

/** The pairs of a prior's run. */
export interface PriorPairs {
  readonly dataset: Dataset;
  /** What is measured on, if anything is. */
  readonly test: Dataset | undefined;
  /** [1, …] the conditions of the empty text, zeros until the pairs are encoded. */
  readonly nothing: Conditions;
  /** @throws if they are not encoded yet */
  encoded(): EncodedPairs;
  encode(executor: Executor, how: PrepareOptions): Promise<EncodedPairs>;
}

/**
 * Opens the pairs of a run.
 *
 * @param inputs  what the network is conditioned on of a text
 * @throws one line if images have no captions, or a measurement is asked for and none are held out
 */
export async function openPriorPairs(
  clip: FrozenClip,
  { data, train }: Pick<PriorConfig, 'data'> & { readonly train: Pick<PriorConfig['train'], 'evaluateEvery'> },
  { inputs, ...options }: PlanOptions & { readonly inputs: readonly ConditionInput[] },
): Promise<PriorPairs> {
  const open = async (files: string | null) => captioned(await openForClip(clip, { ...data, files }, options));
  const dataset = await open(data.files);
  if (train.evaluateEvery !== null && data.testFiles === null)
    throw new Error(
      `config.train.evaluateEvery is ${train.evaluateEvery}, and no held-out images are named; name them (data.testFiles), or set it to null`,
    );
  const test = train.evaluateEvery === null ? undefined : await open(data.testFiles);
  let pairs: EncodedPairs | undefined;
  // What stands for "no caption" is the empty text, which is encoded when the run is prepared.
  const nothing: Record<string, Conditions[string]> = { ...nothingSaid(inputs) };
  return {
    dataset,
    test,
    nothing,
    encoded() {
      if (!pairs) throw new Error('internal: the pairs are not encoded yet');
      return pairs;
    },
    async encode(executor, how) {
      pairs = await encodePairs(executor, clip, { images: dataset, captions: dataset.captions! }, how);
      Object.assign(nothing, textConditions(await pairs.text.encode(['']), inputs));
      return pairs;
    },
  };
}

function captioned(dataset: Dataset): Dataset {
  return { ...dataset, captions: captionsOf(dataset) };
}

/** A prior as it is measured. */
export interface MeasuredPrior {
  readonly inputs: readonly ConditionInput[];
  readonly sample: (request: Pick<PriorRequest, 'ids' | 'conditions'>) => AsyncIterable<PriorProgress>;
  readonly dispose: () => Promise<void>;
}

/**
 * Measures on held-out pairs: the mean cosine of what the prior draws to the embedding of the image itself and to that of its
 * caption, next to the cosine of the two.
 *
 * @param most  pairs that are measured on
 */
export async function watchPrior(
  executor: Executor,
  { inputs, sample, dispose }: MeasuredPrior,
  { clip, test: all, most }: { readonly clip: FrozenClip; readonly test: Dataset; readonly most: number },
): Promise<RunWatch> {
  const count = Math.min(most, all.count);
  // Spread over all of them: neighbors are alike.
  const places = Array.from({ length: count }, (_, i) => Math.floor((i * all.count) / count));
  const captions = places.map((place) => all.captions![place]!);
  const pairs = await encodePairs(executor, clip, { images: all, captions }, {});
  const conditions = textConditions(await pairs.text.encode(captions), inputs);
  const meanCosine = (a: (i: number) => ArrayLike<number>, b: (i: number) => ArrayLike<number>) =>
    places.reduce((sum, _, i) => sum + cosine(a(i), b(i)) / count, 0);
  const texts = conditions[textConditionNames.pooled] as FloatArray;
  const ofImage = (i: number) => embeddingAt(pairs.embeddings, places[i]!);
  const ofText = (i: number) => embeddingAt(texts, i);
  return {
    async evaluate() {
      let embeddings: FloatArray | undefined;
      const ids = places.map((_, index) => ({ seed: measuredSeed, index }));
      for await (const progress of sample({ ids, conditions })) embeddings = progress.embeddings ?? embeddings;
      const drawn = (i: number) => embeddingAt(embeddings!, i);
      return {
        cosineToImage: meanCosine(drawn, ofImage),
        cosineToText: meanCosine(drawn, ofText),
        cosineOfPairs: meanCosine(ofImage, ofText),
      };
    },
    best: { measure: 'cosineToImage', better: 'higher', by: `${count} images of ${all.name}` },
    async dispose() {
      await dispose();
      await pairs.dispose();
    },
  };
}
