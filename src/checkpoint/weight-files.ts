/**
 * The weights of one model in a folder, in every way that diffusers stores them, or transformers under the name `model`:
 *
 *     diffusion_pytorch_model.safetensors                    one file
 *     diffusion_pytorch_model.safetensors.index.json         which tensor is in which shard …
 *     diffusion_pytorch_model-00001-of-00002.safetensors     … and the shards
 *     diffusion_pytorch_model.fp16.safetensors               a variant, here in half precision
 *     diffusion_pytorch_model.safetensors.index.fp16.json    a variant in shards
 *
 * Tensors in int8 with scales (int8-weights.ts) are floats when they are read.
 */
import { quoteJson } from '../formats/quote.ts';
import { type FileTensor, readSafetensors, type Safetensors } from '../formats/safetensors.ts';
import { isObject } from '../formats/json-object.ts';
import type { HostArray } from '../core/index.ts';
import { dequantized } from './int8-weights.ts';
import { inside, type ModelFiles, readModelJson } from './model-files.ts';

/** How a library names the files of a model's weights. */
interface Naming {
  /** The one file that we write. */
  readonly file: string;
  readonly single: RegExp;
  readonly index: RegExp;
  readonly pickled: RegExp;
}

function naming(stem: string, pickle: string): Naming {
  return {
    file: `${stem}.safetensors`,
    single: new RegExp(`^${stem}(?:\\.([\\w-]+))?\\.safetensors$`),
    index: new RegExp(`^${stem}\\.safetensors\\.index(?:\\.([\\w-]+))?\\.json$`),
    pickled: new RegExp(`^${pickle}.*\\.bin(?:\\.index.*\\.json)?$`),
  };
}

const namings = {
  diffusers: naming('diffusion_pytorch_model', 'diffusion_pytorch_model'),
  transformers: naming('model', 'pytorch_model'),
} as const;

/** The names of the one file that we write, by the library that opens it. */
export const weightsFileNames = { diffusers: namings.diffusers.file, transformers: namings.transformers.file } as const;

/** The variant of weights in int8 (int8-weights.ts). Under another name than the plain one, Python does not take whole numbers for weights. */
export const int8Variant = 'int8';

/** The name of a variant's file: `model.fp16.safetensors`. */
export function variantFile(file: string, variant: string): string {
  return file.replace(/\.safetensors$/, `.${variant}.safetensors`);
}

const shardEnd = /-\d+-of-\d+$/;

/** Options of `readWeights`. */
export interface ReadWeightsOptions {
  /** The name of a variant, such as `fp16`; default the weights without a name, or the only variant there is. */
  readonly variant?: string | undefined;
  /** Whose names the files have; default diffusers'. */
  readonly library?: keyof typeof namings;
  /** The class that converts pickled weights in Python; default UNet2DModel. */
  readonly className?: string;
}

/** A tensor, and where its values begin: at which byte, and of which shard if there are shards. */
export type StoredTensor = HostArray & { readonly place: string };

/** Everything that was stored. */
export interface StoredWeights {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The file's metadata; none for shards. */
  readonly metadata: Readonly<Record<string, string>>;
  /** How messages call the place: the file, or the index of the shards. */
  readonly where: string;
}

/**
 * Reads the weights in a folder of a model.
 *
 * @param folder  '' for the place itself
 * @throws one line that names the file: no weights, pickled ones, a variant that is not there, a shard that is missing, damaged or not what
 *   the index says
 */
export async function readWeights(
  files: ModelFiles,
  folder: string,
  options: ReadWeightsOptions = {},
): Promise<StoredWeights> {
  const { file, index } = namings[options.library ?? 'diffusers'];
  const { variant } = options;
  const likely =
    variant === undefined ? [file, `${file}.index.json`, variantFile(file, int8Variant)] : [variantFile(file, variant)];
  const name = chooseFile(await files.list(folder, likely), files.name(folder), options);
  const path = inside(folder, name);
  return index.test(name)
    ? { tensors: await readShards(files, folder, path), metadata: {}, where: `checkpoint ${files.name(path)}` }
    : readOneWeightFile(files, path);
}

