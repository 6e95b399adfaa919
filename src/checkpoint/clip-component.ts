/** A network of the CLIP family as a part: the whole model, or a tower alone, with transformers' configuration and tensor names. */
import { isObject, jsonText, type JsonObject } from '../formats/json-object.ts';
import { quoteJson } from '../formats/quote.ts';
import { safetensorsParts } from '../formats/safetensors.ts';
import {
  CLIPModel,
  CLIPTextModel,
  CLIPTextModelWithProjection,
  CLIPVisionModel,
  CLIPVisionModelWithProjection,
} from '../models/clip.ts';
import {
  clipConfig,
  clipConfigSchema,
  clipTextConfig,
  clipTextConfigSchema,
  type CLIPTextConfig,
  clipVisionConfig,
  clipVisionConfigSchema,
  type CLIPVisionConfig,
} from '../models/clip/config.ts';
import { configFromShapes, fromOpenAINames, hasOpenAINames } from '../models/clip/openai-names.ts';
import { legacyEosTokenId } from '../models/clip/text-tower.ts';
import { snakeCaseKeys, withFloats } from '../models/config.ts';
import type { Component, NetworkPart } from './component.ts';
import { configFile } from './file-names.ts';
import { inside, type ModelFiles, readModelJson } from './model-files.ts';
import {
  readOneWeightFile,
  readWeights,
  type StoredTensor,
  type StoredWeights,
  weightsFileNames,
} from './weight-files.ts';
import { moduleWeights, storedWeights } from './weights.ts';

/** Where the file of the weights says which vocabulary they were trained with. */
const vocabularyKey = 'vocabulary_sha256';

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

/** A network of the CLIP family with its weights. */
export interface ClipPart<Network extends ClipNetwork = ClipNetwork> extends NetworkPart<Network> {
  /** What identifies the vocabulary that the weights were trained with (see `vocabularyFingerprint`), or null if they do not say. */
  readonly vocabulary: string | null;
}

/**
 * The part that a CLIP, or a tower of one, is. Weights may have OpenAI's names, and such weights may come without a
 * configuration. An end token of 2, as early checkpoints have it wrongly, is written as the vocabulary's last one, at which such
 * texts are read.
 */
export const clipComponent: Component<ClipPart> = {
  library: 'transformers',
  classNames: Object.keys(classes),
  file: configFile,
  className: ({ network }) => clipClassOf(network),
  async read(files, folder, { variant } = {}) {
    const path = inside(folder, configFile);
    const where = `checkpoint ${files.name(path)}`;
    const json = (await files.has(path)) ? await readModelJson(files, path) : null;
    const className = json === null ? 'CLIPModel' : statedClass(json, where);
    const stored = await readWeights(files, folder, { library: 'transformers', className, variant });
    return clipPart(stored, className, json === null ? undefined : { json, path: files.name(path) });
  },
  write({ network, weights, vocabulary }, { dtype = 'f32', where, metadata = () => ({}) }) {
    const stored = storedWeights(network, weights, dtype, where);
    const parts = safetensorsParts(
      { types: stored, read: async (name) => stored.get(name)! },
      { ...(vocabulary !== null && { [vocabularyKey]: vocabulary }), format: 'pt', ...metadata(stored) },
    );
    return [
      [configFile, jsonText(configJson(network) as JsonObject)],
      [weightsFileNames.transformers, parts],
    ];
  },
};

/** One file of weights, whose configuration is read from their shapes where there is no `config.json` next to it. */
export async function readClipWeightFile(files: ModelFiles, file: string): Promise<ClipPart> {
  const where = `checkpoint ${files.name(configFile)}`;
  const json = (await files.has(configFile)) ? await readModelJson(files, configFile) : null;
  const className = json === null ? 'CLIPModel' : statedClass(json, where);
  const stored = await readOneWeightFile(files, file);
  return clipPart(stored, className, json === null ? undefined : { json, path: files.name(configFile) });
}

/** The class of a network of the CLIP family. */
export function clipClassOf(network: ClipNetwork): ClipClass {
  return (Object.keys(classes) as ClipClass[]).find((name) => network.constructor === classes[name])!;
}

/** @param stated  what its config.json says, and the file's path; absent, the shapes say it */
function clipPart(
  stored: StoredWeights,
  className: ClipClass,
  stated: { readonly json: JsonObject; readonly path: string } | undefined,
): ClipPart {
  const where = stated ? `checkpoint ${stated.path}` : stored.where;
  const tensors = underOurNames(stored, className);
  const config = stated?.json ?? configFromShapes(tensors, stored.where);
  checkDepth(config, tensors.size, where);
  const network = build(className, config, where);
  const weights = moduleWeights(
    network,
    tensors,
    stored.where,
    stated &&
      `the weights are not of the network in ${stated.path}: get both from one place, or take another checkpoint`,
  );
  return { network, weights, vocabulary: stored.metadata[vocabularyKey] ?? null };
}

/** transformers' config.json. */
function configJson(network: ClipNetwork): unknown {
  const architectures = [clipClassOf(network)];
  if (network instanceof CLIPModel) {
    const { textConfig, visionConfig, ...own } = network.config;
    const { projectionDim } = own;
    return withFloats(clipConfigSchema, {
      architectures,
      model_type: 'clip',
      ...snakeCaseKeys(own),
      text_config: textJson({ ...textConfig, projectionDim }),
      vision_config: visionJson({ ...visionConfig, projectionDim }),
    });
  }
  return network instanceof CLIPTextModel
    ? withFloats(clipTextConfigSchema, { architectures, ...textJson(network.config) })
    : withFloats(clipVisionConfigSchema, { architectures, ...visionJson(network.config) });
}

function textJson(config: CLIPTextConfig): JsonObject {
  const eosTokenId = config.eosTokenId === legacyEosTokenId ? config.vocabSize - 1 : config.eosTokenId;
  return { model_type: 'clip_text_model', ...snakeCaseKeys({ ...config, eosTokenId }) };
}

function visionJson(config: CLIPVisionConfig): JsonObject {
  return { model_type: 'clip_vision_model', ...snakeCaseKeys({ ...config }) };
}

/** What `model_type` says where the class itself is not named. */
export const clipClassOfType: ReadonlyMap<unknown, ClipClass> = new Map<unknown, ClipClass>([
  ['clip', 'CLIPModel'],
  ['clip_text_model', 'CLIPTextModel'],
  ['clip_vision_model', 'CLIPVisionModel'],
]);

function isClipClass(name: string): name is ClipClass {
  return Object.hasOwn(classes, name);
}

function statedClass({ architectures, model_type: type }: JsonObject, where: string): ClipClass {
  const found: unknown = Array.isArray(architectures) ? architectures[0] : clipClassOfType.get(type);
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
