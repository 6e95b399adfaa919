/** Putting a prior, a decoder and an upsampler together to one folder in the layout of diffusers' `UnCLIPPipeline`. */
import type { HostArrays } from '../core/index.ts';
import { networkProcess } from '../diffusion/index.ts';
import { isObject, jsonText, type JsonObject } from '../formats/json-object.ts';
import { CLIPModel, CLIPVisionModelWithProjection, type CLIPImageTower, type UNet2DModel } from '../models/index.ts';
import { clipPreprocessingJson, clipPreprocessingSchema } from '../models/clip/preprocess.ts';
import { withFloats } from '../models/config.ts';
import { clipComponent, type ClipPart } from './clip-component.ts';
import { preprocessorFile } from './clip-preprocessing.ts';
import {
  autoregressivePriorComponent,
  priorTransformerComponent,
  unclipSchedulerComponent,
  unclipTextProjComponent,
  unet2DComponent,
  unet2DConditionComponent,
  type Component,
} from './component.ts';
import {
  autoregressiveUnCLIPClass,
  configFile,
  decoderClass,
  frozenClipFolder,
  priorClass,
  textEncoderFolder,
  unclipClasses,
} from './file-names.ts';
import { folderFiles } from './folder-files.ts';
import { readImageEncoder, type LoadedImageEncoder } from './image-encoder-folder.ts';
import { readModelFolder } from './model-folder.ts';
import { readFacts } from './model-facts.ts';
import { listedParts, part, type Part } from './pipeline-files.ts';
import { writePipelineFolder } from './pipeline-folder.ts';
import { isPart, readModelIndex, readPart } from './read-model.ts';
import { unclipSchedulerToJson } from './schedulers/unclip.ts';
import { textEncoderContent, type TextEncoderDType } from './text-encoder-component.ts';
import { readTextEncoder, tokenizerConfigFile, tokenizerFile, type LoadedTextEncoder } from './text-encoder-folder.ts';

/** What a DALL·E 2 is put together from: folders of checkpoints. */
export interface UnCLIPSources {
  readonly prior: string;
  readonly decoder: string;
  /** Of a `UNet2DModel` of super-resolution; absent, the decoder's images are the model's. */
  readonly upsampler?: string | undefined;
}

/** How it is stored. */
export interface UnCLIPStorage {
  readonly dtype?: 'f32' | 'f16' | undefined;
  /** Of the text encoder; default that of the others. int8 does not open in Python. */
  readonly textEncoder?: TextEncoderDType | undefined;
}

/** The class of a model folder's index. */
export async function modelClass(dir: string): Promise<unknown> {
  return (await readModelIndex(folderFiles(dir)))?.['_class_name'];
}

/**
 * Writes the folder. `UnCLIPPipeline` and `UnCLIPImageVariationPipeline` of diffusers open it; without an upsampler they open its
 * parts, and do not sample.
 *
 * @param out  made if it is not there
 * @throws one line if a folder holds something else, the parts were trained with different CLIPs, or the upsampler is none that
 *   diffusers' pipelines run
 */
