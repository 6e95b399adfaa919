import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { noCacheDir } from '../../files/default-cache-dir.ts';
import { keepBounded, markUsed } from '../../files/bounded-folder.ts';
import { updateHash } from './dataset.ts';
import type { DatasetContent } from './dataset.ts';
import { WriteError, writeFileWhole } from '../../files/write-file.ts';

/**
 * A cache file: 8 bytes of magic, the SHA-256 of all that follows (32), the length of the header (4, little-endian),
 * the header in JSON, the pixels. The version stands in the magic: a file of another version is simply rebuilt.
 */
const magic = Buffer.from('KUODATA2');
const preludeLength = magic.length + 32 + 4;

const headerSchema = z.object({
  key: z.string(),
  count: z.int().positive(),
  height: z.int().positive(),
  width: z.int().positive(),
  channels: z.literal([1, 3]),
  ids: z.array(z.string()),
  labels: z.array(z.int().nonnegative()).optional(),
  classNames: z.array(z.string()).optional(),
  captions: z.array(z.string()).optional(),
  tags: z.array(z.array(z.string())).optional(),
  skipped: z.array(z.object({ id: z.string(), reason: z.string() })),
  notes: z.array(z.string()),
});

function lengthBytes(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(length);
  return bytes;
}

function encode(key: string, content: DatasetContent): Uint8Array[] {
  const { images, labels, ...rest } = content;
  const header = Buffer.from(JSON.stringify({ key, ...rest, ...(labels && { labels: [...labels] }) }));
  const length = lengthBytes(header.length);
  const hash = updateHash(createHash('sha256').update(length).update(header), images).digest();
  return [magic, hash, length, header, images];
}

/**
 * The content in the bytes of a cache file, or undefined when they are damaged, of another version, or were made for another key.
 * Never throws, whatever the bytes are.
 */
export function decodeCache(bytes: Uint8Array, key: string): DatasetContent | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < preludeLength || !buffer.subarray(0, magic.length).equals(magic)) return undefined;
  const hash = buffer.subarray(magic.length, magic.length + 32);
  if (
    !updateHash(createHash('sha256'), buffer.subarray(magic.length + 32))
      .digest()
      .equals(hash)
  )
    return undefined;
  const headerEnd = preludeLength + buffer.readUInt32LE(magic.length + 32);
  let json: unknown;
  try {
    json = JSON.parse(buffer.toString('utf8', preludeLength, headerEnd));
  } catch {
    return undefined;
  }
  const parsed = headerSchema.safeParse(json);
  if (!parsed.success || parsed.data.key !== key) return undefined;
  const { key: _key, labels, classNames, captions, tags, ...header } = parsed.data;
  const { count, height, width, channels } = header;
  const images = bytes.subarray(headerEnd);
  const lengths = [header.ids, labels, captions, tags].every((list) => list === undefined || list.length === count);
  if (!lengths || images.length !== count * height * width * channels) return undefined;
  if (labels !== undefined && labels.some((label) => label >= (classNames?.length ?? 0))) return undefined;
  return {
    ...header,
    images,
    ...(labels && { labels: Int32Array.from(labels) }),
    ...(classNames && { classNames }),
    ...(captions && { captions }),
    ...(tags && { tags }),
  };
}

/** Reads in pieces, because one read call takes at most 2 GiB. */
async function readWhole(path: string): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array((await file.stat()).size);
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, Math.min(2 ** 28, bytes.length - done));
      if (bytesRead === 0) return bytes.subarray(0, done);
      done += bytesRead;
    }
    return bytes;
  } finally {
    await file.close();
  }
}

/** Decoded data sets take this much at most, all together. */
const mostBytes = 10e9;

export interface Cached {
  readonly content: DatasetContent;
  readonly fromCache: boolean;
}

/**
 * The content kept under `name` if it was made for `key`, else what `build` makes, kept for the next time.
 *
 * One file stands for one source and one set of options, so a folder that changes replaces its file and leaves none behind.
 * A cache that cannot be written costs the next start its speed and nothing else; a note says so. All files together take
 * `mostBytes` at most: those that were not used for the longest time go.
 *
 * @param cacheDir  undefined keeps nothing
 * @param name  identifies the source and the options; hashed to the file's name
 * @param key   changes whenever the content may have
 */
export async function cached(
  cacheDir: string | undefined,
  name: string,
  key: string,
  build: () => Promise<DatasetContent & { readonly temporary?: boolean }>,
): Promise<Cached> {
  const folder = cacheDir === undefined ? undefined : join(cacheDir, 'data');
  const path = folder && join(folder, `${createHash('sha256').update(name).digest('hex').slice(0, 24)}.bin`);
  const bytes = path && (await readWhole(path).catch(() => undefined));
  const kept = bytes && decodeCache(bytes, key);
  if (path && kept) {
    await markUsed(path);
    return { content: kept, fromCache: true };
  }
  const { temporary, ...content } = await build();
  if (temporary) return { content, fromCache: false };
  const noted = (reason: string): Cached => {
    const note = `${reason}; set KUOSAN_CACHE to a folder that can be written`;
    return { content: { ...content, notes: [...content.notes, note] }, fromCache: false };
  };
  if (!folder || !path) return noted(`decoded images are not cached (${noCacheDir})`);
  try {
    await writeFileWhole(path, encode(key, content));
  } catch (error) {
    if (!(error instanceof WriteError)) throw error;
    return noted(`the cache could not be kept in ${JSON.stringify(cacheDir)} (${error.reason})`);
  }
  await keepBounded(folder, mostBytes);
  return { content, fromCache: false };
}
