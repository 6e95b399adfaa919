/**
 * A text encoder in transformers' layout, with what sentence-transformers says siblings, wherever its files lie.
 *
 *     config.json                 the network
 *     model.safetensors           its weights; see weight-files.ts for the other ways they come
 *     model.int8.safetensors      or these, in int8; see int8-weights.ts
 *     tokenizer.json              how texts become tokens
 *     tokenizer_config.json       the most tokens of a text (model_max_length)
 *     modules.json                which steps follow: pooling, normalization
 *     1_Pooling/config.json       how a text's tokens become one vector
 *     sentence_bert_config.json   the most tokens of a text, and whether it is read in lower case
 */
import type { HostArrays } from '../core/index.ts';
import { isObject, parseJsonList, type JsonObject } from '../formats/json-object.ts';
import { quoteJson } from '../formats/quote.ts';
import { fromOpenAINames, hasOpenAINames } from '../models/clip/openai-names.ts';
import {
  textEncoderClasses,
  textEncoderClassOf,
  textEncoderNetwork,
  type TextEncoderNetwork,
} from '../models/text-encoder.ts';
import { configFile } from './file-names.ts';
import { inside, readModelJson, type ModelFiles } from './model-files.ts';
import { readWeights, type StoredTensor, type StoredWeights } from './weight-files.ts';
import { moduleWeights } from './weights.ts';

/** How texts become tokens. */
export const tokenizerFile = 'tokenizer.json';
/** What transformers' tokenizer is set to. */
export const tokenizerConfigFile = 'tokenizer_config.json';
/** Which steps follow the network, as sentence-transformers has it. */
export const modulesFile = 'modules.json';
/** How sentence-transformers has texts read. */
export const sentenceFile = 'sentence_bert_config.json';

/** How a text's hidden states become one vector: that of the first token, the largest of each value, means. */
export type PoolingMode = 'cls' | 'max' | 'mean' | 'mean_sqrt_len';

/** How a text becomes one vector. */
export interface TextPooling {
  /** One or several, one after the other; none is the network's own embedding. */
  readonly modes: readonly PoolingMode[];
  /** Whether the vector is divided by its length. */
  readonly normalize: boolean;
}

/** A text encoder that was read. */
export interface LoadedTextEncoder {
  readonly network: TextEncoderNetwork;
  /** By checkpoint name, f32 whatever is stored. The arrays may share memory. */
  readonly weights: HostArrays;
  /** The content of its `tokenizer.json`. */
  readonly tokenizer: JsonObject;
  /** The content of its `tokenizer_config.json`, for Python; null if it has none. */
  readonly tokenizerConfig: JsonObject | null;
  readonly pooling: TextPooling;
  /** The most tokens of a text by default, those around it counted. */
  readonly maxLength: number;
  /** Whether texts are brought to lower case before the tokenizer has them. */
  readonly lowercase: boolean;
  /** How messages call the folder. */
  readonly path: string;
  /** How messages call the tokenizer's file. */
  readonly tokenizerPath: string;
}

/** P, the values of a text's one vector. */
export function pooledWidthOf({ network, pooling: { modes } }: Pick<LoadedTextEncoder, 'network' | 'pooling'>): number {
  return modes.length === 0 ? network.pooledWidth! : modes.length * network.width;
}

/** Options of `readTextEncoder`. */
export interface ReadTextEncoderOptions {
  /** Where it lies in the place, such as `text_encoder` in a folder of diffusers; default the place itself. */
  readonly folder?: string;
  /** Where its tokenizer lies; default next to it, or in `tokenizer` where diffusers has it. */
  readonly tokenizerFolder?: string;
  /** Which of several sets of weights to read, such as `fp16`; see `readWeights`. */
  readonly variant?: string | undefined;
}

/** The most tokens of a text where neither files nor positions bound it, as of T5. */
const unboundedLength = 512;
/** A larger number is none that anybody means: Python writes 1e30 where nothing bounds a text. */
const longestLength = 65_536;

/**
 * Reads a text encoder that transformers' or sentence-transformers' `save_pretrained` wrote: BERT and its kind, T5, CLIP's text tower.
 *
 *     readTextEncoder(folderFiles('all-MiniLM-L6-v2'))
 *     readTextEncoder(fetchedFiles('https://example.com/icons'), { folder: 'text_encoder' })
 *
 * @throws one line that names the file and what is wrong: missing, damaged, a class, an option or a step that is not supported, tensors
 *   that are not those of the configuration
 */
