/**
 * A CLIP model in transformers' layout, which Python's `CLIPModel` and `CLIPProcessor.from_pretrained` open.
 *
 *     config.json                both towers' configuration
 *     model.safetensors          the weights; see weight-files.ts for the other ways they come
 *     tokenizer.json             how texts become tokens
 *     tokenizer_config.json      which of them stand around a text
 *     preprocessor_config.json   how images become pixels
 *     README.md                  its card, with Python that uses it
 *
 * Read are also towers alone, weights under OpenAI's names, such weights without a configuration, and the one
 * processor_config.json that transformers 5 writes in the place of preprocessor_config.json.
 */
import { basename, dirname, join } from 'node:path';
import type { HostArrays } from '../core/index.ts';
import { kindOf } from '../files/durable-files.ts';
import { readJsonFile } from '../files/json-file.ts';
import { isObject, jsonText, type JsonObject } from '../formats/json-object.ts';
import { CLIPModel, CLIPVisionModel, CLIPVisionModelWithProjection, type CLIPImageTower } from '../models/clip.ts';
import { clipPreprocessingJson, clipPreprocessingSchema, type ClipPreprocessing } from '../models/clip/preprocess.ts';
import { withFloats } from '../models/config.ts';
import { clipCardText } from './clip-card.ts';
import { clipClassOf, clipClassOfType, clipComponent, type ClipNetwork, readClipWeightFile } from './clip-component.ts';
import { defaultPreprocessing, preprocessorFile } from './clip-preprocessing.ts';
import { folderFiles } from './folder-files.ts';
import { configFile } from './file-names.ts';
import { writeNetworkFolder } from './network-folder.ts';
import { part } from './pipeline-files.ts';
import { checkWholeClip, clipOfPart, readAnyClip, type ClipOfFiles } from './read-clip.ts';
import { tokenizerFile } from './text-encoder-folder.ts';
import { vocabularyFingerprint } from './vocabulary.ts';
import type { ReadWeightsOptions } from './weight-files.ts';

/** A model to be written. */
export interface ClipToWrite {
  readonly model: CLIPModel;
  /** By checkpoint name, f32; exactly the network's. */
  readonly weights: HostArrays;
  /** The content of its `tokenizer.json`. */
  readonly tokenizer?: JsonObject | null;
  /** The fingerprint of the vocabulary that the weights were trained with; default the tokenizer's. */
  readonly vocabulary?: string | null;
  /** Default OpenAI's for color, and 0 … 1 becoming −1 … 1 otherwise. */
  readonly preprocessing?: ClipPreprocessing | null;
  /** How the weights are stored; default f32. */
  readonly dtype?: 'f32' | 'f16';
}

/** A model that was read from a folder. */
export interface LoadedClip<Model extends ClipNetwork = CLIPModel> extends ClipOfFiles<Model> {
  readonly path: string;
}

/**
 * Writes a model's folder, every file flushed to the disk, `config.json` last: a folder that has it is whole.
 *
 * @param dir  made if it is not there
 * @throws if the weights are not the network's, do not fit the dtype, the tokenizer has another vocabulary than they were
 *   trained with, or a file exists already or cannot be written
 */
export async function writeClipFolder(
  dir: string,
  { model, weights, tokenizer = null, vocabulary: known = null, preprocessing = null, dtype }: ClipToWrite,
): Promise<void> {
  checkVocabulary(tokenizer, known, `checkpoint ${dir}: the tokenizer`);
  const { textConfig, visionConfig } = model.config;
  const pixels = clipPreprocessingJson(
    preprocessing ?? defaultPreprocessing(visionConfig.numChannels),
    visionConfig.imageSize,
  );
  await writeNetworkFolder(dir, {
    network: part(clipComponent, {
      network: model,
      weights,
      vocabulary: known ?? (tokenizer && vocabularyFingerprint(tokenizer)),
    }),
    files: {
      ...(tokenizer && {
        [tokenizerFile]: jsonText(tokenizer),
        'tokenizer_config.json': jsonText(tokenizerConfig(tokenizer, textConfig)),
      }),
      [preprocessorFile]: jsonText(withFloats(clipPreprocessingSchema(visionConfig.imageSize), pixels)),
    },
    card: clipCardText(model, tokenizer !== null),
    dtype,
  });
}

