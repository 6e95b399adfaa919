/** A training run of DALL·E 2's prior: its captioned images through a frozen CLIP, its network, and how near its embeddings come. */
import {
  frozenClipFolder,
  part,
  priorClass,
  priorTransformerComponent,
  readTrainedPart,
  unclipSampling,
  unclipSchedulerComponent,
  unclipSchedulerToJson,
  writePipelineFolder,
} from '../checkpoint/index.ts';
import { float32, input } from '../core/index.ts';
import { networkProcess, objectiveDefaults, type Sampling } from '../diffusion/index.ts';
import { unclipSettings } from '../generators/index.ts';
import { conditionTensors, priorNetwork, PriorTransformer } from '../models/index.ts';
import { bind } from '../nn/index.ts';
import {
  denoisingTask,
  embeddingStatistics,
  openPriorSampler,
  priorExamples,
  type EmbeddingStatistics,
} from '../pipelines/index.ts';
import type { PlanOptions, RunPlan } from '../train/run.ts';
import { entries } from '../train/steps/programs.ts';
import { readFrozenClip } from './frozen-clip.ts';
import type { PriorConfig } from './prior-config.ts';
import { openPriorPairs, watchPrior, type MeasuredPrior } from './prior-pairs.ts';
import { unclipStartNotes } from './start-notes.ts';

/**
 * Lays out the run.
 *
 * @throws if the configuration contradicts itself, the data or the CLIP, or images have no captions
 */
export async function planPrior(config: PriorConfig, options: PlanOptions): Promise<RunPlan> {
  const { train, scheduler, sampling } = config;
  const clip = await readFrozenClip(config.clip.model);
  const process = networkProcess(scheduler);
  // What cannot be written is said before anything is trained.
  unclipSchedulerToJson(scheduler, 'config.scheduler');
  const notes =
    options.resumeFrom === undefined
      ? await unclipStartNotes(train, clip, { scheduler: 'prior_scheduler', process })
      : [];
  const prior = new PriorTransformer({ ...config.model, embeddingDim: clip.width, numEmbeddings: clip.tokens });
  const network = priorNetwork(prior);
  const inputs = network.conditions;
  network.denoise(bind(prior), input('xt', [1, ...network.sample]), input('t', [1]), conditionTensors(network, 1));

  const pairs = await openPriorPairs(clip, config, { ...options, inputs });
  const { dataset, test, nothing } = pairs;
  const said: Sampling = {
    ...unclipSampling,
    steps: Math.min(sampling.steps, scheduler.numTrainTimesteps),
    ...(config.clip.textDropout > 0 && { guidanceScale: sampling.guidanceScale }),
  };
  // A run that begins with a model keeps its statistics: its weights are of embeddings standardized by them.
  let found: EmbeddingStatistics | undefined;
  const statistics = () => (found ??= embeddingStatistics(pairs.encoded().embeddings));

  return {
    config: { task: 'prior', ...config },
    train,
    kind: 'model',
    dataset,
    notes,
    times: process.networkTimes,
    async prepare(executor, how) {
      const { notes, dispose } = await pairs.encode(executor, how);
      // Embeddings that cannot be standardized are said now.
      statistics();
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
        inputs,
        encoding: { encode: (texts) => pairs.encoded().text.encode(texts) },
        embeddings: () => pairs.encoded().embeddings,
        statistics,
      }),
      // Only the caption is dropped, never the embedding that is denoised.
      dropouts: [{ names: inputs.map(({ name }) => name), probability: config.clip.textDropout }],
      nothing,
    }),
    async writeModel(dir, weights) {
      await clip.include(dir);
      const { mean, std } = statistics();
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
    async readWeights(dir) {
      const weights = new Map((await readTrainedPart(dir, 'prior', priorTransformerComponent)).weights);
      const of = (name: string) => weights.get(name)!.data as Float32Array;
      found = { mean: of('clip_mean'), std: of('clip_std') };
      return weights;
    },
    use: usePrior,
    ...(test && {
      async watch(executor, store) {
        const sampler = await openPriorSampler(executor, {
          prior,
          weights: { store, prefix: entries.ema },
          scheduler,
          statistics: statistics(),
          nothing,
        });
        const steps = Math.min(train.evaluateSteps, scheduler.numTrainTimesteps);
        const measured: MeasuredPrior = {
          inputs,
          sample: (request) => sampler.sample({ ...said, steps, ...request }),
          dispose: () => sampler.dispose(),
        };
        return watchPrior(executor, measured, { clip, test, most: train.evaluateCount });
      },
    }),
  };
}

/** What to do with a prior. */
export const usePrior: RunPlan['use'] = {
  what: 'put it together with a decoder',
  command: (out) => `kuosan assemble ${out} runs/decoder --out models/dalle-2`,
};
