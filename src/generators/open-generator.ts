/** Opening what makes images from a model's files: in a folder, behind an address, in memory. */
import {
  indexFile,
  denoisingClasses,
  pipelineClasses,
  readModel,
  readModelIndex,
  type LoadedModel,
  type ModelFiles,
} from '../checkpoint/browser.ts';
import type { Executor, FloatArray } from '../core/index.ts';
import { classConditions, classLabelsName, imageName, type Conditions } from '../diffusion/index.ts';
import { quoteJson } from '../formats/quote.ts';
import type { JsonObject } from '../formats/json-object.ts';
import { enlarge, openSampler, type ImageModel } from '../pipelines/index.ts';
import { diffusionGenerator, samplingStage, type DiffusionGenerator, type RequestConditions } from './diffusion.ts';
import type { GeneratorInputs, ImageGenerator } from './image-generator.ts';
import type { FullRequest } from './request.ts';

/** What an opener is given. */
export interface GeneratorContext {
  readonly executor: Executor;
  readonly files: ModelFiles;
  /** What model_index.json says; undefined for a network alone. */
  readonly index: JsonObject | undefined;
  /** Images computed together. */
  readonly batchSize?: number | undefined;
  /** Which of several sets of weights to read, such as `fp16`. */
  readonly variant?: string | undefined;
}

/** Opens models of a kind. */
export type GeneratorOpener = (context: GeneratorContext) => Promise<ImageGenerator>;

/** Who opens which class of model_index.json. */
export const generatorOpeners: Readonly<Record<string, GeneratorOpener>> = Object.fromEntries(
  [...pipelineClasses, ...denoisingClasses].map((className) => [className, openDiffusion]),
);

/** Options of `openGenerator`. */
export interface OpenGeneratorOptions extends Partial<Pick<GeneratorContext, 'batchSize' | 'variant'>> {
  /** By the class in model_index.json; default `generatorOpeners`. A system of one's own adds its row's `open`. */
  readonly openers?: Readonly<Record<string, GeneratorOpener>>;
}

/**
 * Opens a model: `openGenerator(executor, folderFiles('runs/icons'))` in Node, `openGenerator(executor, fetchedFiles(url))` in a page.
 *
 * @param executor  where it computes; it has to outlive the generator
 * @throws one line that names the file and what is wrong, or the class and those that can be opened
 */
export async function openGenerator(
  executor: Executor,
  files: ModelFiles,
  { openers = generatorOpeners, batchSize, variant }: OpenGeneratorOptions = {},
): Promise<ImageGenerator> {
  const index = await readModelIndex(files);
  // A network alone has no index.
  const className = index === undefined ? denoisingClasses[0] : index['_class_name'];
  const open = typeof className === 'string' && Object.hasOwn(openers, className) ? openers[className] : undefined;
  if (!open)
    throw new Error(
      `checkpoint ${files.name(indexFile)}: pipeline ${quoteJson(className, 'without _class_name')} is not supported; one of ${Object.keys(
        openers,
      )
        .filter((name) => !denoisingClasses.includes(name))
        .join(', ')}`,
    );
  return open({ executor, files, index, batchSize, variant });
}

/** Opens one network with its scheduler: DDPM, a flow, EDM, with classes or an image of low resolution. */
async function openDiffusion({
  executor,
  files,
  index,
  batchSize,
  variant,
}: GeneratorContext): Promise<DiffusionGenerator> {
  return modelGenerator(executor, await readModel(files, { variant }, { index }), { batchSize });
}

/** The rows that stand for "without a condition", where the model was trained with label dropout. */
export function nothingOf({ classes }: Pick<LoadedModel, 'classes'>): Conditions {
  return classes === null || classes.nullClass === null ? {} : classConditions([classes.nullClass]);
}

/** A generator of a model that was read. */
export async function modelGenerator(
  executor: Executor,
  model: LoadedModel,
  { batchSize, stage = samplingStage }: { readonly batchSize?: number | undefined; readonly stage?: string } = {},
): Promise<DiffusionGenerator> {
  const { network, scheduler, weights, sampling } = model;
  const sampler = await openSampler(executor, {
    network,
    scheduler,
    weights,
    nothing: nothingOf(model),
    sampling: sampling?.[stage],
    ...(batchSize !== undefined && { batchSize }),
  });
  return diffusionGenerator({
    model: sampler,
    takes: takesOf(sampler, model),
    conditions: conditionsFor(sampler, model),
    stage,
    notes: model.notes,
    device: executor.device,
  });
}

function takesOf(
  { shape, conditions }: ImageModel,
  model: Pick<LoadedModel, 'classes' | 'superResolution'>,
): GeneratorInputs {
  const labels = conditions.find(({ name, count }) => name === classLabelsName && count !== undefined);
  const image = conditions.find(({ name }) => name === imageName);
  const factor = model.superResolution?.factor ?? 1;
  return {
    ...(labels && { classes: { count: labels.count!, names: model.classes?.names ?? null } }),
    image: image
      ? { shape: [image.shape[0]!, ...image.shape.slice(1).map((side) => side / factor)], use: 'required' }
      : { shape, use: 'optional' },
    mask: !image && shape.length === 3,
    guidance: Object.keys(nothingOf(model)).length > 0,
  };
}

/** Classes by number; an image of low resolution enlarged as in training, or as it is where nobody wrote down how. */
function conditionsFor(
  { conditions }: ImageModel,
  { superResolution }: Pick<LoadedModel, 'superResolution'>,
): (request: FullRequest) => RequestConditions {
  const takesImage = conditions.some(({ name }) => name === imageName);
  const enlarged = (image: FloatArray) => (superResolution ? enlarge(image, superResolution) : image);
  return ({ classes, image }) => ({
    conditions: {
      ...(classes && classConditions(classes)),
      ...(takesImage && image && { [imageName]: enlarged(image) }),
    },
  });
}
