/** Opens what images are sampled from: a model's network, or the exact denoiser of a data set. */
import type { FloatArray } from '../core/index.ts';
import { loadModel, type LoadedModel } from '../checkpoint/index.ts';
import { fromBitmaps, openDataset, imagesAt, type Dataset } from '../data/index.ts';
import {
  classConditions,
  classLabelsName,
  imageName,
  networkProcess,
  samplerNamed,
  schedulerConfig,
  type Conditions,
  type SchedulerConfig,
} from '../diffusion/index.ts';
import {
  denoisingNetwork,
  exactSampler,
  imageShapeOf,
  mostSteps,
  openSampler,
  type ImageModel,
  type ImageSampler,
  type ImageShape,
  type SampleOptions,
} from '../pipelines/index.ts';
import { classOption } from './class-option.ts';
import { guidanceOptions } from './guidance-options.ts';
import { executorWhenNeeded, type NeededExecutor } from './open-executor.ts';
import { UsageError } from './options.ts';
import type { SamplerCommandOptions, SourceOptions } from './sampling-options.ts';

/** What images are sampled from, open. */
export interface OpenImages extends Pick<NeededExecutor, 'executor'> {
  readonly sampler: ImageSampler;
  readonly scheduler: SchedulerConfig;
  /** Null where there is only an exact denoiser. */
  readonly model: LoadedModel | null;
  /** What computes, for people. */
  readonly device: string;
  /** Lets go of the sampler and what it runs on. */
  dispose(): Promise<void>;
}

/** The sides of exact images when nobody says: those of a data set. */
const exactSize = 32;

/**
 * @param source  a model, or undefined where `--exact` alone is enough
 * @throws UsageError if neither is given, or an option belongs to the other
 */
export async function openImages(source: string | undefined, options: SourceOptions): Promise<OpenImages> {
  const { exact, schedule, size, variant, batchSize } = options;
  if (source === undefined && exact === undefined)
    throw new UsageError(
      'there is nothing to sample from; give a run, a model folder or a name (noto-32, fashion-mnist), or --exact and a data set',
    );
  for (const [option, value] of Object.entries({ '--schedule': schedule, '--size': size })) {
    if (value !== undefined && (exact === undefined || source !== undefined))
      throw new UsageError(`${option}: belongs to --exact without a model; a model has its own`);
  }
  const model = source === undefined ? null : await openModel(source, variant);
  const scheduler = model?.scheduler ?? schedulerConfig({ betaSchedule: schedule ?? 'linear' });
  const { executor, dispose } = executorWhenNeeded(options);
  if (exact !== undefined) {
    const [channels, height, width] = model ? shownShape(model) : [undefined, size ?? exactSize, size ?? exactSize];
    const dataset = await openDataset(exact, { size: [height, width], ...(channels !== undefined && { channels }) });
    const sampler = exactSampler({ images: allImages(dataset), scheduler, batchSize });
    return { sampler, scheduler, model, device: `the exact denoiser of ${dataset.count} images`, executor, dispose };
  }
  shownShape(model!);
  try {
    const sampler = await openSampler(await executor(), {
      network: model!.unet,
      scheduler,
      weights: model!.weights,
      nothing: nothingOf(model!),
      batchSize,
    });
    return { sampler, scheduler, model, device: (await executor()).device, executor, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/**
 * @throws if the model is conditioned on an image, which this command does not give it
 */
export function checkNeedsNoImage({ sampler, model }: OpenImages, command: string): void {
  if (isConditionedOn(sampler, imageName))
    throw new Error(
      `${model!.path}: this model is conditioned on an image, and ${command} has none for it; give it one with kuosan edit --image`,
    );
}

/** The rows that stand for "without a condition", where the model was trained with conditions dropped. */
export function nothingOf({ classes }: Pick<LoadedModel, 'classes'>): Conditions {
  return classes === null || classes.nullClass === null ? {} : classConditions([classes.nullClass]);
}

/** Whether a model takes a condition of a name. */
export function isConditionedOn({ conditions }: Pick<ImageModel, 'conditions'>, name: string): boolean {
  return conditions.some((input) => input.name === name);
}

/** A model, with what there is to say of it printed. */
async function openModel(source: string, variant: string | undefined): Promise<LoadedModel> {
  const model = await loadModel(source, { variant });
  for (const note of model.notes) process.stderr.write(`note: ${note}\n`);
  return model;
}

/** @throws if the model's images cannot be written as files */
function shownShape({ unet, scheduler, path }: LoadedModel): readonly [channels: 1 | 3, height: number, width: number] {
  const [channels, height, width]: ImageShape = imageShapeOf(
    denoisingNetwork(unet, networkProcess(scheduler).varianceType).sample,
  );
  if (channels !== 1 && channels !== 3)
    throw new Error(
      `${path}: generates images of ${channels} channels, and image files have 1 or 3; take its values from the library, with sampleImages`,
    );
  return [channels, height, width];
}

/** All images of a data set: [N, C, H, W] in [−1, 1]. */
export function allImages(dataset: Dataset): FloatArray {
  return fromBitmaps(
    imagesAt(
      dataset,
      Array.from({ length: dataset.count }, (_, i) => i),
    ),
  );
}

/**
 * A tenth of Algorithm 2's thousand steps: on small models images of 100 and of 250 steps look alike, and both
 * look better than DDIM's, whose noise-free steps mend no errors.
 */
const ddpmSteps = 100;

/** The options of the library's samplers from those of the command line, the model's own sampler where none is named. */
export function sampleOptions(
  { sampler: named, steps, spacing, eta, churn, ...guidance }: SamplerCommandOptions,
  model: ImageModel,
): Omit<SampleOptions, 'seed' | 'count'> & { readonly sampler: string } {
  const sampler = named ?? model.process.defaultSampler;
  return {
    sampler,
    spacing,
    eta,
    churn,
    ...guidanceOptions(guidance),
    steps: steps ?? Math.min(samplerNamed(sampler).steps ?? ddpmSteps, mostSteps(model)),
  };
}

/**
 * A class for each image: the one asked for, or all in turn; undefined where the images are sampled
 * without classes.
 *
 * @throws UsageError if there is no such class
 */
export function classesFor(
  { sampler, model }: OpenImages,
  wanted: string | undefined,
  count: number,
): number[] | undefined {
  const all = model?.unet.config.numClassEmbeds ?? null;
  if (all === null || !isConditionedOn(sampler, classLabelsName)) {
    if (wanted !== undefined)
      throw new UsageError(
        all === null
          ? '--class: this model has no classes; to get some, put the images of each class into a sub-folder of its own and train on the folder: kuosan train images-32 --data photos --out runs/photos'
          : '--class: the exact denoiser has no classes',
      );
    return undefined;
  }
  const names = model?.classes?.names;
  // The null label is left out of the default classes, but --class may name it.
  if (wanted === undefined) return Array.from({ length: count }, (_, i) => i % (names?.length ?? all));
  return Array<number>(count).fill(classOption(wanted, all, names));
}
