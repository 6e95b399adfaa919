import { createHash } from 'node:crypto';
import { readFile, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cached } from './cache.ts';
import type { Cached } from './cache.ts';
import { metadataName, notesOfMissing, readCaptions, type CaptionFiles } from './captions.ts';
import type { DatasetContent, SkippedImage } from './dataset.ts';
import type { Decoded } from './kept-images.ts';
import type { Bitmap } from '../images/bitmap.ts';
import { decodedTogether, decodeImage, ImageError, imageFormats } from '../images/image.ts';
import type { PutImage } from '../images/image-store.ts';
import { decodedAs, type OpenOptions } from '../images/open-options.ts';
import { inParallel } from '../../files/in-parallel.ts';
import { heightAndWidth } from '../images/image-size.ts';
import { describeSystemError } from '../../files/system-reason.ts';
import { listedSplits } from './folder-splits.ts';
import { isImage, listImages, noteOtherImages, noteRuns, type ImageFile, type Listing } from './list-images.ts';

/** The part of a folder that is a data set: all of it, or its train split. */
interface Part extends Omit<Listing, 'others' | 'runs'> {
  /** What stands before the classes in paths: nothing, or `train/`. */
  readonly within: string;
  /** Images of other splits. */
  readonly elsewhere: readonly string[];
  readonly notes: readonly string[];
}

/**
 * @param folder  as the user called it
 * @throws if the folder's splits are all held-out ones
 */
function partOf(folder: string, { others, runs, ...listing }: Listing): Part {
  const { folders, alone } = listedSplits(listing);
  const notes = [noteOtherImages(others) ?? [], noteRuns(runs) ?? []].flat();
  if (!alone) {
    const train = folders.length > 1 ? folders.find(({ split }) => split === 'train') : undefined;
    const note = `${names(folders)} are classes here, since other folders lie next to them; give ${join(folder, train?.name ?? '')} to read one as a split`;
    return { ...listing, within: '', elsewhere: [], notes: train ? [...notes, note] : notes };
  }
  const train = folders.find(({ split }) => split === 'train');
  const paths = (parts: readonly { readonly name: string }[]) =>
    parts.map(({ name }) => join(folder, name)).join(' or ');
  if (train === undefined) {
    throw new Error(
      `data ${JSON.stringify(folder)}: ${folders.length === 1 ? `it holds the split ${folders[0]!.name} and` : `its folders are the splits ${names(folders)}, and it has`} no train; give ${paths(folders)}`,
    );
  }
  const rest = folders.filter((each) => each !== train);
  const isElsewhere = ({ id }: { readonly id: string }) =>
    rest.some(({ name }) => id === name || id.startsWith(`${name}/`));
  const here = <T extends { readonly id: string }>(files: readonly T[]) => files.filter((file) => !isElsewhere(file));
  return {
    files: here(listing.files),
    metadata: here(listing.metadata),
    texts: here(listing.texts),
    unreadable: here(listing.unreadable),
    within: `${train.name}/`,
    elsewhere: listing.files.filter(isElsewhere).map(({ id }) => id),
    notes:
      rest.length === 0
        ? notes
        : [
            `its folders ${names(folders)} are splits, of which ${train.name} is read; give ${paths(rest)} for ${rest.length === 1 ? 'the other' : 'another'}`,
            ...notes,
          ],
  };
}

function names(folders: readonly { readonly name: string }[]): string {
  return folders.map(({ name }) => name).join(', ');
}

function captionFiles({ files, metadata, texts, elsewhere }: Part): CaptionFiles {
  const ids = (list: readonly ImageFile[]) => list.map(({ id }) => id);
  return { images: ids(files), metadata: ids(metadata), texts: ids(texts), elsewhere };
}

/**
 * The captions of a folder's images, one for each, without looking at the images.
 *
 * @throws one line if the folder cannot be read, or a line or a file of captions is of no use
 */
