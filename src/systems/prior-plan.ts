/** A training run of DALL·E 2's prior: its captioned images through a frozen CLIP, its network, and how near its embeddings come. */
import {
  folderFiles,
  frozenClipFolder,
  part,
  priorClass,
  priorTransformerComponent,
  unclipSampling,
  unclipSchedulerComponent,
  unclipSchedulerToJson,
  writePipelineFolder,
} from '../checkpoint/index.ts';
import { float32, input, type Executor, type FloatArray, type Store } from '../core/index.ts';
import { captionsOf, type Dataset } from '../data/index.ts';
import { networkProcess, objectiveDefaults, type Conditions, type Sampling } from '../diffusion/index.ts';
import { unclipSettings } from '../generators/index.ts';
import { conditionTensors, priorNetwork, PriorTransformer, textConditionNames } from '../models/index.ts';
import { bind } from '../nn/index.ts';
import {
  cosine,
  denoisingTask,
  embeddingStatistics,
  openPriorSampler,
  priorExamples,
  textConditions,
  type EmbeddingStatistics,
} from '../pipelines/index.ts';
import type { PlanOptions, RunPlan, RunWatch } from '../train/run.ts';
import { entries } from '../train/steps/programs.ts';
import { encodePairs, openForClip, readFrozenClip, type EncodedPairs, type FrozenClip } from './frozen-clip.ts';
import type { PriorConfig } from './prior-config.ts';

/** Embeddings of a measurement come from this seed, so that those of a run can be compared. */
const measuredSeed = 0;

/**
 * Lays out the run.
 *
 * @throws if the configuration contradicts itself, the data or the CLIP, or images have no captions
 */
export async function planPrior(config: PriorConfig, options: PlanOptions): Promise<RunPlan> {
  const { data, train, scheduler, sampling } = config;
  const clip = await readFrozenClip(config.clip.model);
  const process = networkProcess(scheduler);
  // What cannot be written is said before anything is trained.
  unclipSchedulerToJson(scheduler, 'config.scheduler');
  const prior = new PriorTransformer({ ...config.model, embeddingDim: clip.width, numEmbeddings: clip.tokens });
  const network = priorNetwork(prior);
  network.denoise(bind(prior), input('xt', [1, ...network.sample]), input('t', [1]), conditionTensors(network, 1));

  const dataset = captioned(await openForClip(clip, data, options));
  const test = await heldOut();
  const said: Sampling = {
    ...unclipSampling,
    steps: Math.min(sampling.steps, scheduler.numTrainTimesteps),
    ...(config.clip.textDropout > 0 && { guidanceScale: sampling.guidanceScale }),
  };

  let pairs: EncodedPairs | undefined;
  let statistics: EmbeddingStatistics | undefined;
  // What stands for "no caption" is the empty text, which is encoded when the run is prepared.
  const nothing: Record<string, Conditions[string]> = Object.fromEntries(
    network.conditions.map(({ name, shape }) => [
      name,
      float32([1, ...shape], new Float32Array(shape.reduce((size, extent) => size * extent, 1))),
    ]),
  );
  const encoded = () => {
    if (!pairs || !statistics) throw new Error('internal: the pairs are not encoded yet');
    return { ...pairs, statistics };
  };
  const conditionsOf = async (texts: readonly string[]) =>
    textConditions(await encoded().text.encode(texts), network.conditions);

  async function heldOut(): Promise<Dataset | undefined> {
    if (train.evaluateEvery === null) return undefined;
    if (data.testFiles === null)
      throw new Error(
        `config.train.evaluateEvery is ${train.evaluateEvery}, and no held-out images are named; name them (data.testFiles), or set it to null`,
      );
    return captioned(await openForClip(clip, { ...data, files: data.testFiles }, options));
  }

  return {
    config: { task: 'prior', ...config },
    train,
    kind: 'model',
    dataset,
    times: process.networkTimes,
    async prepare(executor, how) {
      pairs = await encodePairs(executor, clip, { images: dataset, captions: dataset.captions! }, how);
      statistics = embeddingStatistics(pairs.embeddings);
      Object.assign(nothing, await conditionsOf(['']));
      const { notes, dispose } = pairs;
      return { notes: () => notes, dispose };
    },
    task: denoisingTask({
      network,
      process,
      objective: { ...objectiveDefaults, ...config.objective },
      batchSize: train.batchSize,
      seed: train.seed,
      examples: priorExamples(dataset, {
        seed: train.seed,
        inputs: network.conditions,
        encoding: { encode: (texts) => encoded().text.encode(texts) },
        embeddings: () => encoded().embeddings,
        statistics: () => encoded().statistics,
      }),
      // Only the caption is dropped, never the embedding that is denoised.
      dropouts: [{ names: network.conditions.map(({ name }) => name), probability: config.clip.textDropout }],
      nothing,
    }),
    async writeModel(dir, weights) {
      await clip.include(dir);
      const { mean, std } = encoded().statistics;
      const row = (values: Float32Array) => float32([1, values.length], values);
      await writePipelineFolder(dir, {
        className: priorClass,
        parts: {
          prior: part(priorTransformerComponent, {
            network: prior,
            weights: new Map([...weights, ['clip_mean', row(mean)], ['clip_std', row(std)]]),
          }),
          prior_scheduler: part(unclipSchedulerComponent, scheduler),
          [frozenClipFolder]: clip.part,
        },
        facts: {
          settings: unclipSettings({ candidates: sampling.candidates, priorGuidance: config.clip.textDropout > 0 }),
          sampling: { prior: said },
        },
      });
      return weights.keys();
    },
    readWeights: async (dir) => new Map((await priorTransformerComponent.read(folderFiles(dir), 'prior')).weights),
    use: {
      what: 'put it together with a decoder',
      command: (out) => `kuosan assemble ${out} runs/decoder --out models/dalle-2`,
    },
    ...(test && {
      watch: (executor: Executor, store: Store) =>
        watchPrior(executor, store, { clip, prior, config, said, test, statistics: encoded().statistics, nothing }),
    }),
  };
}