export async function readTextEncoder(
  files: ModelFiles,
  { folder = '', tokenizerFolder, variant }: ReadTextEncoderOptions = {},
): Promise<LoadedTextEncoder> {
  const steps = await readSteps(files, folder);
  const own = steps?.transformer === undefined ? folder : within(folder, steps.transformer);
  const configPath = inside(own, configFile);
  const where = `checkpoint ${files.name(configPath)}`;
  if (!(await files.has(configPath)))
    throw new Error(
      `checkpoint ${files.name(own)}: there is no ${configFile}, so this is no text encoder; give a folder that transformers' save_pretrained wrote`,
    );
  const json = withoutQuantization(await readModelJson(files, configPath), where);
  const className = textEncoderClassOf(json);
  if (className === undefined)
    throw new Error(
      `${where}: the class is ${quoteJson(json['architectures'] ?? json['model_type'], 'not said')}, expected one of ${textEncoderClasses.join(', ')}`,
    );
  const [tokenizerPath, folderOfTokenizer] = await findTokenizer(files, own, folder, tokenizerFolder);
  const tokenizer = await readModelJson(files, tokenizerPath);

  const stored = await readWeights(files, own, { variant, library: 'transformers', className });
  checkDepth(json, stored.tensors.size, where);
  const network = textEncoderNetwork(className, json, where);
  const weights = moduleWeights(
    network.module,
    underOurNames(stored, network),
    stored.where,
    `the weights are not of the network in ${files.name(configPath)}: get both from one place, or take another checkpoint`,
  );

  const sentence = await optionalJson(files, inside(own, sentenceFile));
  const tokenizing = await optionalJson(files, inside(folderOfTokenizer, tokenizerConfigFile));
  return {
    network,
    weights,
    tokenizer,
    tokenizerConfig: tokenizing ?? null,
    pooling: steps?.pooling ?? { modes: network.pooledWidth === null ? ['mean'] : [], normalize: false },
    maxLength: shortest([sentence?.['max_seq_length'], tokenizing?.['model_max_length'], network.context]),
    lowercase: sentence?.['do_lower_case'] === true,
    path: files.name(folder),
    tokenizerPath: files.name(tokenizerPath),
  };
}

/** What config.json says of weights in int8. */
export const int8Quantization = { quant_method: 'kuosan-int8' } as const;

/** @throws one line if the weights are quantized in another way than ours, which only its own library reads */
function withoutQuantization({ quantization_config: found, ...json }: JsonObject, where: string): JsonObject {
  const method = isObject(found) ? found['quant_method'] : found;
  if (method !== undefined && method !== null && method !== int8Quantization.quant_method)
    throw new Error(
      `${where}: the weights are quantized by ${quoteJson(method)}, expected none or ${JSON.stringify(int8Quantization.quant_method)}; take the model before quantization`,
    );
  return json;
}

/** A folder named in a file of another folder. */
function within(folder: string, path: string): string {
  return path === '' ? folder : inside(folder, path);
}

async function optionalJson(files: ModelFiles, path: string): Promise<JsonObject | undefined> {
  return (await files.has(path)) ? readModelJson(files, path) : undefined;
}

/** Before a network is built from a number that may be damaged: every layer has tensors of its own. */
function checkDepth(json: JsonObject, tensors: number, where: string): void {
  for (const part of [json, json['text_config']]) {
    if (!isObject(part)) continue;
    const layers = part['num_hidden_layers'] ?? part['num_layers'];
    if (typeof layers === 'number' && layers > tensors)
      throw new Error(`${where}: asks for ${layers} layers, the weights hold only ${tensors} tensors`);
  }
}

function underOurNames({ tensors, where }: StoredWeights, network: TextEncoderNetwork): Map<string, StoredTensor> {
  const published = hasOpenAINames(tensors.keys()) ? fromOpenAINames(tensors, where) : tensors;
  const ours = new Map<string, StoredTensor>();
  for (const [name, tensor] of published) {
    const known = network.tensorName(name);
    if (known !== null) ours.set(known, tensor);
  }
  // A writer that stores tied tensors once may keep the other name of T5's table.
  const table = published.get('encoder.embed_tokens.weight');
  if (network.className === 'T5EncoderModel' && table && !ours.has('shared.weight')) ours.set('shared.weight', table);
  return ours;
}