export async function readFolderCaptions(
  folder: string,
): Promise<{ readonly captions: readonly string[]; readonly notes: readonly string[] }> {
  const listing = await listImages(folder).catch((error: unknown) => {
    throw new Error(`captions ${JSON.stringify(folder)}: ${describeSystemError(error)}`, { cause: error });
  });
  const part = partOf(folder, listing);
  const {
    captions = [],
    problems: [problem],
    notes,
  } = await readCaptions(folder, captionFiles(part));
  if (problem)
    throw new Error(`captions ${JSON.stringify(join(folder, problem.where))}: ${problem.reason}; mend or remove it`);
  const [unreadable] = part.unreadable;
  if (unreadable) throw bad(folder, unreadable);
  const missing =
    captions.length === 0
      ? []
      : notesOfMissing(
          part.files.map(({ id }) => id),
          captions,
        );
  return { captions, notes: [...part.notes, ...notes, ...missing] };
}

/** Image files of a folder. */
export interface ImageFiles {
  /** Paths that begin with the one given, sorted. */
  readonly files: readonly string[];
  /** Files and folders that cannot be read. */
  readonly skipped: readonly SkippedImage[];
  readonly notes: readonly string[];
}

/**
 * The image files of a folder and its sub-folders, of all its splits, or the one file itself.
 *
 * @param skipBad  leave out what cannot be read, instead of failing
 * @throws if there is no such path, no image in the folder, or one that cannot be read
 */