/** The file to begin with: an index or, where there is none, the one file. */
function chooseFile(
  files: readonly string[],
  folder: string,
  { variant, library = 'diffusers', className = 'UNet2DModel' }: ReadWeightsOptions,
): string {
  const { file: weightsFile, single, index, pickled } = namings[library];
  const found = new Map<string, string>();
  for (const pattern of [single, index]) {
    for (const file of files) {
      const match = pattern.exec(file);
      // Where both are there, diffusers reads the shards.
      if (match && !shardEnd.test(match[1] ?? '')) found.set(match[1] ?? '', file);
    }
  }
  const variants = [...found.keys()].filter((name) => name !== '').sort();
  const chosen =
    found.get(variant ?? '') ?? (variant === undefined && variants.length === 1 ? found.get(variants[0]!) : undefined);
  if (chosen) return chosen;

  const where = `checkpoint ${folder}`;
  if (variant !== undefined && found.size > 0) {
    const there = [...(found.has('') ? ['weights without a variant (leave it out)'] : []), ...variants].join(', ');
    throw new Error(`${where}: there is no variant ${JSON.stringify(variant)} of the weights; there are ${there}`);
  }
  if (variants.length > 1)
    throw new Error(
      `${where}: the weights come in the variants ${variants.join(', ')}; choose one (--variant ${variants[0]})`,
    );
  const pickle = files.find((file) => pickled.test(file));
  if (pickle) {
    throw new Error(
      `${where}: there is no ${weightsFile}, only pickled weights (${pickle}), which Python alone can read; convert them there: ${className}.from_pretrained(${JSON.stringify(folder)}, use_safetensors=False).save_pretrained(${JSON.stringify(folder)})`,
    );
  }
  throw new Error(`${where}: there is no ${weightsFile}`);
}

/**
 * One safetensors file, whose tensors must match the checksum if there is one in it.
 *
 * @throws one line that names the file: missing or damaged
 */
export async function readOneWeightFile(files: ModelFiles, path: string): Promise<StoredWeights> {
  const where = `checkpoint ${files.name(path)}`;
  const bytes = await files.read(path);
  let file: Safetensors<FileTensor>;
  try {
    file = readSafetensors(bytes, { int8: true });
  } catch (error) {
    throw new Error(`${where}: is damaged; get it again or take another checkpoint (${(error as Error).message})`, {
      cause: error,
    });
  }
  const damage = files.damage?.(file);
  if (damage !== undefined) throw new Error(`${where}: is damaged, ${damage}; get it again or take another checkpoint`);
  const tensors = new Map(
    [...dequantized(file.tensors, where)].map(([name, tensor]) => [
      name,
      { ...tensor, place: `at byte ${file.offsets.get(name)}` },
    ]),
  );
  return { tensors, metadata: file.metadata, where };
}

async function readShards(files: ModelFiles, folder: string, indexPath: string): Promise<Map<string, StoredTensor>> {
  const where = `checkpoint ${files.name(indexPath)}`;
  const { weight_map: placed } = await readModelJson(files, indexPath);
  if (!isObject(placed) || Object.keys(placed).length === 0)
    throw new Error(`${where}: expected a weight_map from tensors to shards, got ${quoteJson(placed, 'none')}`);
  const shards = new Map<string, string[]>();
  for (const [name, file] of Object.entries(placed)) {
    // A name from a file that was downloaded must not lead out of the folder.
    if (typeof file !== 'string' || !/^[\w.-]+\.safetensors$/.test(file))
      throw new Error(
        `${where}: tensor ${quoteJson(name)} is placed in ${quoteJson(file)}, expected the name of a .safetensors file next to the index`,
      );
    shards.set(file, [...(shards.get(file) ?? []), name]);
  }

  const present = new Set(await files.list(folder, [...shards.keys()]));
  for (const [file, names] of shards) {
    if (!present.has(file))
      throw new Error(
        `${where}: the shard ${file} is not there, with ${names.length === 1 ? 'one tensor' : `${names.length} tensors`} of the network; get it from where the others are from`,
      );
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [file, names] of shards) {
    const { tensors: held } = await readOneWeightFile(files, inside(folder, file));
    const missing = names.find((name) => !held.has(name));
    if (missing !== undefined)
      throw new Error(
        `${where}: tensor ${quoteJson(missing)} should be in ${file}, which has no such tensor; get index and shards from one place`,
      );
    const extra = [...held.keys()].find((name) => placed[name] !== file);
    if (extra !== undefined)
      throw new Error(
        `checkpoint ${files.name(inside(folder, file))}: holds tensor ${quoteJson(extra)}, which the index ${placed[extra] === undefined ? 'does not name' : `places in ${quoteJson(placed[extra])}`}; get index and shards from one place`,
      );
    for (const name of names) tensors.set(name, { ...held.get(name)!, place: `${held.get(name)!.place} of ${file}` });
  }
  return tensors;
}
