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
import { dirname, join } from 'node:path';
import type { HostArray, HostArrays } from '../core/index.ts';
import { quoteJson } from '../formats/quote.ts';
import {
  CLIPModel,
  CLIPTextModel,
  CLIPTextModelWithProjection,
  CLIPVisionModel,
  CLIPVisionModelWithProjection,
  type CLIPImageTower,
} from '../models/clip.ts';
import { clipConfigSchema, clipConfig, clipTextConfig, clipVisionConfig } from '../models/clip/config.ts';
import { configFromShapes, fromOpenAINames, hasOpenAINames } from '../models/clip/openai-names.ts';
import {
  clipPreprocessing,
  clipPreprocessingJson,
  openAIPreprocessing,
  clipPreprocessingSchema,
  type ClipPreprocessing,
} from '../models/clip/preprocess.ts';
import { legacyEosTokenId } from '../models/clip/text-tower.ts';
import { snakeCaseKeys, withFloats } from '../models/config.ts';
import { clipCardText } from './clip-card.ts';
import { kindOf, makeFolder, writeNewFile } from '../files/durable-files.ts';
import { readJsonFile } from '../files/json-file.ts';
import { isObject, jsonText, type JsonObject } from '../formats/json-object.ts';
import { configFile, indexFile } from './file-names.ts';
import { cardFile } from './model-card.ts';
import { writeNetworkFolder, type NetworkToWrite } from './network-folder.ts';
import { vocabularyFingerprint } from './vocabulary.ts';
import { readWeightFile, readWeightFiles } from './folder-files.ts';
import { type ReadWeightsOptions, type StoredTensor, type StoredWeights } from './weight-files.ts';
import { moduleWeights } from './weights.ts';

const tokenizerFile = 'tokenizer.json';
const preprocessorFile = 'preprocessor_config.json';
const processorFile = 'processor_config.json';
/** Where the file of the weights says which vocabulary they were trained with. */
const vocabularyKey = 'vocabulary_sha256';

/** A model to be written. */
export interface ClipToWrite extends Pick<NetworkToWrite, 'dtype'> {
  readonly model: CLIPModel;
  /** By checkpoint name, f32; exactly the network's. */
  readonly weights: HostArrays;
  /** The content of its `tokenizer.json`. */
  readonly tokenizer?: JsonObject | null;
  /** The fingerprint of the vocabulary that the weights were trained with; default the tokenizer's. */
  readonly vocabulary?: string | null;
  /** Default OpenAI's for color, and 0 … 1 becoming −1 … 1 otherwise. */
  readonly preprocessing?: ClipPreprocessing | null;
}

/** The networks of the CLIP family by the class they have in transformers. */
const classes = {
  CLIPModel,
  CLIPTextModel,
  CLIPTextModelWithProjection,
  CLIPVisionModel,
  CLIPVisionModelWithProjection,
} as const;
/** A class of the CLIP family. */
export type ClipClass = keyof typeof classes;
/** A network of the CLIP family. */
export type ClipNetwork = InstanceType<(typeof classes)[ClipClass]>;

/** A model that was read. */
export interface LoadedClip<Model extends ClipNetwork = CLIPModel> {
  readonly model: Model;
  /** By transformers' names, f32 whatever is stored. The arrays may share memory. */
  readonly weights: Map<string, HostArray>;
  /** The content of its `tokenizer.json`, or null if it has none. */
  readonly tokenizer: JsonObject | null;
  /** What identifies the vocabulary that the weights were trained with (see `vocabularyFingerprint`), or null if they do not say. */
  readonly vocabulary: string | null;
  /** Null for a text tower alone. */
  readonly preprocessing: ClipPreprocessing | null;
  readonly path: string;
}

/** Numbers of a model that never said how it sees its images. */
function defaultPreprocessing(channels: number): ClipPreprocessing {
  const half = new Array<number>(channels).fill(0.5);
  return channels === 3 ? openAIPreprocessing : { imageMean: half, imageStd: half };
}

/**
 * Writes a model's folder, every file flushed to the disk, `config.json` last: a folder that has it is whole.
 *
 * An end token of 2, as early checkpoints have it wrongly, is written as the vocabulary's last one, at which such texts are read.
 *
 * @param dir  made if it is not there
 * @throws if the weights are not the network's, do not fit the dtype, the tokenizer has another vocabulary than they were
 *   trained with, or a file exists already or cannot be written
 */
