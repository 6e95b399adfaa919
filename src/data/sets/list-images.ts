import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { metadataName, captionFileOf } from './captions.ts';
import type { SkippedImage } from './dataset.ts';
import { nameFinder } from './name-finder.ts';
import { statMany } from '../../files/stat-many.ts';
import { describeSystemError } from '../../files/system-reason.ts';

/** What is taken for an image by its name; anything else in the folder is left alone. */
const imageExtensions: ReadonlySet<string> = new Set([
  '.png',
  '.jpg',
  '.jpeg',
  '.jpe',
  '.jfif',
  '.webp',
  '.gif',
  '.svg',
  '.avif',
  '.tif',
  '.tiff',
]);

/** Formats of images that are not read: cameras and phones, old data sets, editors, renderers. */
const otherImageExtensions: ReadonlySet<string> = new Set([
  '.heic',
  '.heif',
  '.hif',
  '.jxl',
  '.jp2',
  '.j2k',
  '.jpx',
  '.dng',
  '.cr2',
  '.cr3',
  '.nef',
  '.arw',
  '.raf',
  '.orf',
  '.rw2',
  '.bmp',
  '.dib',
  '.ppm',
  '.pgm',
  '.pbm',
  '.pnm',
  '.pam',
  '.pcx',
  '.tga',
  '.ico',
  '.psd',
  '.xcf',
  '.kra',
  '.ai',
  '.eps',
  '.svgz',
  '.exr',
  '.hdr',
  '.dds',
  '.qoi',
]);

/** A file of a data set's folder. */
export interface ImageFile {
  /** Path inside the folder, with `/` on every system. */
  readonly id: string;
  readonly size: number;
  readonly modified: number;
}

/** What a folder and its sub-folders hold. */
export interface Listing {
  readonly files: readonly ImageFile[];
  /** What may hold captions: `metadata.jsonl` in any folder, and texts of the same name as an image next to it. */
  readonly metadata: readonly ImageFile[];
  readonly texts: readonly ImageFile[];
  /** Images and folders that cannot be read, and why. */
  readonly unreadable: readonly SkippedImage[];
  /** Folders that hold a training run, whose sample grids are no data. */
  readonly runs: readonly string[];
  /** How many files of each other extension there are. */
  readonly others: ReadonlyMap<string, number>;
}

/** Whether a name is that of an image. */
export function isImage(name: string): boolean {
  return imageExtensions.has(extname(name).toLowerCase());
}

const notUtf8 = 'its name is not UTF-8 (rename it; convmv does so for whole folders)';

/**
 * Every image below `root`, and what may hold captions, sorted by path. Hidden files and folders are left out, and the folders of training
 * runs; links are followed once.
 *
 * @throws the system's error if `root` itself cannot be read
 */
export async function listImages(root: string): Promise<Listing> {
  const [paths, metadata, texts]: [string[], string[], string[]] = [[], [], []];
  const others = new Map<string, number>();
  const unreadable: SkippedImage[] = [];
  const runs: string[] = [];
  const visited = new Set<string>();

  const visit = async (inside: string): Promise<void> => {
    const folder = join(root, inside);
    // A link to a folder above would otherwise go round for ever.
    const real = await realpath(folder);
    if (visited.has(real)) return;
    visited.add(real);
    // Bytes and not texts: a name that is no UTF-8 would come back as the name of another file, which is not there.
    const entries = await readdir(folder, { withFileTypes: true, encoding: 'buffer' });
    if (inside !== '' && isRun(entries)) {
      runs.push(inside);
      return;
    }
    for (const entry of entries) {
      const name = entry.name.toString('utf8');
      if (name.startsWith('.')) continue;
      const id = inside === '' ? name : `${inside}/${name}`;
      if (!Buffer.from(name, 'utf8').equals(entry.name)) {
        if (entry.isDirectory() || isImage(name)) leaveOut(id, notUtf8);
      } else if (entry.isFile()) take(name, id);
      else await follow(entry, name, id);
    }
  };
  const leaveOut = (id: string, reason: string): void => {
    unreadable.push({ id, reason });
  };
  const take = (name: string, id: string): void => {
    if (isImage(name)) {
      paths.push(id);
      return;
    }
    const extension = extname(name).toLowerCase();
    others.set(extension || name, (others.get(extension || name) ?? 0) + 1);
    if (name === metadataName) metadata.push(id);
    else if (extension === '.txt') texts.push(id);
  };
  const follow = async (entry: Dirent<Buffer>, name: string, id: string): Promise<void> => {
    let target: Pick<Dirent, 'isDirectory' | 'isFile'>;
    try {
      target = entry.isSymbolicLink() ? await stat(join(root, id)) : entry;
    } catch (error) {
      if (isImage(name)) leaveOut(id, `its link cannot be followed: ${describeSystemError(error)}`);
      return;
    }
    if (target.isDirectory()) {
      await visit(id).catch((error: unknown) => {
        if (!isGone(error)) leaveOut(id, describeSystemError(error));
      });
    } else if (target.isFile()) take(name, id);
  };
  const sorted = async (ids: readonly string[]): Promise<ImageFile[]> => {
    const found = await statMany(ids.map((id) => join(root, id)));
    const files = ids.flatMap((id, index): ImageFile[] => {
      const each = found[index]!;
      if ('size' in each) return [{ id, size: each.size, modified: each.modified }];
      if (!isGone(each)) unreadable.push({ id, reason: describeSystemError(each) });
      return [];
    });
    return files.sort(byId);
  };

  await visit('');
  const find = nameFinder(texts.length === 0 ? [] : paths.map(captionFileOf));
  const captions = texts.filter((id) => find(id) !== undefined);
  return {
    files: await sorted(paths),
    metadata: await sorted(metadata),
    texts: await sorted(captions),
    unreadable: unreadable.sort(byId),
    runs: runs.sort(),
    others,
  };
}

/** A training run has a record and checkpoints, from its first moment on. */
function isRun(entries: readonly Dirent<Buffer>[]): boolean {
  const has = (name: string) => entries.some((entry) => entry.name.equals(Buffer.from(name)));
  return has('run.json') && has('checkpoints');
}

/** A note on the folders of runs that were left out, where there are any. */
export function noteRuns(runs: Listing['runs']): string | undefined {
  if (runs.length === 0) return undefined;
  const [what, they] = runs.length === 1 ? ['a training run', 'it is'] : ['training runs', 'they are'];
  return `${runs.slice(0, 3).join(', ')}${runs.length > 3 ? ', …' : ''} ${runs.length === 1 ? 'is' : 'are'} ${what}: ${they} left out`;
}

/** What was removed while the folder was read is not there. */
function isGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

/** By code units and not by locale: the order decides which image has which index, on every machine alike. */
function byId({ id: a }: { readonly id: string }, { id: b }: { readonly id: string }): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `6 files are left alone, their formats are not read: .bmp 5, .heic 1; …`, or undefined where there are no other images. */
export function noteOtherImages(others: Listing['others']): string | undefined {
  const images = [...others]
    .filter(([extension]) => otherImageExtensions.has(extension))
    .sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1));
  if (images.length === 0) return undefined;
  const count = images.reduce((sum, [, many]) => sum + many, 0);
  const files = count === 1 ? '1 image is left out, its format is' : `${count} images are left out, their formats are`;
  return `${files} not read: ${images.map(([extension, many]) => `${extension} ${many}`).join(', ')}; convert them to PNG or JPEG`;
}