/** @throws one line if weights that know their vocabulary are to go with another one */
function checkVocabulary(tokenizer: JsonObject | null, vocabulary: string | null, where: string): void {
  if (tokenizer !== null && vocabulary !== null && vocabularyFingerprint(tokenizer) !== vocabulary)
    throw new Error(
      `${where}: has another vocabulary than the weights were trained with; take the tokenizer.json that came with the model`,
    );
}

/** Settings of transformers' `CLIPTokenizer`, written next to the tokenizer itself. */
function tokenizerConfig(
  tokenizer: JsonObject,
  { bosTokenId, eosTokenId, maxPositionEmbeddings }: CLIPModel['config']['textConfig'],
): JsonObject {
  const { added_tokens: added } = tokenizer;
  const named = (id: number | null) =>
    Array.isArray(added) ? added.filter(isObject).find((token) => token['id'] === id)?.['content'] : undefined;
  const [start, end] = [named(bosTokenId), named(eosTokenId)];
  return {
    tokenizer_class: 'CLIPTokenizer',
    model_max_length: maxPositionEmbeddings,
    ...(start !== undefined && { bos_token: start }),
    ...(end !== undefined && { eos_token: end, pad_token: end, unk_token: end }),
  };
}

/**
 * Reads a whole CLIP model, ours or one that transformers' `save_pretrained` wrote, or OpenAI's weights.
 *
 * @param path  a folder, or a single file of weights, whose configuration is then read from their shapes
 * @throws one line that names the file and what is wrong: missing, damaged, an option that is not supported, tensors that are not those
 *   of the configuration, a tokenizer with another vocabulary than the weights were trained with, or only one tower
 * @example
 * import { readClipFolder, resolveModel } from 'kuosan/checkpoint';
 *
 * const { model, weights } = await readClipFolder(await resolveModel('emoji-clip', { kind: 'clip' }));
 * console.log(model.config.projectionDim, weights.has('logit_scale')); // 128 true
 */
export async function readClipFolder(
  path: string,
  options: Pick<ReadWeightsOptions, 'variant'> = {},
): Promise<LoadedClip> {
  const loaded = await readClipNetwork(path, options);
  const { model, tokenizer, vocabulary } = loaded;
  checkWholeClip(model, path);
  checkVocabulary(tokenizer, vocabulary, `checkpoint ${join(await folderOf(path), tokenizerFile)}`);
  return { ...loaded, model };
}

/**
 * Reads what embeds images: a whole CLIP model, of which the text tower goes unused and the tokenizer unchecked, or an image
 * tower with its projection.
 *
 * @throws one line as `readClipFolder`, or if the model has no such tower
 */
export async function readImageTower(path: string): Promise<LoadedClip<CLIPImageTower>> {
  const { model, ...loaded } = await readClipNetwork(path);
  if (model instanceof CLIPModel || model instanceof CLIPVisionModelWithProjection) return { ...loaded, model };
  throw new Error(
    `checkpoint ${path}: is a ${clipClassOf(model)}, which has no ${model instanceof CLIPVisionModel ? 'projection' : 'image tower'}; give a CLIPModel or a CLIPVisionModelWithProjection`,
  );
}

/** Whether a folder's configuration says that it is of the CLIP family, whole or a tower alone. */
export async function isClipFolder(dir: string): Promise<boolean> {
  const config = join(dir, configFile);
  return (await kindOf(config)) === 'file' && clipClassOfType.has((await readJsonFile(config, config))['model_type']);
}

/** Reads any network of the CLIP family, whole or a tower alone; see `readClipFolder`. */
export async function readClipNetwork(
  path: string,
  { variant }: Pick<ReadWeightsOptions, 'variant'> = {},
): Promise<LoadedClip<ClipNetwork>> {
  const kind = await kindOf(path);
  if (kind === 'nothing') throw new Error(`checkpoint ${path}: there is no such folder`);
  const files = folderFiles(await folderOf(path));
  if (kind === 'folder') return { ...(await readAnyClip(files, { variant, where: path })), path };
  return { ...(await clipOfPart(files, await readClipWeightFile(files, basename(path)))), path };
}

/** The folder, or that of the single file of weights. */
async function folderOf(path: string): Promise<string> {
  return (await kindOf(path)) === 'folder' ? path : dirname(path);
}