export async function writeUnCLIPFolder(
  out: string,
  { prior, decoder, upsampler }: UnCLIPSources,
  { dtype, textEncoder = dtype ?? 'f32' }: UnCLIPStorage = {},
): Promise<void> {
  const ofPrior = await opened(prior, priorClass);
  const ofDecoder = await opened(decoder, decoderClass);
  const clip = await sharedClip(ofPrior, ofDecoder);
  const where = `checkpoint ${out}`;
  const text = textEncoderContent(clip.text, textEncoder, { where });
  const isOfTokenizer = ([file]: (typeof text)[number]) => file === tokenizerFile || file === tokenizerConfigFile;
  const enlarges = upsampler === undefined ? undefined : await upsamplerParts(upsampler);
  const { settings: priorSettings, sampling: priorSampling } = await readFacts(ofPrior.files);
  const { settings: decoderSettings, sampling: decoderSampling } = await readFacts(ofDecoder.files);
  if (unclipOf(decoderSettings)['decoderCondition'] === 'text')
    throw new Error(
      `checkpoint ${decoder}: the decoder was trained on embeddings of texts (clip.condition text), and a prior draws those of images; sample from it alone (kuosan sample), or take a decoder that was trained with clip.condition image`,
    );
  const isAutoregressive = isPart(ofPrior.index, 'prior', autoregressivePriorComponent.classNames);
  const parts: Record<string, Part> = {
    ...(isAutoregressive
      ? await partsOf(ofPrior, { prior: autoregressivePriorComponent })
      : await partsOf(ofPrior, { prior: priorTransformerComponent, prior_scheduler: unclipSchedulerComponent })),
    ...(await partsOf(ofDecoder, {
      decoder: unet2DConditionComponent,
      text_proj: unclipTextProjComponent,
      decoder_scheduler: unclipSchedulerComponent,
    })),
    [textEncoderFolder]: filesPart(
      'CLIPTextModelWithProjection',
      configFile,
      text.filter((each) => !isOfTokenizer(each)),
    ),
    tokenizer: filesPart('CLIPTokenizer', tokenizerFile, text.filter(isOfTokenizer)),
    image_encoder: part(clipComponent, imageTower(clip.image)),
    feature_extractor: preprocessorPart(clip.image),
    ...enlarges,
  };
  const nothing = [null, null];
  await writePipelineFolder(out, {
    className: isAutoregressive ? autoregressiveUnCLIPClass : unclipClasses[0],
    parts,
    index: {
      ...(isAutoregressive && { _note: autoregressiveNote }),
      ...listedParts(parts),
      ...(!enlarges && { super_res_first: nothing, super_res_last: nothing, super_res_scheduler: nothing }),
    },
    facts: {
      settings: {
        unclip: { ...unclipOf(priorSettings), ...unclipOf(decoderSettings) },
        ...(enlarges && { super_res_last: 'super_res_first' }),
      },
      sampling: { ...priorSampling, ...decoderSampling },
    },
    dtype,
  });
}

/** What the index of a DALL·E 2 with an autoregressive prior says to people: diffusers skips keys that begin with an underscore. */
const autoregressiveNote =
  'diffusers has no autoregressive prior, so its UnCLIPPipeline does not open this folder; kuosan does, and the parts next to `prior` are as diffusers has them';

interface OpenedFolder {
  readonly dir: string;
  readonly files: ReturnType<typeof folderFiles>;
  readonly index: JsonObject;
}

async function opened(dir: string, className: string): Promise<OpenedFolder> {
  const files = folderFiles(dir);
  const index = await readModelIndex(files);
  if (index?.['_class_name'] !== className)
    throw new Error(
      `checkpoint ${dir}: expected a ${className}; give a run of the task ${className === priorClass ? 'prior' : 'decoder'}`,
    );
  return { dir, files, index };
}

/** Parts of a folder, read as they were written. */
async function partsOf(
  { files, index }: OpenedFolder,
  components: Readonly<Record<string, Component<unknown>>>,
): Promise<Record<string, Part>> {
  const read: Record<string, Part> = {};
  for (const [name, component] of Object.entries(components))
    read[name] = part(component, await readPart(files, index, name, component));
  return read;
}

function unclipOf(settings: JsonObject | undefined): JsonObject {
  const own = settings?.['unclip'];
  return isObject(own) ? own : {};
}

