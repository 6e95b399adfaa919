/** Text to image in the layout of diffusers' `IFPipeline` and `IFSuperResolutionPipeline`. */
import { dirname, resolve } from 'node:path';
import {
  folderFiles,
  ifClasses,
  listedParts,
  modelClass,
  part,
  readFacts,
  readModelIndex,
  readPart,
  readTextEncoder,
  schedulerComponent,
  textEncoderContent,
  textEncoderFolder,
  textToImageClass,
  thresholdedSchedulerComponent,
  tokenizerConfigFile,
  tokenizerFile,
  unet2DConditionComponent,
  writePipelineFolder,
  type LoadedTextEncoder,
  type Part,
  type TextEncoderDType,
} from '../checkpoint/index.ts';
import { networkProcess, timestepSpacings } from '../diffusion/index.ts';
import { makeFolder } from '../files/durable-files.ts';
import { isObject, jsonText, type JsonObject } from '../formats/json-object.ts';
import { samplingStage, textToImageFacts, textToImageSettings } from '../generators/index.ts';

/** How a stage is stored. */
export interface IFStorage {
  readonly dtype: 'f32' | 'f16';
  /** Of the text encoder, which Python does not open in int8; null leaves it to another stage. */
  readonly textEncoder: TextEncoderDType | null;
}

/** Why diffusers' pipelines of DeepFloyd IF do not sample a stage as it was trained; undefined if they do. */
export async function ifObstacle(dir: string): Promise<string | undefined> {
  const className = await modelClass(dir);
  if (className !== textToImageClass) return `it is a ${String(className)}, and they are of text to image`;
  const files = folderFiles(dir);
  const facts = textToImageFacts(await readFacts(files), files.name('kuosan.json'));
  if (facts.reading !== 'deepfloyd-if')
    return 'it attends to no padding, and they pass no mask (text.reading: deepfloyd-if)';
  const index = (await readModelIndex(files))!;
  const scheduler = await readPart(files, index, 'scheduler', schedulerComponent);
  if (networkProcess(scheduler).varianceType !== 'learned_range')
    return 'its network predicts no variance, which they split from its output (scheduler.varianceType: learned_range)';
  const encoder = await readTextEncoder(files, { folder: textEncoderFolder });
  if (encoder.network.className !== 'T5EncoderModel')
    return `its text encoder is a ${encoder.network.className}, and theirs a T5EncoderModel (text.encoder)`;
  const { network } = await readPart(files, index, 'unet', unet2DConditionComponent);
  const [height, width = height] = [network.config.sampleSize].flat();
  if (height !== width) return `its images are ${width}×${height}, and they make square ones (data.size)`;
  const { superResolution } = facts;
  if (superResolution && superResolution.upsampling !== 'bilinear_align_corners')
    return `it was trained on images enlarged by "${superResolution.upsampling}", and they enlarge by "bilinear_align_corners" (objective.superResolution.upsampling)`;
  return undefined;
}

/**
 * Writes a stage as `IFPipeline`, or as `IFSuperResolutionPipeline` if it enlarges images.
 *
 * @param dir  a stage without an `ifObstacle`
 * @param out  made if it is not there
 * @returns    the class that opens it
 */
export async function writeIFFolder(dir: string, out: string, { dtype, textEncoder }: IFStorage): Promise<string> {
  const files = folderFiles(dir);
  const index = (await readModelIndex(files))!;
  const read = await readFacts(files);
  const facts = textToImageFacts(read, files.name('kuosan.json'));
  const scheduler = await readPart(files, index, 'scheduler', schedulerComponent);
  const sampling = read.sampling?.[samplingStage] ?? {};
  const { dynamicThresholding } = sampling;
  const spacing = timestepSpacings.find((name) => name === sampling.spacing);
  const parts: Record<string, Part> = {
    unet: part(unet2DConditionComponent, await readPart(files, index, 'unet', unet2DConditionComponent)),
    scheduler: part(thresholdedSchedulerComponent, {
      scheduler,
      sampling: { ...(spacing && { spacing }), ...(dynamicThresholding && { dynamicThresholding }) },
    }),
    ...(facts.superResolution && {
      image_noising_scheduler: part(thresholdedSchedulerComponent, { scheduler, sampling: {} }),
    }),
    ...(textEncoder !== null &&
      textParts(await readTextEncoder(files, { folder: textEncoderFolder }), textEncoder, out)),
  };
  const nothing = [null, null];
  await makeFolder(dirname(resolve(out)));
  const className = facts.superResolution ? ifClasses.superResolution : ifClasses.base;
  await writePipelineFolder(out, {
    className,
    parts,
    index: {
      ...listedParts(parts),
      ...(textEncoder === null && { [textEncoderFolder]: nothing, tokenizer: nothing }),
      feature_extractor: nothing,
      safety_checker: nothing,
      watermarker: nothing,
      requires_safety_checker: false,
    },
    facts: { settings: textToImageSettings(facts), sampling: { [samplingStage]: sampling } },
    dtype,
  });
  return className;
}

function textParts(encoder: LoadedTextEncoder, dtype: TextEncoderDType, out: string): Record<string, Part> {
  const content = textEncoderContent(encoder, dtype, { where: `checkpoint ${out}` });
  const isNetwork = ([file]: (typeof content)[number]) => file === 'config.json' || file.endsWith('.safetensors');
  return {
    [textEncoderFolder]: {
      className: encoder.network.className,
      library: 'transformers',
      file: 'config.json',
      files: () => content.filter(isNetwork),
    },
    tokenizer: {
      // The one that takes tokenizer.json as it is: T5Tokenizer makes another of its vocabulary.
      className: 'PreTrainedTokenizerFast',
      library: 'transformers',
      file: tokenizerFile,
      files: () => [
        ...content.filter(([file]) => file === tokenizerFile),
        [tokenizerConfigFile, jsonText(tokenizerSettings(encoder))],
      ],
    },
  };
}

/** What transformers' tokenizer is set to, with the tokens that it pads and ends texts with. */
function tokenizerSettings({
  network: { config },
  tokenizer,
  tokenizerConfig,
  maxLength,
}: LoadedTextEncoder): JsonObject {
  const { tokenizer_class: _, ...said } = tokenizerConfig ?? { model_max_length: maxLength };
  const { padTokenId, eosTokenId } = config as { readonly padTokenId?: unknown; readonly eosTokenId?: unknown };
  const [pad, eos] = [tokenOf(tokenizer, padTokenId), tokenOf(tokenizer, eosTokenId)];
  return { ...(pad !== undefined && { pad_token: pad }), ...(eos !== undefined && { eos_token: eos }), ...said };
}

/** The token of a number in a tokenizer.json. */
function tokenOf({ model, added_tokens: added }: JsonObject, id: unknown): string | undefined {
  const vocab = isObject(model) ? model['vocab'] : undefined;
  const listed = Array.isArray(added) ? added.find((token) => isObject(token) && token['id'] === id) : undefined;
  if (isObject(listed) && typeof listed['content'] === 'string') return listed['content'];
  if (Array.isArray(vocab) && typeof id === 'number') return (vocab[id] as [string] | undefined)?.[0];
  return isObject(vocab) ? Object.keys(vocab).find((token) => vocab[token] === id) : undefined;
}
