import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { FileTensor } from '../formats/safetensors.ts';

/** SHA-256 of the tensors' names, types, shapes and values, whatever their order in the file. */
export function checksum(tensors: ReadonlyMap<string, FileTensor>): string {
  const hash = createHash('sha256');
  for (const [name, { dtype, shape, data }] of byName(tensors)) {
    hash.update(JSON.stringify([name, dtype, shape]));
    hash.update(bytesOf(data));
  }
  return hash.digest('hex');
}

/**
 * What goes into a file with its tensors, so that damage is seen wherever the file is copied: `sha256` of everything, which decides, and a
 * `crc32` of each tensor, which locates the damage.
 */
export function checksums(tensors: ReadonlyMap<string, FileTensor>): {
  readonly sha256: string;
  readonly crc32: string;
} {
  return { sha256: checksum(tensors), crc32: [...byName(tensors)].map(([, tensor]) => crcOf(tensor)).join(' ') };
}

/** The name of the first tensor whose values do not match `checksums`; undefined if all match. */
export function firstDamaged(tensors: ReadonlyMap<string, FileTensor>, crcs: string): string | undefined {
  const recorded = crcs.split(' ');
  return recorded.length === tensors.size
    ? byName(tensors).find(([, tensor], i) => crcOf(tensor) !== recorded[i])?.[0]
    : undefined;
}

function crcOf({ data }: FileTensor): string {
  return crc32(bytesOf(data)).toString(16).padStart(8, '0');
}

function byName(tensors: ReadonlyMap<string, FileTensor>): [string, FileTensor][] {
  return [...tensors.keys()].sort().map((name) => [name, tensors.get(name)!]);
}

function bytesOf(data: FileTensor['data']): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
