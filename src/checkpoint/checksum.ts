import { createHash } from 'node:crypto';
import type { HostArray } from '../core/index.ts';

/** SHA-256 of the tensors' names, types, shapes and values, whatever their order in the file. */
export function checksum(tensors: ReadonlyMap<string, HostArray>): string {
  const hash = createHash('sha256');
  for (const name of [...tensors.keys()].sort()) {
    const { dtype, shape, data } = tensors.get(name)!;
    hash.update(JSON.stringify([name, dtype, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