/** @throws if the two were trained with different CLIPs: the embeddings of one mean nothing to the other */
async function sharedClip(
  prior: OpenedFolder,
  decoder: OpenedFolder,
): Promise<{ readonly text: LoadedTextEncoder; readonly image: LoadedImageEncoder }> {
  const read = async ({ files }: OpenedFolder) => ({
    text: await readTextEncoder(files, { folder: frozenClipFolder }),
    image: await readImageEncoder(files, frozenClipFolder),
  });
  const [ofPrior, ofDecoder] = [await read(prior), await read(decoder)];
  if (
    !sameWeights(ofPrior.text.weights, ofDecoder.text.weights) ||
    !sameWeights(ofPrior.image.weights, ofDecoder.image.weights)
  )
    throw new Error(
      `checkpoint ${prior.dir}: was trained with another CLIP than ${decoder.dir}; the embeddings of one mean nothing to the other: train both with one (clip.model)`,
    );
  return ofPrior;
}

function sameWeights(a: HostArrays, b: HostArrays): boolean {
  return (
    a.size === b.size &&
    [...a].every(([name, { data }]) => {
      const other = b.get(name)?.data;
      return other?.length === data.length && data.every((value, i) => value === other[i]);
    })
  );
}

function filesPart(className: string, file: string, files: ReturnType<Part['files']>): Part {
  return { className, library: 'transformers', file, files: () => files };
}

/** The image tower alone. */
function imageTower({ model, weights }: LoadedImageEncoder): ClipPart {
  if (!(model instanceof CLIPModel)) return { network: model, weights, vocabulary: null };
  const { visionConfig, projectionDim } = model.config;
  return {
    network: new CLIPVisionModelWithProjection({ ...visionConfig, projectionDim }),
    weights: new Map([...weights].filter(([name]) => /^(vision_model|visual_projection)\./.test(name))),
    vocabulary: null,
  };
}

function preprocessorPart({ model, preprocessing }: LoadedImageEncoder): Part {
  const size = imageSizeOf(model);
  const json = clipPreprocessingJson(preprocessing, size);
  return filesPart('CLIPImageProcessor', preprocessorFile, [
    [preprocessorFile, jsonText(withFloats(clipPreprocessingSchema(size), json))],
  ]);
}

function imageSizeOf(model: CLIPImageTower): number {
  return model instanceof CLIPModel ? model.config.visionConfig.imageSize : model.config.imageSize;
}

/** Whether a model is an upsampler that diffusers' pipelines run; else why not. */
export async function upsamplerObstacle(dir: string): Promise<string | undefined> {
  const className = await modelClass(dir);
  if (className !== undefined && !['DDPMPipeline', 'DDIMPipeline', 'UNet2DModel'].includes(className as string))
    return `it is a ${String(className)}, and UnCLIPPipeline runs a UNet2DModel without a text`;
  const { network, scheduler, superResolution, classes } = await readModelFolder(dir);
  if (!superResolution) return 'it enlarges no images (objective.superResolution)';
  if (classes !== null) return 'it has classes, which UnCLIPPipeline does not pass';
  if (superResolution.upsampling !== 'bicubic_antialias')
    return `it was trained on images enlarged by "${superResolution.upsampling}", and UnCLIPPipeline enlarges them by "bicubic_antialias" (objective.superResolution.upsampling)`;
  try {
    unclipSchedulerToJson(scheduler, 'it');
  } catch (error) {
    return (error as Error).message;
  }
  const { inChannels, outChannels } = (network as UNet2DModel).config;
  const channels = networkProcess(scheduler).varianceType === 'learned_range' ? outChannels / 2 : outChannels;
  return inChannels === 2 * channels ? undefined : `it takes ${inChannels} channels, expected ${2 * channels}`;
}

async function upsamplerParts(dir: string): Promise<Record<string, Part>> {
  const obstacle = await upsamplerObstacle(dir);
  if (obstacle !== undefined) throw new Error(`checkpoint ${dir}: is no upsampler of UnCLIPPipeline: ${obstacle}`);
  const { network, weights, scheduler } = await readModelFolder(dir);
  // The pipeline has a network of its own for the last step.
  const unet = part(unet2DComponent, { network: network as UNet2DModel, weights });
  return {
    super_res_first: unet,
    super_res_last: unet,
    super_res_scheduler: part(unclipSchedulerComponent, scheduler),
  };
}
