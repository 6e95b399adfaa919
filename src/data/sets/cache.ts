import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asidePath } from '../../files/aside-path.ts';
import { noCacheDir } from '../../files/default-cache-dir.ts';
import { keepBounded, markUsed } from '../../files/bounded-folder.ts';
import { makeFolder, syncFolder } from '../../files/durable-files.ts';
import { describeSystemError } from '../../files/system-reason.ts';
import { checkWritable, WriteError, writeFileWhole } from '../../files/write-file.ts';
import { imagesAtPlaces, imagesInMemory, type ImageStore } from '../images/image-store.ts';
import { checkMemory, gigabytes } from './check-memory.ts';
import { fingerprintOf } from './dataset.ts';
import { StoredImages, storedImagesParts } from './stored-images.ts';
import {
  headerOf,
  mostInMemory,
  openKept,
  type Decoded,
  type ImageSpace,
  type Kept,
  type Undecoded,
} from './kept-images.ts';

/** A data set from the cache, or made for it. */
export interface Cached extends Kept {
  readonly fromCache: boolean;
}

/** Decoded data sets take this much at most, all together. */
const mostBytes = 10e9;

/**
 * The content kept under `name` if it was made for `key`, else what `find` finds, decoded and kept for the next time. Pixels of more than
 * `mostInMemory` bytes stay in the file and are read when they are asked for.
 *
 * One file stands for one source and one set of options, so a folder that changes replaces its file and leaves none behind.
 * A cache that cannot be written costs the next start its speed and nothing else, as long as the pixels fit into memory; a note says so.
 * All files together take `mostBytes` at most: those that were not used for the longest time go.
 *
 * @param cacheDir  undefined keeps nothing
 * @param name  identifies the source and the options; hashed to the file's name
 * @param key   changes whenever the content may have
 * @throws if there is room for the pixels neither in the folder nor in memory
 */
export async function cached(
  cacheDir: string | undefined,
  name: string,
  key: string,
  find: () => Undecoded,
): Promise<Cached> {
  const path =
    cacheDir === undefined
      ? undefined
      : join(cacheDir, 'data', `${createHash('sha256').update(name).digest('hex').slice(0, 24)}.images`);
  const kept = path === undefined ? undefined : openKept(path, key);
  if (path !== undefined && kept) {
    await markUsed(path);
    return { ...kept, fromCache: true };
  }
  const images = find();
  if (path === undefined) return inMemory(images, `decoded images are not cached (${noCacheDir})`);
  if (bytesOf(images) <= mostInMemory) return inMemory(images, undefined, { path, key });
  const problem = await problemOf(path, bytesOf(images));
  if (problem !== undefined) return inMemory(images, `decoded images are held in memory and not cached (${problem})`);
  return inFile(images, { path, key });
}

/** Where what is built is kept, and under which key. */
interface Keeping {
  readonly path: string;
  readonly key: string;
}

async function inMemory(
  { decode, ...space }: Undecoded,
  problem: string | undefined,
  keeping?: Keeping,
): Promise<Cached> {
  checkMemory(space, problem);
  const size = bytesOf(space) / space.count;
  const pixels = new Uint8Array(bytesOf(space));
  const decoded = await decode((index, image) => pixels.set(image, index * size));
  const { content, fingerprint } = contentOf(space, decoded, imagesInMemory(pixels, size));
  const noted = (reason: string): Cached => {
    const note = `${reason}; set KUOSAN_CACHE to a folder that can be written`;
    return { content: { ...content, notes: [...content.notes, note] }, fingerprint, fromCache: false };
  };
  if (problem !== undefined) return noted(problem);
  if (keeping && !decoded.temporary) {
    const { path, key } = keeping;
    try {
      await writeFileWhole(path, storedImagesParts(pixels, size, headerOf(key, space, decoded, fingerprint)));
    } catch (error) {
      if (!(error instanceof WriteError)) throw error;
      return noted(`the cache could not be kept in ${JSON.stringify(cacheDirOf(path))} (${error.reason})`);
    }
    await keepBounded(dirname(path), mostBytes);
  }
  return { content, fingerprint, fromCache: false };
}

/** Decodes into the file, which gets its name when it is whole. */
async function inFile({ decode, ...space }: Undecoded, { path, key }: Keeping): Promise<Cached> {
  const aside = asidePath(path);
  let images: StoredImages | undefined;
  try {
    await makeFolder(dirname(path));
    const file = (images = StoredImages.create(aside, path, space.count, bytesOf(space) / space.count));
    const decoded = await decode((index, image) => file.put(index, image));
    const { content, fingerprint } = contentOf(space, decoded, file);
    if (decoded.temporary) await rm(aside);
    else {
      file.seal(headerOf(key, space, decoded, fingerprint));
      await rename(aside, path);
      await syncFolder(dirname(path));
      await keepBounded(dirname(path), mostBytes);
    }
    return { content, fingerprint, fromCache: false };
  } catch (error) {
    images?.close();
    await rm(aside, { force: true }).catch(() => {});
    if (!(error instanceof WriteError)) throw error;
    throw new Error(
      `data ${JSON.stringify(space.source)}: the decoded images cannot be kept in ${JSON.stringify(cacheDirOf(path))} (${error.reason}); set KUOSAN_CACHE to a folder with ${gigabytes(bytesOf(space))} free`,
      { cause: error },
    );
  }
}

function bytesOf({ count, height, width, channels }: ImageSpace): number {
  return count * height * width * channels;
}

function cacheDirOf(path: string): string {
  return dirname(dirname(path));
}

/** What is in the way of a file of so many bytes; undefined if nothing is. */
async function problemOf(path: string, bytes: number): Promise<string | undefined> {
  try {
    await checkWritable(path);
    let folder = dirname(path);
    while (!existsSync(folder)) folder = dirname(folder);
    const { bavail, bsize } = await statfs(folder);
    if (bavail * bsize > bytes) return undefined;
    return `they take ${gigabytes(bytes)}, ${JSON.stringify(cacheDirOf(path))} has ${gigabytes(bavail * bsize)} free`;
  } catch (error) {
    return `${JSON.stringify(cacheDirOf(path))}: ${error instanceof WriteError ? error.reason : describeSystemError(error)}`;
  }
}

function contentOf(
  { height, width, channels }: ImageSpace,
  { places, temporary: _, ...decoded }: Decoded,
  store: ImageStore,
): Kept {
  const images = places ? imagesAtPlaces(store, places) : store;
  const content = { ...decoded, images, height, width, channels };
  return { content, fingerprint: fingerprintOf(content) };
}
