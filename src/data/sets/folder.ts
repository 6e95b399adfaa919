import { createHash } from 'node:crypto';
import { readFile, readdir, realpath, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { cached } from './cache.ts';
import type { Cached } from './cache.ts';
import { metadataName, readCaptions, textBeside } from './captions.ts';
import { checkMemory } from './check-memory.ts';
import type { DatasetContent, SkippedImage } from './dataset.ts';
import { ImageError, decodeImage } from '../images/image.ts';
import { decodedAs, type OpenOptions } from '../images/open-options.ts';
import { inParallel } from '../../files/in-parallel.ts';
import { heightAndWidth } from '../images/image-size.ts';
import { describeSystemError } from '../../files/write-file.ts';

/** What is taken for an image by its name; anything else in the folder is left alone. */
const imageExtensions: readonly string[] = ['.png', '.jpg', '.jpeg', '.jfif', '.webp', '.gif', '.svg', '.avif', '.tif', '.tiff'];

interface ImageFile {
  /** Path inside the folder, with `/` on every system. */
  readonly id: string;
  readonly size: number;
  readonly modified: number;
}

interface Listing {
  readonly files: readonly ImageFile[];
  /** What may hold captions: `metadata.jsonl` in any folder, and texts of the same name as an image beside them. */
  readonly metadata: readonly ImageFile[];
  readonly texts: readonly ImageFile[];
  /** Extensions of the files that are no images. */
  readonly others: ReadonlySet<string>;
}

/** Every image below `root`, and what may hold captions, sorted by path; hidden files and folders are left out, links are followed once. */
async function listImages(root: string): Promise<Listing> {
  const paths: string[] = [];
  const others = new Set<string>();
  const metadata: string[] = [];
  const texts: string[] = [];
  const visited = new Set<string>();
  const visit = async (inside: string): Promise<void> => {
    const folder = join(root, inside);
    // A link to a folder above would otherwise go round for ever.
    const real = await realpath(folder);
    if (visited.has(real)) return;
    visited.add(real);
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const id = inside === '' ? entry.name : `${inside}/${entry.name}`;
      const target = entry.isSymbolicLink() ? await stat(join(root, id)).catch(() => undefined) : entry;
      if (target?.isDirectory()) await visit(id);
      else if (target?.isFile()) {
        const extension = extname(entry.name).toLowerCase();
        if (isImage(id)) paths.push(id);
        else {
          others.add(extension || entry.name);
          if (entry.name === metadataName) metadata.push(id);
          else if (extension === '.txt') texts.push(id);
        }
      }
    }
  };
  await visit('');
  // By code units and not by locale: the order decides which picture has which index, on every machine alike.
  const sorted = async (ids: string[]): Promise<ImageFile[]> => {
    ids.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return inParallel(ids.length, 16, async (index): Promise<ImageFile> => {
      const id = ids[index]!;
      const { size, mtimeMs } = await stat(join(root, id));
      return { id, size, modified: mtimeMs };
    });
  };
  const files = await sorted(paths);
  const beside = new Set(paths.map(textBeside));
  return { files, metadata: await sorted(metadata), texts: await sorted(texts.filter((id) => beside.has(id))), others };
}

/**
 * The captions of a folder's images, one for each, without looking at the images.
 *
 * @throws one line if the folder cannot be read, or a line or a file of captions is of no use
 */
export async function readFolderCaptions(folder: string): Promise<{ readonly captions: readonly string[]; readonly notes: readonly string[] }> {
  const { files, metadata, texts } = await listImages(folder).catch((error: unknown) => { throw new Error(`captions ${JSON.stringify(folder)}: ${describeSystemError(error)}`, { cause: error }); });
  const { captions = [], problems: [problem], notes } = await readCaptions(folder, files.map(({ id }) => id), metadata.map(({ id }) => id), texts.map(({ id }) => id));
  if (problem) throw new Error(`captions ${JSON.stringify(join(folder, problem.where))}: ${problem.reason}; mend or remove it`);
  return { captions, notes };
}

/**
 * The image files of a folder and its sub-folders, sorted, or the one file itself.
 *
 * @returns paths that begin with the one given
 * @throws if there is no such path, or no image in the folder
 */
export async function imageFiles(path: string): Promise<string[]> {
  try {
    if ((await stat(path)).isFile()) return [path];
    const { files, others } = await listImages(path);
    if (files.length === 0) throw new Error(noImages(path, others));
    return files.map(({ id }) => join(path, id));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new Error(`images ${JSON.stringify(path)}: ${describeSystemError(error)}`, { cause: error });
  }
}

/** What a folder without images holds instead, and what to give. */
function noImages(folder: string, others: ReadonlySet<string>): string {
  const held = others.size === 0 ? 'it holds no files' : `it holds only ${[...others].sort().slice(0, 5).join(', ')}${others.size > 5 ? ', …' : ''}`;
  return `data ${JSON.stringify(folder)}: no images here or in its sub-folders (${held}); give a folder with PNG, JPEG, WebP, GIF, SVG or AVIF files, or noto-emoji`;
}

