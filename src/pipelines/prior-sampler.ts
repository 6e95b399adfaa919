/** Sampling a prior: image embeddings for captions, the one nearest to its text of several. */
import { float32, type Executor, type FloatArray, type HostArrays } from '../core/index.ts';
import { fullSampling, type Conditions, type Sampling, type SchedulerConfig } from '../diffusion/index.ts';
import { priorNetwork, textConditionNames, type PriorTransformer } from '../models/index.ts';
import { chosenSampler, type SampleId, type SampleProgress } from './image-sampler.ts';
import { openSampler } from './network-sampler.ts';
import type { ProgramWeights } from './program-weights.ts';
import { unstandardized, type EmbeddingStatistics } from './unclip-examples.ts';

/** A prior made ready to be sampled. */
export interface PriorSampler {
  /** D. */
  readonly width: number;
  /** Embeddings computed together. */
  readonly batchSize: number;
  /** Embeddings drawn for each image when nobody says. */
  readonly candidates: number;
  /** How it is sampled when nobody says, all filled in. */
  readonly defaults: Sampling;
  /**
   * How it is sampled for a request, all filled in.
   *
   * @throws one line if it cannot be sampled so
   */
  choose(asked: Sampling): Sampling & { readonly steps: number };
  /**
   * Samples image embeddings.
   *
   * @returns  states on the way; `embeddings` once, at the end
   */
  sample(options: PriorRequest): AsyncGenerator<PriorProgress, void, undefined>;
  dispose(): Promise<void>;
}

