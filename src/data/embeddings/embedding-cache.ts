/** Image embeddings cached on disk, by the images' content and not their path. */
import { createHash } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32c } from '../../formats/crc32c.ts';
import { keepBounded } from '../../files/bounded-folder.ts';
import { noCacheDir } from '../../files/default-cache-dir.ts';
import { appendWhole, writeFileWhole, WriteError } from '../../files/write-file.ts';

/**
 * A cache file: 8 bytes of magic, the number D of a vector's values (4, little-endian); then records of the SHA-256 of an image's file (32), D values of
 * float32 (little-endian) and the CRC-32C of the record so far (4). It only grows; what a crash cut short or damaged is left out when it is read.
 */
const magic = Buffer.from('KUOEMBD1');
const headLength = magic.length + 4;

/** All embeddings take this much at most: four million of a CLIP of 128 dimensions. */
const mostBytes = 2e9;

/** The embeddings of one network. */
export interface EmbeddingCache {
  /** The embedding of an image, or undefined. */
  get(key: string): Float32Array | undefined;
  /** Stores embeddings; a cache that cannot be written costs only speed. */
  add(vectors: readonly (readonly [key: string, vector: Float32Array])[]): Promise<void>;
  readonly size: number;
}

/** What an image is known by: the SHA-256 of its file, in hexadecimal. */
export function contentKey(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Opens the cache of a network.
 *
 * @param cacheDir  undefined keeps nothing
 * @param network  what identifies the network, its weights and how images are brought to it; hashed to the file's name
 * @param dim      D
 * @param note     called once if the cache cannot be kept
 */
export async function openEmbeddingCache(
  cacheDir: string | undefined,
  network: string,
  dim: number,
  note: (line: string) => void = () => {},
): Promise<EmbeddingCache> {
  const folder = cacheDir === undefined ? undefined : join(cacheDir, 'embeddings');
  const path = folder && join(folder, `${createHash('sha256').update(network).digest('hex').slice(0, 24)}.bin`);
  const recordLength = 32 + 4 * dim + 4;
  const vectors = path === undefined ? undefined : await readRecords(path, dim, recordLength);
  let writable = true;
  const stop = (why: string) => {
    writable = false;
    note(`${why}; set KUOSAN_CACHE to a folder that can be written`);
  };
  let whole = vectors !== undefined;
  const known = vectors ?? new Map<string, Float32Array>();
  return {
    get size() {
      return known.size;
    },
    get: (key) => known.get(key),
    async add(entries) {
      const fresh = entries.filter(([key]) => !known.has(key));
      for (const [key, vector] of fresh) known.set(key, vector);
      if (!writable || fresh.length === 0) return;
      if (!folder || !path) {
        stop(`embeddings are not cached (${noCacheDir})`);
        return;
      }
      // More of one network is a search engine's.
      if (known.size * recordLength > mostBytes) {
        writable = false;
        return;
      }
      try {
        const records = fresh.map(([key, vector]) => record(key, vector));
        if (whole) await appendWhole(path, Buffer.concat(records));
        else {
          await mkdir(dirname(path), { recursive: true });
          const dimBytes = Buffer.alloc(4);
          dimBytes.writeUInt32LE(dim);
          await writeFileWhole(path, [magic, dimBytes, ...records]);
          whole = true;
          await keepBounded(folder, mostBytes);
        }
      } catch (error) {
        const reason = error instanceof WriteError ? error.reason : (error as Error).message;
        stop(`embeddings are not cached in ${JSON.stringify(cacheDir)} (${reason})`);
      }
    },
  };
}

function record(key: string, vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(32 + 4 * vector.length + 4);
  bytes.write(key, 'hex');
  vector.forEach((value, i) => bytes.writeFloatLE(value, 32 + 4 * i));
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, bytes.length - 4)), bytes.length - 4);
  return bytes;
}

/** Undefined where there is no file, or one that has to be written anew: of another version, or with an end that was cut short. */
async function readRecords(
  path: string,
  dim: number,
  recordLength: number,
): Promise<Map<string, Float32Array> | undefined> {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const head = Buffer.alloc(headLength);
    const { size } = await file.stat();
    await file.read(head, 0, headLength, 0);
    if (
      !head.subarray(0, magic.length).equals(magic) ||
      head.readUInt32LE(magic.length) !== dim ||
      (size - headLength) % recordLength !== 0
    )
      return undefined;
    const vectors = new Map<string, Float32Array>();
    // In pieces: the file of a large collection is larger than one buffer may be.
    const perPiece = Math.min((size - headLength) / recordLength, Math.max(1, Math.floor(2 ** 24 / recordLength)));
    const piece = Buffer.alloc(perPiece * recordLength);
    for (let at = headLength; at < size;) {
      const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, size - at), at);
      if (bytesRead < recordLength) break;
      const records = Math.floor(bytesRead / recordLength);
      for (let i = 0; i < records; i++) {
        const bytes = piece.subarray(i * recordLength, (i + 1) * recordLength);
        if (crc32c(bytes.subarray(0, recordLength - 4)) !== bytes.readUInt32LE(recordLength - 4)) continue;
        vectors.set(
          bytes.toString('hex', 0, 32),
          Float32Array.from({ length: dim }, (_, k) => bytes.readFloatLE(32 + 4 * k)),
        );
      }
      at += records * recordLength;
    }
    return vectors;
  } finally {
    await file.close();
  }
}