export async function imageFiles(
  path: string,
  { skipBad = false }: { readonly skipBad?: boolean } = {},
): Promise<ImageFiles> {
  try {
    if ((await stat(path)).isFile()) return { files: [path], skipped: [], notes: [] };
    const { files, unreadable, others, runs } = await listImages(path);
    if (unreadable.length > 0 && !skipBad) throw bad(path, unreadable[0]!);
    if (files.length === 0) throw noImages(path, others, unreadable);
    return {
      files: files.map(({ id }) => join(path, id)),
      skipped: unreadable.map(({ id, reason }) => ({ id: join(path, id), reason })),
      notes: [noteOtherImages(others) ?? [], noteRuns(runs) ?? []].flat(),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new Error(`images ${JSON.stringify(path)}: ${describeSystemError(error)}`, { cause: error });
  }
}

/** What a folder without images holds instead, and what to give. */
function noImages(folder: string, others: Listing['others'], [first]: readonly SkippedImage[]): Error {
  if (first)
    return new Error(
      `data ${JSON.stringify(folder)}: none of its images can be read; the first, ${first.id}: ${first.reason}`,
    );
  const held =
    others.size === 0
      ? 'it holds no files'
      : `it holds only ${[...others.keys()].sort().slice(0, 5).join(', ')}${others.size > 5 ? ', …' : ''}`;
  return new Error(
    `data ${JSON.stringify(folder)}: no images here or in its sub-folders (${held}); give a folder with ${imageFormats} files, or noto-emoji`,
  );
}

/**
 * Classes are the first-level sub-folders, when there are two or more and every image lies in one. Their names are composed (é is one
 * code point), whatever the disk has: they are text from here on.
 *
 * @param within  the folder that holds them: empty, or a split such as `train/`
 */
function classesOf(ids: readonly string[], within: string): Pick<DatasetContent, 'labels' | 'classNames' | 'notes'> {
  const folders = ids.map((id) => {
    const inner = id.slice(within.length);
    return inner.includes('/') ? inner.slice(0, inner.indexOf('/')).normalize('NFC') : undefined;
  });
  const classNames = [...new Set(folders.filter((folder) => folder !== undefined))].sort();
  if (classNames.length < 2) return { notes: [] };
  const loose = folders.filter((folder) => folder === undefined).length;
  if (loose > 0) {
    return {
      notes: [
        `no classes: ${loose} of ${ids.length} images lie next to the ${classNames.length} sub-folders; move them into one`,
      ],
    };
  }
  const places = new Map(classNames.map((name, index) => [name, index]));
  return { labels: Int32Array.from(folders, (folder) => places.get(folder!)!), classNames, notes: [] };
}

/** What is wrong with an image, a folder, a text next to an image, or a line of metadata (`metadata.jsonl:3`). */
function bad(folder: string, { id, reason }: SkippedImage): Error {
  const isText = id.endsWith('.txt') || basename(id).startsWith(metadataName);
  const hint = isText
    ? 'mend or remove it, or do without such captions with --skip-bad'
    : `${isImage(id) ? 'remove the file' : 'mend it'}, or leave such files out with --skip-bad`;
  return new Error(`data: ${JSON.stringify(join(folder, id))}: ${reason}; ${hint}`);
}

async function decodeAll(folder: string, part: Part, options: OpenOptions, put: PutImage): Promise<Decoded> {
  const { files } = part;
  const { size, channels, crop, resample, skipBad, signal, onProgress } = options;
  // First: reading text takes a moment, decoding images minutes.
  const written = await readCaptions(folder, captionFiles(part));
  const problem = written.problems[0];
  if (problem !== undefined && !skipBad) throw bad(folder, { id: problem.where, reason: problem.reason });
  const reasons = new Map<number, string>();
  let done = 0;
  let unreadable = false;
  await inParallel(files.length, decodedTogether(resample), async (index) => {
    signal?.throwIfAborted();
    const { id } = files[index]!;
    let image: Bitmap | undefined;
    try {
      const bytes = await readFile(join(folder, id));
      image = await decodeImage(bytes, { size, channels, crop, resample });
    } catch (error) {
      const reason = error instanceof ImageError ? error.reason : describeSystemError(error);
      if (!skipBad) throw bad(folder, { id, reason });
      unreadable ||= !(error instanceof ImageError);
      reasons.set(index, reason);
    }
    if (image) put(index, image.data);
    onProgress?.(++done, files.length);
  });
  const skipped = [...reasons].sort(([a], [b]) => a - b).map(([index, reason]) => ({ id: files[index]!.id, reason }));
  const good = files.flatMap((_, index) => (reasons.has(index) ? [] : [index]));
  if (good.length === 0) {
    throw new Error(
      `data ${JSON.stringify(folder)}: none of its ${files.length} images can be read; the first, ${skipped[0]!.id}: ${skipped[0]!.reason}`,
    );
  }
  const ids = good.map((index) => files[index]!.id);
  const classes = classesOf(ids, part.within);
  const captions = written.captions && good.map((index) => written.captions![index]!);
  return {
    count: good.length,
    ...(good.length < files.length && { places: good }),
    ids,
    ...classes,
    ...(captions && { captions }),
    ...(written.tags && { tags: good.map((index) => written.tags![index]!) }),
    skipped: [...skipped, ...written.problems.map(({ where, reason }) => ({ id: where, reason }))],
    // Of the images that are left: one that cannot be read lacks no caption.
    notes: [...classes.notes, ...written.notes, ...notesOfMissing(ids, captions)],
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
  const { cacheDir, skipBad } = options;
  let listing: Listing;
  let real: string;
  try {
    listing = await listImages(folder);
    real = await realpath(folder);
  } catch (error) {
    const path = (error as NodeJS.ErrnoException).path ?? folder;
    throw new Error(
      `data ${JSON.stringify(folder)}: cannot read ${JSON.stringify(path)}: ${describeSystemError(error)}`,
      { cause: error },
    );
  }
  const { others, metadata } = listing;
  const part = partOf(folder, listing);
  if (part.files.length === 0) throw noImages(folder, others, part.unreadable);
  if (part.unreadable.length > 0 && !skipBad) throw bad(folder, part.unreadable[0]!);
  const name = JSON.stringify(['folder', real, ...decodedAs(options)]);
  const key = createHash('sha256')
    .update(JSON.stringify([part.files, part.metadata, part.texts]))
    .digest('hex');
  const [height, width] = heightAndWidth(options.size);
  const opened = await cached(cacheDir, name, key, () => ({
    source: folder,
    count: part.files.length,
    height,
    width,
    channels: options.channels,
    decode: (put) => decodeAll(folder, part, options, put),
  }));
  const { content } = opened;
  // What an earlier start with skipBad left out must still be an error without it.
  if (content.skipped.length > 0 && !skipBad) throw bad(folder, content.skipped[0]!);
  const noTable =
    others.has('.csv') && metadata.length === 0
      ? ['captions are read from metadata.jsonl or .txt files, not from .csv']
      : [];
  return {
    ...opened,
    content: {
      ...content,
      skipped: [...part.unreadable, ...content.skipped],
      notes: [...part.notes, ...content.notes, ...noTable],
    },
  };
}
