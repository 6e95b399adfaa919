/** What is looked at while a network of images is trained: sample grids, and distances to the real images. */
import type { Executor, Store } from '../core/index.ts';
import { layClassGrid, toBitmaps, type Dataset } from '../data/index.ts';
import type { Conditions, SchedulerConfig, Sampling } from '../diffusion/index.ts';
import {
  compareFeatures,
  defaultFeatures,
  realFeatures,
  readFeatures,
  type FeatureSource,
  type RealFeatures,
} from '../eval/index.ts';
import type { DenoisingNetwork } from '../models/index.ts';
import { mostSteps, openSampler, sampleImages, type ImageSampler, type ImageShape } from '../pipelines/index.ts';
import type { Judgement } from '../train/best.ts';
import type { RunWatch } from '../train/run.ts';
import { entries } from '../train/steps/programs.ts';
import type { DdpmConfig } from './ddpm-config.ts';

/** Images of one training grid come from this seed, so that grids of a run can be compared. */
export const gridSeed = 0;

/** What images are made of on the way, and how they are shown. */
export interface WatchImagesOptions {
  readonly network: DenoisingNetwork;
  readonly scheduler: SchedulerConfig;
  readonly train: DdpmConfig['train'];
  readonly dataset: Dataset;
  readonly imageShape: ImageShape;
  /** Absent, nothing is measured. */
  readonly features?: FeatureSource | undefined;
  /** What so many images are conditioned on. */
  readonly conditionsOf: (count: number) => Conditions | Promise<Conditions>;
  /** What groups the images of a grid, for a heading over each group. */
  readonly labelsOf?: (
    count: number,
  ) => { readonly labels: readonly number[]; readonly names: readonly string[] | undefined } | undefined;
  /** Guidance's rows of "without a condition", and how strongly to guide grids and measurements. */
  readonly guided?: { readonly nothing: Conditions; readonly sampling: Sampling } | undefined;
}

/** Opens what looks at the network's averaged weights in a training store. */
export async function watchImages(
  executor: Executor,
  store: Store,
  { network, scheduler, train, dataset, imageShape, features, conditionsOf, labelsOf, guided }: WatchImagesOptions,
): Promise<RunWatch> {
  const { sampleEvery, sampleCount, sampleSteps } = train;
  if (sampleEvery === null && !features) return { dispose: async () => {} };
  const sampler = await openSampler(executor, {
    network,
    scheduler,
    weights: { store, prefix: entries.ema },
    ...(guided && { nothing: guided.nothing }),
  });
  const gridSteps = Math.min(sampleSteps, mostSteps(sampler));
  const sampling = guided?.sampling ?? {};
  const measure =
    features &&
    (await openMeasure(executor, features, sampler, { dataset, imageShape, train, conditionsOf, sampling }));
  return {
    ...(sampleEvery !== null && {
      draw: {
        every: sampleEvery,
        evaluations: sampleCount * gridSteps,
        async images(onStep) {
          const images = await sampleImages(
            sampler,
            {
              ...sampling,
              seed: gridSeed,
              count: sampleCount,
              steps: gridSteps,
              conditions: await conditionsOf(sampleCount),
            },
            ({ stepsDone, stepsTotal }) => onStep?.(stepsDone, stepsTotal),
          );
          const groups = labelsOf?.(sampleCount);
          return { images, grid: await layClassGrid(toBitmaps(images), groups?.labels, groups?.names) };
        },
      },
    }),
    ...(features && measure && { evaluate: measure.evaluate, best: judgementOf(features, train) }),
    async dispose() {
      await sampler.dispose();
      await measure?.dispose();
    },
  };
}

/** What a run is measured with, where it is to be measured. */
export async function featuresFor(
  { evaluateEvery, evaluateFeatures }: DdpmConfig['train'],
  imageShape: ImageShape,
): Promise<FeatureSource | undefined> {
  if (evaluateEvery === null) return undefined;
  return evaluateFeatures === null ? defaultFeatures(imageShape) : readFeatures(evaluateFeatures);
}

/** The Fréchet distance counts both what is wrong and what is missing. */
function judgementOf(
  { name }: FeatureSource,
  { evaluateFeatures, evaluateCount, evaluateSteps }: DdpmConfig['train'],
): Judgement {
  return {
    measure: 'frechetDistance',
    better: 'lower',
    by: `${evaluateFeatures ?? name}, ${evaluateCount} images, ${evaluateSteps} steps`,
  };
}

/** What `kuosan evaluate` measures, with fewer images and steps; the real images are looked at once. */
async function openMeasure(
  executor: Executor,
  features: FeatureSource,
  sampler: ImageSampler,
  {
    dataset,
    imageShape,
    train,
    conditionsOf,
    sampling,
  }: {
    readonly dataset: Dataset;
    readonly imageShape: ImageShape;
    readonly train: DdpmConfig['train'];
    readonly conditionsOf: WatchImagesOptions['conditionsOf'];
    readonly sampling: Sampling;
  },
): Promise<Required<Pick<RunWatch, 'evaluate' | 'dispose'>>> {
  const { evaluateCount: count, evaluateSteps: steps } = train;
  const extractor = await features.open(executor, imageShape);
  let real: RealFeatures | undefined;
  async function* images() {
    const conditions = await conditionsOf(count);
    for await (const state of sampler.sample({
      ...sampling,
      seed: gridSeed,
      count,
      sampler: 'ddim',
      steps,
      conditions,
    }))
      if (state.finished) yield state.xt;
  }
  return {
    async evaluate() {
      real ??= await realFeatures(extractor, dataset, { count, seed: gridSeed, kept: count });
      const { frechetDistance, kernelDistance, precision, recall, realBaseline } = await compareFeatures(
        extractor,
        images(),
        real,
        { seed: gridSeed, kept: count },
      );
      return {
        frechetDistance,
        frechetRealBaseline: realBaseline.frechetDistance,
        kernelDistance: kernelDistance.mean,
        precision,
        recall,
      };
    },
    dispose: () => extractor.dispose(),
  };
}