function captioned(dataset: Dataset): Dataset {
  return { ...dataset, captions: captionsOf(dataset) };
}

/**
 * Measures on held-out pairs: the mean cosine of what the prior draws to the embedding of the image itself and to that of its
 * caption, next to the cosine of the two.
 */
async function watchPrior(
  executor: Executor,
  store: Store,
  {
    clip,
    prior,
    config,
    said,
    test: all,
    statistics,
    nothing,
  }: {
    readonly clip: FrozenClip;
    readonly prior: PriorTransformer;
    readonly config: PriorConfig;
    readonly said: Sampling;
    readonly test: Dataset;
    readonly statistics: EmbeddingStatistics;
    readonly nothing: Conditions;
  },
): Promise<RunWatch> {
  const { train, scheduler } = config;
  const count = Math.min(train.evaluateCount, all.count);
  // Spread over all of them: neighbors are alike.
  const places = Array.from({ length: count }, (_, i) => Math.floor((i * all.count) / count));
  const captions = places.map((place) => all.captions![place]!);
  const pairs = await encodePairs(executor, clip, { images: all, captions }, {});
  const conditions = textConditions(await pairs.text.encode(captions), priorNetwork(prior).conditions);
  const sampler = await openPriorSampler(executor, {
    prior,
    weights: { store, prefix: entries.ema },
    scheduler,
    statistics,
    nothing,
  });
  const row = ({ data }: FloatArray, i: number) => data.subarray(i * clip.width, (i + 1) * clip.width);
  const meanCosine = (a: (i: number) => ArrayLike<number>, b: (i: number) => ArrayLike<number>) =>
    places.reduce((sum, _, i) => sum + cosine(a(i), b(i)) / count, 0);
  const texts = conditions[textConditionNames.pooled] as FloatArray;
  const ofImage = (i: number) => row(pairs.embeddings, places[i]!);
  return {
    async evaluate() {
      let embeddings: FloatArray | undefined;
      for await (const progress of sampler.sample({
        ...said,
        steps: Math.min(train.evaluateSteps, scheduler.numTrainTimesteps),
        ids: places.map((_, index) => ({ seed: measuredSeed, index })),
        conditions,
      }))
        embeddings = progress.embeddings ?? embeddings;
      return {
        cosineToImage: meanCosine((i) => row(embeddings!, i), ofImage),
        cosineToText: meanCosine(
          (i) => row(embeddings!, i),
          (i) => row(texts, i),
        ),
        cosineOfPairs: meanCosine(ofImage, (i) => row(texts, i)),
      };
    },
    best: { measure: 'cosineToImage', better: 'higher', by: `${count} images of ${all.name}` },
    async dispose() {
      await sampler.dispose();
      await pairs.dispose();
    },
  };
}