export async function writeClipFolder(
  dir: string,
  { model, weights, tokenizer = null, vocabulary: known = null, preprocessing = null, dtype = 'f32' }: ClipToWrite,
): Promise<void> {
  const {
    textConfig: { ...textConfig },
    visionConfig,
    ...own
  } = model.config;
  if (textConfig.eosTokenId === legacyEosTokenId) textConfig.eosTokenId = textConfig.vocabSize - 1;
  if ((await kindOf(join(dir, configFile))) !== 'nothing')
    throw new Error(`checkpoint ${dir}: holds a model already; give another folder`);
  checkVocabulary(tokenizer, known, `checkpoint ${dir}: the tokenizer`);
  const vocabulary = known ?? (tokenizer && vocabularyFingerprint(tokenizer));
  await makeFolder(dir);
  const tower = (model_type: string, config: JsonObject) => ({
    model_type,
    ...snakeCaseKeys({ ...config, projectionDim: own.projectionDim }),
  });
  if (tokenizer) {
    await writeNewFile(join(dir, tokenizerFile), jsonText(tokenizer));
    await writeNewFile(join(dir, 'tokenizer_config.json'), jsonText(tokenizerConfig(tokenizer, textConfig)));
  }
  await writeNewFile(
    join(dir, preprocessorFile),
    jsonText(
      withFloats(
        clipPreprocessingSchema(visionConfig.imageSize),
        clipPreprocessingJson(preprocessing ?? defaultPreprocessing(visionConfig.numChannels), visionConfig.imageSize),
      ),
    ),
  );
  await writeNewFile(join(dir, cardFile), clipCardText(model, tokenizer !== null));
  await writeNetworkFolder(dir, {
    module: model,
    weights,
    dtype,
    ...(vocabulary !== null && { metadata: { [vocabularyKey]: vocabulary } }),
    schema: clipConfigSchema,
    config: {
      architectures: ['CLIPModel'],
      model_type: 'clip',
      ...snakeCaseKeys(own),
      text_config: tower('clip_text_model', textConfig),
      vision_config: tower('clip_vision_model', visionConfig),
    },
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
 */
export async function readClipFolder(
  path: string,
  options: Pick<ReadWeightsOptions, 'variant'> = {},
): Promise<LoadedClip> {
  const loaded = await readClipNetwork(path, options);
  if (loaded.model instanceof CLIPModel) {
    const { model, tokenizer, vocabulary } = loaded;
    checkVocabulary(tokenizer, vocabulary, `checkpoint ${join(await folderOf(path), tokenizerFile)}`);
    return { ...loaded, model };
  }
  const missing = loaded.model instanceof CLIPTextModel ? 'image' : 'text';
  throw new Error(
    `checkpoint ${path}: is a ${loaded.model.constructor.name}, which has no ${missing} tower; give a whole CLIPModel`,
  );
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
    `checkpoint ${path}: is a ${model.constructor.name}, which has no ${model instanceof CLIPVisionModel ? 'projection' : 'image tower'}; give a CLIPModel or a CLIPVisionModelWithProjection`,
  );
}

/** Whether a folder's configuration says that it is of the CLIP family, whole or a tower alone. */
export async function isClipFolder(dir: string): Promise<boolean> {
  const config = join(dir, configFile);
  return (await kindOf(config)) === 'file' && classOfType.has((await readJsonFile(config, config))['model_type']);
}

/** Reads any network of the CLIP family, whole or a tower alone; see `readClipFolder`. */
export async function readClipNetwork(
  path: string,
  { variant }: Pick<ReadWeightsOptions, 'variant'> = {},
): Promise<LoadedClip<ClipNetwork>> {
  const kind = await kindOf(path);
  if (kind === 'nothing') throw new Error(`checkpoint ${path}: there is no such folder`);
  const dir = await folderOf(path);
  const configPath = join(dir, configFile);
  const configAt = `checkpoint ${configPath}`;
  if (kind === 'folder' && (await kindOf(join(path, indexFile))) === 'file')
    throw new Error(
      `checkpoint ${path}: holds a model that generates images (${indexFile}), expected a CLIP; give the folder or the run of one`,
    );
  const json = (await kindOf(configPath)) === 'file' ? await readJsonFile(configPath, configAt) : null;
  const className = json === null ? 'CLIPModel' : classOf(json, configAt);
  const stored =
    kind === 'folder'
      ? await readWeightFiles(path, { library: 'transformers', className, variant })
      : await readWeightFile(path);
  const tensors = underOurNames(stored, className);
  const config = json ?? configFromShapes(tensors, stored.where);

  checkDepth(config, tensors.size, configAt);
  const model = build(className, config, json === null ? stored.where : configAt);
  const weights = moduleWeights(
    model,
    tensors,
    stored.where,
    json === null
      ? undefined
      : `the weights are not of the network in ${configPath}: get both from one place, or take another checkpoint`,
  );
  return {
    model,
    weights,
    tokenizer: await optionalJson(join(dir, tokenizerFile)),
    vocabulary: stored.metadata[vocabularyKey] ?? null,
    preprocessing: await readPreprocessing(dir, model),
    path,
  };
}

/** The folder, or that of the single file of weights. */
async function folderOf(path: string): Promise<string> {
  return (await kindOf(path)) === 'folder' ? path : dirname(path);
}

/** What `model_type` says where the class itself is not named. */
const classOfType = new Map<unknown, ClipClass>([
  ['clip', 'CLIPModel'],
  ['clip_text_model', 'CLIPTextModel'],
  ['clip_vision_model', 'CLIPVisionModel'],
]);

function isClipClass(name: string): name is ClipClass {
  return Object.hasOwn(classes, name);
}

function classOf({ architectures, model_type: type }: JsonObject, where: string): ClipClass {
  const found: unknown = Array.isArray(architectures) ? architectures[0] : classOfType.get(type);
  if (typeof found !== 'string' || !isClipClass(found))
    throw new Error(
      `${where}: the class is ${quoteJson(found ?? type, 'not said')}, expected one of ${Object.keys(classes).join(', ')}`,
    );
  return found;
}

/** Before a network is built from a number that may be damaged: every layer has tensors of its own. */
function checkDepth(config: JsonObject, tensors: number, where: string): void {
  for (const part of [config, config['text_config'], config['vision_config']]) {
    const layers = isObject(part) ? part['num_hidden_layers'] : undefined;
    if (typeof layers === 'number' && layers > tensors)
      throw new Error(`${where}: asks for ${layers} layers, the weights hold only ${tensors} tensors`);
  }
}

function build(className: ClipClass, json: JsonObject, where: string): ClipNetwork {
  try {
    switch (className) {
      case 'CLIPModel':
        return new CLIPModel(clipConfig(json, where));
      case 'CLIPTextModel':
      case 'CLIPTextModelWithProjection':
        return new classes[className](clipTextConfig(json, where));
      case 'CLIPVisionModel':
      case 'CLIPVisionModelWithProjection':
        return new classes[className](clipVisionConfig(json, where));
    }
  } catch (error) {
    if (error instanceof Error && !error.message.startsWith(where))
      throw new Error(`${where}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** Positions that early checkpoints stored, and we count. */
const counted = /\.position_ids$/;

function underOurNames({ tensors, where }: StoredWeights, className: ClipClass): Map<string, StoredTensor> {
  const renamed = hasOpenAINames(tensors.keys()) ? fromOpenAINames(tensors, where) : tensors;
  // transformers 5 stores a tower without projection without the tower's name.
  const tower = className === 'CLIPTextModel' ? 'text_model.' : className === 'CLIPVisionModel' ? 'vision_model.' : '';
  const prefix = [...renamed.keys()].some((name) => name.startsWith(tower)) ? '' : tower;
  return new Map([...renamed].filter(([name]) => !counted.test(name)).map(([name, tensor]) => [prefix + name, tensor]));
}

async function optionalJson(path: string): Promise<JsonObject | null> {
  return (await kindOf(path)) === 'nothing' ? null : readJsonFile(path, `checkpoint ${path}`);
}

async function readPreprocessing(dir: string, model: ClipNetwork): Promise<ClipPreprocessing | null> {
  if (model instanceof CLIPTextModel) return null;
  const config = model instanceof CLIPModel ? model.config.visionConfig : model.config;
  // Where both are there, transformers goes by this one.
  const inside = (await optionalJson(join(dir, processorFile)))?.['image_processor'];
  if (isObject(inside))
    return clipPreprocessing(inside, config, `checkpoint ${join(dir, processorFile)}.image_processor`);
  const json = await optionalJson(join(dir, preprocessorFile));
  // Who leaves the file out has transformers' default in mind.
  return json === null
    ? { ...defaultPreprocessing(config.numChannels), resample: 'bicubic' }
    : clipPreprocessing(json, config, `checkpoint ${join(dir, preprocessorFile)}`);
}
