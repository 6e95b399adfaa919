/** Opening what makes images from a model's files: in a folder, behind an address, in memory. */
import { z } from 'zod';
import {
  cascadeClass,
  decoderClass,
  filesIn,
  ifClasses,
  indexFile,
  denoisingClasses,
  pipelineClasses,
  priorClass,
  readModel,
  readModelIndex,
  textEncoderFolder,
  textToImageClass,
  wholeUnCLIPClasses,
  type LoadedModel,
  type ModelFiles,
} from '../checkpoint/browser.ts';
import type { Executor, FloatArray } from '../core/index.ts';
import { classConditions, classLabelsName, imageName, type Conditions } from '../diffusion/index.ts';
import { quoteJson } from '../formats/quote.ts';
import { parseConfig } from '../models/index.ts';
import { enlarge, openSampler, type ImageModel } from '../pipelines/index.ts';
import { cascade, type CascadeStage } from './cascade.ts';
import { diffusionGenerator, samplingStage, type DiffusionGenerator } from './diffusion.ts';
import type { GeneratorInputs, ImageGenerator, RequestConditions } from './image-generator.ts';
import type { GeneratorContext, GeneratorOpener } from './generator-context.ts';
import type { FullRequest } from './request.ts';
import { openIF, openIFSuperResolution } from './deepfloyd-if.ts';
import { openTextToImage } from './text-to-image.ts';
import { openPriorAlone, openUnCLIP } from './unclip.ts';
import { hasUpsampler, openUpsampler } from './unclip-upsampler.ts';

/** Who opens a stage of a cascade. */
const stageOpeners: Readonly<Record<string, GeneratorOpener>> = {
  ...Object.fromEntries([...pipelineClasses, ...denoisingClasses].map((className) => [className, openDiffusion])),
  [textToImageClass]: openTextToImage,
  [ifClasses.base]: openIF,
  [ifClasses.superResolution]: openIFSuperResolution,
  [decoderClass]: openUnCLIP,
  [priorClass]: openPriorAlone,
  ...Object.fromEntries(wholeUnCLIPClasses.map((className) => [className, openWholeUnCLIP])),
};

/** Who opens which class of model_index.json. */
export const generatorOpeners: Readonly<Record<string, GeneratorOpener>> = {
  ...stageOpeners,
  [cascadeClass]: openCascade,
};

/** A stage is a folder of the cascade's: no path leads out of it. */
const cascadeIndexSchema = z.object({
  stages: z.array(z.string().regex(/^[a-z][a-z0-9_-]*$/, 'expected the name of a folder')).min(1),
});

/** Options of `openGenerator`. */
export interface OpenGeneratorOptions extends Partial<Pick<GeneratorContext, 'batchSize' | 'variant' | 'stage'>> {
  /** By the class in model_index.json; default `generatorOpeners`. A system of one's own adds its row's `open`. */
  readonly openers?: Readonly<Record<string, GeneratorOpener>>;
}

/**
 * Opens a model: `openGenerator(executor, folderFiles('runs/icons'))` in Node, `openGenerator(executor, fetchedFiles(url))` in a page.
 *
 * @param executor  where it computes; it has to outlive the generator
 * @throws one line that names the file and what is wrong, or the class and those that can be opened
 * @example
 * import { folderFiles, resolveModel } from 'kuosan/checkpoint';
 * import { openGenerator } from 'kuosan/generators';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 *
 * const executor = createNodeExecutor();
 * const generator = await openGenerator(executor, folderFiles(await resolveModel('noto-32')), { batchSize: 1 });
 * for await (const { done, total, finished } of generator.generate({ seed: 7, sampling: { steps: 4 } }))
 *   if (finished) console.log(`${done} of ${total}: [${finished.shape.join(', ')}]`); // 4 of 4: [1, 3, 32, 32]
 * await executor.dispose();
 */
export async function openGenerator(
  executor: Executor,
  files: ModelFiles,
  { openers = generatorOpeners, ...options }: OpenGeneratorOptions = {},
): Promise<ImageGenerator> {
  return openFiles(executor, files, { openers, ...options });
}

async function openFiles(
  executor: Executor,
  files: ModelFiles,
  {
    openers,
    ...options
  }: Omit<GeneratorContext, 'executor' | 'files' | 'index'> & Required<Pick<OpenGeneratorOptions, 'openers'>>,
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
  return open({ executor, files, index, ...options });
}

/** Opens a cascade: its stages lie in folders, in the order in which model_index.json lists them. */
async function openCascade({ executor, files, index, ...options }: GeneratorContext): Promise<ImageGenerator> {
  const where = `checkpoint ${files.name(indexFile)}`;
  const { stages: names } = parseConfig(cascadeIndexSchema, { stages: index!['stages'] }, where);
  const stages: CascadeStage[] = [];
  // What stages share lies next to them, or in the first where that is a whole pipeline.
  const shared = (await files.has(`${textEncoderFolder}/config.json`)) ? files : filesIn(files, names[0]!);
  try {
    for (const stage of names) {
      const generator = await openFiles(executor, filesIn(files, stage), {
        ...options,
        openers: stageOpeners,
        stage,
        shared,
      });
      stages.push({ generator });
    }
    return cascade(stages);
  } catch (error) {
    for (const { generator } of stages) await generator.dispose();
    throw error;
  }
}

/** Opens a whole DALL·E 2: prior and decoder, and the upsampler behind them where there is one. */
async function openWholeUnCLIP(context: GeneratorContext): Promise<ImageGenerator> {
  const base = await openUnCLIP(context);
  if (!hasUpsampler(context.index!)) return base;
  try {
    return cascade([{ generator: base }, { generator: await openUpsampler(context, base.shape) }]);
  } catch (error) {
    await base.dispose();
    throw error;
  }
}

/** Opens one network with its scheduler: DDPM, a flow, EDM, with classes or an image of low resolution. */
async function openDiffusion({
  executor,
  files,
  index,
  batchSize,
  variant,
  stage,
}: GeneratorContext): Promise<DiffusionGenerator> {
  return modelGenerator(executor, await readModel(files, { variant }, { index }), { batchSize, stage });
}

/** The rows that stand for "without a condition", where the model was trained with label dropout. */
export function nothingOf({ classes }: Pick<LoadedModel, 'classes'>): Conditions {
  return classes === null || classes.nullClass === null ? {} : classConditions([classes.nullClass]);
}

/** A generator of a model that was read. */
export async function modelGenerator(
  executor: Executor,
  model: LoadedModel,
  {
    batchSize,
    stage = samplingStage,
  }: { readonly batchSize?: number | undefined; readonly stage?: string | undefined } = {},
): Promise<DiffusionGenerator> {
  const { network, scheduler, weights, sampling } = model;
  const sampler = await openSampler(executor, {
    network,
    scheduler,
    weights,
    nothing: nothingOf(model),
    sampling: sampling?.[stage] ?? sampling?.[samplingStage],
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
