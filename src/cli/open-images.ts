/** Opens what images are generated from: a model, or the exact denoiser of a data set. */
import { openData } from './open-data.ts';
import type { FloatArray } from '../core/index.ts';
import { folderFiles, loadModel, resolveModel } from '../checkpoint/index.ts';
import { fromBitmaps, imagesAt, type Dataset } from '../data/index.ts';
import { schedulerConfig, type SamplerName, type Sampling } from '../diffusion/index.ts';
import {
  exactGenerator,
  openGenerator,
  samplingStage,
  type DiffusionGenerator,
  type ImageGenerator,
} from '../generators/index.ts';
import { imageSampler, imageShapeOf, type ImageSampler } from '../pipelines/index.ts';
import { classOption } from './class-option.ts';
import { guidanceOptions } from './guidance-options.ts';
import { executorWhenNeeded, type NeededExecutor } from './open-executor.ts';
import { UsageError } from './options.ts';
import type { SamplerCommandOptions, SourceOptions } from './sampling-options.ts';

/** What images are generated from, open. */
export interface OpenImages extends Pick<NeededExecutor, 'executor'> {
  readonly generator: ImageGenerator;
  /** What a person calls it. */
  readonly name: string;
  /** Lets go of the generator and what it runs on. */
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
  const needed = executorWhenNeeded(options);
  if (exact !== undefined) return { generator: await openExact(source, exact, options), name: exact, ...needed };
  try {
    const path = await resolveModel(source!);
    const generator = await openGenerator(await needed.executor(), folderFiles(path), { batchSize, variant });
    for (const note of generator.notes) process.stderr.write(`note: ${note}\n`);
    checkChannels(generator, path);
    return {
      generator,
      name: path,
      executor: needed.executor,
      async dispose() {
        await generator.dispose();
        await needed.dispose();
      },
    };
  } catch (error) {
    await needed.dispose();
    throw error;
  }
}

/** The exact denoiser of a data set, with the schedule and the size of a model's images if one is given. */
async function openExact(
  source: string | undefined,
  exact: string,
  { schedule, size, variant, batchSize }: SourceOptions,
): Promise<DiffusionGenerator> {
  if (source === undefined) {
    const side = size ?? exactSize;
    const dataset = await openData(exact, { size: [side, side] });
    return exactGenerator({
      images: allImages(dataset),
      scheduler: schedulerConfig({ betaSchedule: schedule ?? 'linear' }),
      batchSize,
    });
  }
  const { network, scheduler, sampling, path } = await loadModel(source, { variant });
  const [channels, height, width] = checkChannels({ shape: network.outputs }, path);
  const dataset = await openData(exact, { size: [height, width], channels });
  return exactGenerator({ images: allImages(dataset), scheduler, batchSize, sampling: sampling?.[samplingStage] });
}

/** @throws if the model's images cannot be written as files */
function checkChannels(
  { shape }: Pick<ImageGenerator, 'shape'>,
  path: string,
): readonly [channels: 1 | 3, height: number, width: number] {
  const [channels, height, width] = imageShapeOf(shape);
  if (channels !== 1 && channels !== 3)
    throw new Error(
      `${path}: generates images of ${channels} channels, and image files have 1 or 3; take its values from the library, with generateImages`,
    );
  return [channels, height, width];
}

/**
 * The one denoiser that a generator samples from, for commands that look into it.
 *
 * @throws if the generator is made of several, or needs an image, which the command does not give it
 */
export function samplerOf({ generator, name }: OpenImages, command: string): ImageSampler {
  if (!('model' in generator))
    throw new Error(
      `${name}: this model has the stages ${Object.keys(generator.defaults).join(', ')}, and ${command} looks at one denoiser; give it the folder of a stage`,
    );
  checkNeedsNoImage({ generator, name }, command);
  return imageSampler((generator as DiffusionGenerator).model);
}

/**
 * @throws if the model is conditioned on an image, which this command does not give it
 */
export function checkNeedsNoImage({ generator, name }: Pick<OpenImages, 'generator' | 'name'>, command: string): void {
  if (generator.takes.image?.use === 'required')
    throw new Error(
      `${name}: this model is conditioned on an image, and ${command} has none for it; give it one with kuosan edit --image`,
    );
}

/**
 * @throws if the model is conditioned on a text, which this command does not give it
 */
export function checkNeedsNoText({ generator, name }: Pick<OpenImages, 'generator' | 'name'>, command: string): void {
  if (generator.takes.text?.required)
    throw new Error(
      `${name}: this model generates images of a text, and ${command} has none for it; see what it generates with kuosan sample --prompt`,
    );
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

/** How to sample from the options of the command line; what they leave out is the model's own. */
export function samplingFrom({ sampler, steps, spacing, eta, churn, ...guidance }: SamplerCommandOptions): Sampling {
  return { sampler: sampler as SamplerName | undefined, steps, spacing, eta, churn, ...guidanceOptions(guidance) };
}

/** The name of the sampler that the first stage is sampled with. */
export function samplerUsed({ generator }: OpenImages, { sampler }: Pick<Sampling, 'sampler'>): SamplerName {
  return sampler ?? Object.values(generator.defaults)[0]!.sampler!;
}

/**
 * A class for each image: the one asked for, or all in turn; undefined where the images are sampled
 * without classes.
 *
 * @throws UsageError if there is no such class
 */
export function classesFor(
  { generator: { takes } }: OpenImages,
  wanted: string | undefined,
  count: number,
): number[] | undefined {
  if (!takes.classes) {
    if (wanted !== undefined)
      throw new UsageError(
        '--class: this model has no classes; to get some, put the images of each class into a sub-folder of its own and train on the folder: kuosan train images-32 --data photos --out runs/photos',
      );
    return undefined;
  }
  const { names, count: all } = takes.classes;
  // The null label is left out of the default classes, but --class may name it.
  if (wanted === undefined) return Array.from({ length: count }, (_, i) => i % (names?.length ?? all));
  return Array<number>(count).fill(classOption(wanted, all, names ?? undefined));
}