/** The least of what says how long a text may be. */
function shortest(lengths: readonly unknown[]): number {
  const said = lengths.filter(
    (length): length is number =>
      typeof length === 'number' && Number.isInteger(length) && length >= 2 && length <= longestLength,
  );
  return said.length === 0 ? unboundedLength : Math.min(...said);
}

async function findTokenizer(
  files: ModelFiles,
  own: string,
  folder: string,
  chosen: string | undefined,
): Promise<readonly [path: string, folder: string]> {
  // diffusers keeps the second encoder's in tokenizer_2.
  const sibling = folder.replace(/text_encoder(?=(_\d+)?$)/, 'tokenizer');
  const candidates = chosen === undefined ? [...new Set([own, folder, sibling])] : [chosen];
  for (const candidate of candidates) {
    const path = inside(candidate, tokenizerFile);
    if (await files.has(path)) return [path, candidate];
  }
  throw new Error(
    `checkpoint ${files.name(candidates.at(-1)!)}: there is no ${tokenizerFile}; write one in Python: AutoTokenizer.from_pretrained(…).save_pretrained(${JSON.stringify(files.name(candidates.at(-1)!))})`,
  );
}

/** What modules.json says: where the network is, and what follows it. */
interface Steps {
  /** The folder of the network in that of the whole. */
  readonly transformer: string;
  readonly pooling: TextPooling;
}

async function readSteps(files: ModelFiles, folder: string): Promise<Steps | undefined> {
  const path = inside(folder, modulesFile);
  if (!(await files.has(path))) return undefined;
  const where = `checkpoint ${files.name(path)}`;
  let transformer: string | undefined;
  let modes: readonly PoolingMode[] = ['mean'];
  let normalize = false;
  for (const step of parseJsonList(await files.read(path), where)) {
    const { type, path: at } = isObject(step) ? step : {};
    // A name from a file that was downloaded must not lead out of the folder.
    if (typeof at !== 'string' || !/^[\w-]*$/.test(at))
      throw new Error(`${where}: a step lies in ${quoteJson(at, 'no folder')}, expected the name of a folder`);
    // Version 5 of sentence-transformers has other folders between the two names.
    const kind = typeof type === 'string' && type.startsWith('sentence_transformers.') ? type.split('.').at(-1) : type;
    if (kind === 'Transformer') transformer = at;
    else if (kind === 'Pooling') modes = await readPooling(files, inside(within(folder, at), configFile));
    else if (kind === 'Normalize') normalize = true;
    else
      throw new Error(
        `${where}: the step ${quoteJson(type, 'without a type')} is not supported; expected Transformer, Pooling and Normalize`,
      );
  }
  if (transformer === undefined) throw new Error(`${where}: has no step of the type Transformer`);
  return { transformer, pooling: { modes, normalize } };
}

/** sentence-transformers' switches, in the order in which it puts their vectors one after the other. */
export const poolingSwitches: readonly (readonly [key: string, mode: PoolingMode])[] = [
  ['pooling_mode_cls_token', 'cls'],
  ['pooling_mode_max_tokens', 'max'],
  ['pooling_mode_mean_tokens', 'mean'],
  ['pooling_mode_mean_sqrt_len_tokens', 'mean_sqrt_len'],
];

async function readPooling(files: ModelFiles, path: string): Promise<readonly PoolingMode[]> {
  const json = await readModelJson(files, path);
  const where = `checkpoint ${files.name(path)}`;
  const other = Object.keys(json).find(
    (key) => key.startsWith('pooling_mode_') && json[key] === true && !poolingSwitches.some(([known]) => known === key),
  );
  const modes = poolingSwitches.filter(([key]) => json[key] === true).map(([, mode]) => mode);
  if (other !== undefined || modes.length === 0)
    throw new Error(
      `${where}: ${other === undefined ? 'no way of pooling is switched on' : `${other} is not supported`}; expected ${poolingSwitches.map(([key]) => key).join(', ')}`,
    );
  return modes;
}
