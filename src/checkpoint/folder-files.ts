/** The files of a model in a folder of this machine. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { kindOf, readWhole } from '../files/durable-files.ts';
import type { FileTensor, Safetensors } from '../formats/safetensors.ts';
import { quoteJson } from '../formats/quote.ts';
import { checksum, firstDamaged } from './checksum.ts';
import type { ModelFiles } from './model-files.ts';
import {
  readOneWeightFile,
  readWeights,
  type ReadWeightsOptions,
  type StoredTensor,
  type StoredWeights,
} from './weight-files.ts';

/** A folder as the place of a model's files; safetensors in it are held to the checksums that they have in them. */
export function folderFiles(dir: string): ModelFiles {
  const name = (path: string) => (path === '' ? dir : join(dir, path));
  return {
    name,
    has: async (path) => (await kindOf(name(path))) === 'file',
    read: (path) => readWhole(name(path), `checkpoint ${name(path)}`),
    list: async (folder) => readdir(name(folder)),
    damage: damageOf,
  };
}

/** What does not match the checksums in a safetensors file. */
export function damageOf({
  tensors,
  offsets,
  metadata: { sha256, crc32 },
}: Safetensors<FileTensor>): string | undefined {
  if (sha256 === undefined || sha256 === checksum(tensors)) return undefined;
  const name = crc32 === undefined ? undefined : firstDamaged(tensors, crc32);
  return name === undefined
    ? 'its tensors do not match the checksum in it'
    : `the values of tensor ${quoteJson(name)} [${tensors.get(name)!.shape.join(', ')}], which begin at byte ${offsets.get(name)}, do not match their checksum`;
}

/** Reads the weights in a folder of this machine; see `readWeights`. */
export async function readWeightFiles(dir: string, options?: ReadWeightsOptions): Promise<StoredWeights> {
  return readWeights(folderFiles(dir), '', options);
}

/**
 * One safetensors file, whose tensors must match the checksum if there is one in it.
 *
 * @throws one line that names the file: missing or damaged
 */
export async function readWeightFile(path: string): Promise<StoredWeights> {
  return readOneWeightFile(folderFiles(dirname(path)), basename(path));
}

/** The tensors of one safetensors file; see `readWeightFile`. */
export async function readTensorFile(path: string): Promise<ReadonlyMap<string, StoredTensor>> {
  return (await readWeightFile(path)).tensors;
}