/** Classes are the first-level sub-folders, when there are two or more and every image lies in one. */
function classesOf(ids: readonly string[]): Pick<DatasetContent, 'labels' | 'classNames' | 'notes'> {
  const folders = ids.map((id) => (id.includes('/') ? id.slice(0, id.indexOf('/')) : undefined));
  const classNames = [...new Set(folders.filter((folder) => folder !== undefined))].sort();
  if (classNames.length < 2) return { notes: [] };
  const loose = folders.filter((folder) => folder === undefined).length;
  if (loose > 0) {
    return { notes: [`no classes: ${loose} of ${ids.length} images lie beside the ${classNames.length} sub-folders; move them into one`] };
  }
  const places = new Map(classNames.map((name, index) => [name, index]));
  return { labels: Int32Array.from(folders, (folder) => places.get(folder!)!), classNames, notes: [] };
}

/** What is wrong with an image, a text beside one, or a line of metadata (`metadata.jsonl:3`). */
function bad(folder: string, { id, reason }: SkippedImage): Error {
  const wayOut = isImage(id) ? 'remove the file, or leave such files out with --skip-bad' : 'mend or remove it, or do without such captions with --skip-bad';
  return new Error(`data: ${JSON.stringify(join(folder, id))}: ${reason}; ${wayOut}`);
}

function isImage(name: string): boolean {
  return imageExtensions.includes(extname(name).toLowerCase());
}

type Decoded = DatasetContent & { readonly temporary: boolean };

async function decodeAll(folder: string, { files, metadata, texts, others }: Listing, options: OpenOptions): Promise<Decoded> {
  const { size, channels, crop, resample, skipBad, signal, onProgress } = options;
  checkMemory(folder, files.length, size, channels);
  // First: reading text takes a moment, decoding pictures minutes.
  const written = await readCaptions(folder, files.map(({ id }) => id), metadata.map(({ id }) => id), texts.map(({ id }) => id));
  const problem = written.problems[0];
  if (problem !== undefined && !skipBad) throw bad(folder, { id: problem.where, reason: problem.reason });
  const [height, width] = heightAndWidth(size);
  const pixels = height * width * channels;
  const images = new Uint8Array(files.length * pixels);
  const reasons = new Map<number, string>();
  let done = 0;
  let unreadable = false;
  await inParallel(files.length, Math.min(16, Math.max(2, availableParallelism())), async (index) => {
    signal?.throwIfAborted();
    const { id } = files[index]!;
    try {
      const bytes = await readFile(join(folder, id));
      images.set((await decodeImage(bytes, { size, channels, crop, resample })).data, index * pixels);
    } catch (error) {
      const reason = error instanceof ImageError ? error.reason : describeSystemError(error);
      if (!skipBad) throw bad(folder, { id, reason });
      unreadable ||= !(error instanceof ImageError);
      reasons.set(index, reason);
    }
    onProgress?.(++done, files.length);
  });
  const skipped = [...reasons].sort(([a], [b]) => a - b).map(([index, reason]) => ({ id: files[index]!.id, reason }));
  const good = files.flatMap((_, index) => (reasons.has(index) ? [] : [index]));
  if (good.length === 0) {
    throw new Error(`data ${JSON.stringify(folder)}: none of its ${files.length} images can be read; the first, ${skipped[0]!.id}: ${skipped[0]!.reason}`);
  }
  for (const [to, from] of good.entries()) if (to !== from) images.copyWithin(to * pixels, from * pixels, (from + 1) * pixels);
  const ids = good.map((index) => files[index]!.id);
  const classes = classesOf(ids);
  return {
    images: images.subarray(0, good.length * pixels),
    count: good.length,
    height,
    width,
    channels,
    ids,
    ...classes,
    ...(written.captions && { captions: good.map((index) => written.captions![index]!) }),
    ...(written.tags && { tags: good.map((index) => written.tags![index]!) }),
    skipped: [...skipped, ...written.problems.map(({ where, reason }) => ({ id: where, reason }))],
    notes: [...classes.notes, ...written.notes, ...(others.has('.csv') && metadata.length === 0 ? ['captions are read from metadata.jsonl or .txt files, not from .csv'] : [])],
    // A file that could not be read now may be readable the next time, without a new date.
    temporary: unreadable,
  };
}

/**
 * The images of a folder and its sub-folders.
 *
 * @throws if the folder cannot be read, holds no images, or, without `skipBad`, an image cannot be decoded
 */
export async function openFolder(folder: string, options: OpenOptions): Promise<Cached> {
  const { cacheDir } = options;
  let listing: Listing;
  let real: string;
  try {
    listing = await listImages(folder);
    real = await realpath(folder);
  } catch (error) {
    const path = (error as NodeJS.ErrnoException).path ?? folder;
    throw new Error(`data ${JSON.stringify(folder)}: cannot read ${JSON.stringify(path)}: ${describeSystemError(error)}`, { cause: error });
  }
  const { files, others } = listing;
  if (files.length === 0) {
    throw new Error(noImages(folder, others));
  }
  const name = JSON.stringify(['folder', real, ...decodedAs(options)]);
  const key = createHash('sha256').update(JSON.stringify([files, listing.metadata, listing.texts])).digest('hex');
  const result = await cached(cacheDir, name, key, () => decodeAll(folder, listing, options));
  const skipped = result.content.skipped[0];
  // What an earlier start with skipBad left out must still be an error without it.
  if (skipped !== undefined && !options.skipBad) throw bad(folder, skipped);
  return result;
}
