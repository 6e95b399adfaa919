/** A captioned image folder that is built from npm packages: whole or not there, and gone on with where it was stopped. */
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { stableAsidePath } from '../../files/aside-path.ts';
import { replaceWhole } from '../../files/durable-files.ts';
import { inParallel } from '../../files/in-parallel.ts';
import { checkWritable, writing } from '../../files/write-file.ts';
import { metadataName } from '../sets/captions.ts';

/** One image of a folder. */
export interface BuiltImage {
  /** Below the folder; the folder that it is in has a `metadata.jsonl`. */
  readonly fileName: string;
  /** Its line there, without the name. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Makes the file. */
  readonly png: () => Promise<Uint8Array>;
}

/** What a folder holds. */
export interface FolderContent<Counts> {
  readonly images: readonly BuiltImage[];
  /** File names by list. */
  readonly splits: Readonly<Record<string, readonly string[]>>;
  readonly counts: Counts;
}

/** How a folder is built. */
export interface FolderRecipe<Counts extends object> {
  /** How messages call the command. */
  readonly command: string;
  readonly out: string;
  /** What decides the images; JSON. */
  readonly made: { readonly kind: string; readonly format: number; readonly [more: string]: unknown };
  /** What decides the splits; JSON. */
  readonly split: object;
  /** What was different in earlier formats, for a message: `which gave the images other tags`. */
  readonly earlier: string;
  readonly collect: () => Promise<FolderContent<Counts>>;
  /** The text of its README.md. */
  readonly describe: (counts: Counts, splits: Readonly<Record<string, number>>) => string;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was built. */
export interface BuiltFolder<Counts> {
  /** `there`: the folder was complete before and nothing was done; `split`: only its splits are new. */
  readonly how: 'built' | 'split' | 'there';
  readonly counts: Counts;
  /** Images of each split. */
  readonly splits: Readonly<Record<string, number>>;
}

/** What a folder was made from; written when it is complete. */
const manifestName = 'dataset.json';

/**
 * Builds a folder:
 *
 *     <folder>/<name>.png, metadata.jsonl     the images and their captions
 *     splits/<list>.txt                       lists of file names
 *     dataset.json, README.md                 what it was made from, and the licenses
 *
 * It appears when it is complete. A build that was stopped goes on with the images that it has.
 *
 * @throws if `out` holds something else or cannot be written, and what `collect` throws
 */
export async function buildFolder<Counts extends object>(recipe: FolderRecipe<Counts>): Promise<BuiltFolder<Counts>> {
  const { command, out, made, split } = recipe;
  await checkWritable(join(out, metadataName));
  const held = await readManifest<Counts>(out, made.kind);
  if (held === undefined && (await readdir(out).catch(() => [])).length > 0) {
    throw new Error(`${command}: ${JSON.stringify(out)} holds other files; give another --out, or remove it`);
  }
  if (held !== undefined && !same(held.made, made)) {
    const isEarlier = same({ ...made, ...held.made, format: made.format }, made);
    const what = isEarlier
      ? `was built by an earlier version, ${recipe.earlier}`
      : `holds another data set (${JSON.stringify(held.made)})`;
    throw new Error(`${command}: ${JSON.stringify(out)} ${what}; give another --out, or remove it`);
  }
  if (held !== undefined && same(held.split, split)) {
    const { splits, ...counts } = held.built;
    return { how: 'there', counts: counts as unknown as Counts, splits };
  }

  const { images, splits: lists, counts } = await recipe.collect();
  const splits = Object.fromEntries(Object.entries(lists).map(([name, files]) => [name, files.length]));
  const place = held === undefined ? await writeImages(images, recipe) : out;
  await writing(place, async () => {
    await rm(join(place, 'splits'), { recursive: true, force: true });
    await mkdir(join(place, 'splits'));
    for (const [name, files] of Object.entries(lists)) {
      if (files.length > 0) await writeFile(join(place, 'splits', `${name}.txt`), lines(files));
    }
    await writeFile(join(place, 'README.md'), recipe.describe(counts, splits));
    await writeFile(
      join(place, manifestName),
      `${JSON.stringify({ made, split, built: { ...counts, splits } }, null, 2)}\n`,
    );
    if (place !== out) {
      await rm(out, { recursive: true, force: true });
      await rename(place, out);
    }
  });
  return { how: held === undefined ? 'built' : 'split', counts, splits };
}

/** Writes images and metadata next to `out`, keeping the images that a stopped build of the same has left, and returns the folder. */
async function writeImages(
  images: readonly BuiltImage[],
  { out, made, onProgress, signal }: Pick<FolderRecipe<object>, 'out' | 'made' | 'onProgress' | 'signal'>,
): Promise<string> {
  const place = stableAsidePath(resolve(out));
  const folders = new Map<string, BuiltImage[]>();
  for (const image of images) {
    const folder = dirname(image.fileName);
    if (!folders.has(folder)) folders.set(folder, []);
    folders.get(folder)!.push(image);
  }
  await writing(place, async () => {
    const madeText = JSON.stringify(made);
    if ((await readFile(join(place, 'recipe.json'), 'utf8').catch(() => undefined)) !== madeText) {
      await rm(place, { recursive: true, force: true });
      await mkdir(place, { recursive: true });
      await writeFile(join(place, 'recipe.json'), madeText);
    }
    for (const folder of folders.keys()) await mkdir(join(place, folder), { recursive: true });
  });
  let done = 0;
  await inParallel(images.length, Math.max(2, availableParallelism()), async (index) => {
    signal?.throwIfAborted();
    const { fileName, png } = images[index]!;
    const path = join(place, fileName);
    if (!(await stat(path).catch(() => undefined))?.isFile()) {
      const bytes = await png();
      await writing(path, () => replaceWhole(path, (aside) => writeFile(aside, bytes)));
    }
    onProgress?.(++done, images.length);
  });
  await writing(place, async () => {
    for (const [folder, members] of folders) {
      const text = lines(
        members.map(({ fileName, fields }) =>
          JSON.stringify({ file_name: fileName.slice(folder.length + 1), ...fields }),
        ),
      );
      await writeFile(join(place, folder, metadataName), text);
    }
    await rm(join(place, 'recipe.json'));
  });
  return place;
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

interface Manifest<Counts> {
  readonly made: object;
  readonly split: unknown;
  readonly built: Counts & { readonly splits: Readonly<Record<string, number>> };
}

/** Undefined where the folder is no complete data set of this kind. */
async function readManifest<Counts>(folder: string, kind: string): Promise<Manifest<Counts> | undefined> {
  const schema = z.object({
    made: z.looseObject({ kind: z.literal(kind) }),
    split: z.unknown(),
    built: z.preprocess(underPresentNames, z.looseObject({ splits: z.record(z.string(), z.number()) })),
  });
  try {
    const parsed = schema.parse(JSON.parse(await readFile(join(folder, manifestName), 'utf8')));
    // The counts are those that this kind of builder wrote: the kind and the format say so.
    return parsed as unknown as Manifest<Counts>;
  } catch {
    return undefined;
  }
}

/** What earlier versions wrote under another name: the number of images. */
function underPresentNames(built: unknown): unknown {
  if (typeof built !== 'object' || built === null || !('pictures' in built)) return built;
  const { pictures: images, ...rest } = built;
  return { images, ...rest };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