/** Which embeddings to draw. */
export interface PriorRequest extends Sampling {
  readonly ids: readonly SampleId[];
  /** [count, …] the captions. */
  readonly conditions: Conditions;
  /** [count, …] what guidance leads away from; default the empty text. */
  readonly negative?: Conditions | undefined;
  /** Embeddings drawn for each image, of which the one nearest to its text is kept; default the prior's own. */
  readonly candidates?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How far the drawing is. */
export interface PriorProgress extends Pick<SampleProgress, 'step' | 'stepsDone' | 'stepsTotal' | 'places'> {
  /** [count, D] one of the candidates, once it is drawn. */
  readonly candidate?: FloatArray;
  /** [count, D] image embeddings, once. */
  readonly embeddings?: FloatArray;
  /** [count, candidates] the cosine of each candidate's embedding to its text's, once. */
  readonly similarities?: FloatArray;
}

/** Embeddings on their way; those that have arrived come with their places. */
export interface DrawnEmbeddings extends Pick<PriorProgress, 'step' | 'stepsDone' | 'stepsTotal' | 'places'> {
  /** [B, D] once for each batch. */
  readonly drawn?: FloatArray | undefined;
}

/** What a diffusion prior is opened from. */
export interface PriorSource {
  readonly prior: PriorTransformer;
  readonly weights: ProgramWeights;
  readonly scheduler: SchedulerConfig;
  readonly statistics: EmbeddingStatistics;
  /** [1, …] the conditions of the empty text; absent, it cannot be guided. */
  readonly nothing?: Conditions | undefined;
  readonly sampling?: Sampling | undefined;
  readonly candidates?: number;
  readonly batchSize?: number;
}

/**
 * Compiles a diffusion prior for sampling.
 *
 * @param executor  where it runs; it has to outlive the sampler
 * @see Ramesh et al. 2022 (unCLIP), section 2.2 — https://arxiv.org/abs/2204.06125
 */
export async function openPriorSampler(
  executor: Executor,
  { prior, statistics, candidates = 1, ...source }: PriorSource,
): Promise<PriorSampler> {
  const network = priorNetwork(prior);
  const model = await openSampler(executor, { ...source, network });
  const [width] = network.sample as readonly [number];
  return {
    width,
    batchSize: model.batchSize,
    candidates,
    defaults: fullSampling(model.process, {}, model.sampling),
    choose(asked) {
      const { sampling, timesteps } = chosenSampler(model, asked);
      model.denoiser(sampling);
      return { ...sampling, steps: sampling.steps ?? timesteps.length };
    },
    sample: (request) =>
      nearestToText(request, { width, candidates }, async function* (purpose) {
        const { ids, conditions, negative, candidates: _, signal, ...sampling } = request;
        const states = model.sample({
          ...sampling,
          seed: ids[0]!.seed,
          count: ids.length,
          ids,
          purpose,
          conditions,
          negative,
          signal,
        });
        for await (const { xt, finished, places, step, stepsDone, stepsTotal } of states)
          yield { step, places, stepsDone, stepsTotal, drawn: finished ? unstandardized(xt, statistics) : undefined };
      }),
    dispose: () => model.dispose(),
  };
}

/**
 * Draws several embeddings for each image, and keeps the one nearest to its text.
 *
 * @param draw  one for each image, of the random numbers of a purpose
 * @returns     states on the way; `embeddings` once, at the end
 * @throws if candidates are not a positive integer
 */
export async function* nearestToText(
  { ids, conditions, candidates }: Pick<PriorRequest, 'ids' | 'conditions' | 'candidates'>,
  { width, candidates: own }: Pick<PriorSampler, 'width' | 'candidates'>,
  draw: (purpose: string) => AsyncIterable<DrawnEmbeddings>,
): AsyncGenerator<PriorProgress, void, undefined> {
  const count = candidates ?? own;
  if (!(Number.isSafeInteger(count) && count >= 1))
    throw new Error(`prior: candidates: expected an integer of 1 or more, got ${count}`);
  const candidatesDrawn: FloatArray[] = [];
  const everywhere = ids.map((_, i) => i);
  for (let candidate = 0; candidate < count; candidate++) {
    const data = new Float32Array(ids.length * width);
    // The first is what it would be alone.
    const states = draw(candidate === 0 ? 'prior' : `prior candidate ${candidate}`);
    for await (const { drawn, places, step, stepsDone, stepsTotal } of states) {
      if (drawn) for (const [row, place] of places.entries()) data.set(embeddingAt(drawn, row), place * width);
      yield { step, places, stepsDone: candidate * stepsTotal + stepsDone, stepsTotal: count * stepsTotal };
    }
    const embeddings = float32([ids.length, width], data);
    candidatesDrawn.push(embeddings);
    yield { step: 0, places: everywhere, stepsDone: candidate + 1, stepsTotal: count, candidate: embeddings };
  }
  const texts = conditions[textConditionNames.pooled] as FloatArray;
  const similarities = ids.map((_, i) =>
    candidatesDrawn.map((each) => cosine(embeddingAt(each, i), embeddingAt(texts, i))),
  );
  const embeddings = new Float32Array(ids.length * width);
  similarities.forEach((row, i) => {
    embeddings.set(embeddingAt(candidatesDrawn[row.indexOf(Math.max(...row))]!, i), i * width);
  });
  yield {
    step: 0,
    places: everywhere,
    stepsDone: 1,
    stepsTotal: 1,
    embeddings: float32([ids.length, width], embeddings),
    similarities: float32([ids.length, count], Float32Array.from(similarities.flat())),
  };
}

/** The statistics that a prior's weights hold. */
export function statisticsOf(weights: HostArrays): EmbeddingStatistics {
  const [mean, std] = ['clip_mean', 'clip_std'].map((name) => {
    const found = weights.get(name);
    if (!found) throw new Error(`prior: the weight ${name} is missing`);
    return Float32Array.from(found.data as Float32Array);
  });
  return { mean: mean!, std: std! };
}

/** The cosine of the angle between two vectors; 0 where one has no length. */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [product, ofA, ofB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    product += a[i]! * b[i]!;
    ofA += a[i]! ** 2;
    ofB += b[i]! ** 2;
  }
  return ofA === 0 || ofB === 0 ? 0 : product / Math.sqrt(ofA * ofB);
}

/** A row of [N, D]; it shares the array's memory. */
export function embeddingAt({ shape, data }: FloatArray, row: number): Float32Array {
  const width = shape[1]!;
  return data.subarray(row * width, (row + 1) * width) as Float32Array;
}
