import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { metadataName } from '../sets/captions.ts';
import { decodeImage, encodePng } from '../images/image.ts';
import { replaceWhole } from '../../files/durable-files.ts';
import { stableAsidePath } from '../../files/aside-path.ts';
import { inParallel } from '../../files/in-parallel.ts';
import { checkWritable, writing } from '../../files/write-file.ts';
import { annotationPackage, readConcepts } from './annotations.ts';
import { duplicateGroups } from './duplicates.ts';
import { describeEmoji } from './describe-emoji.ts';
import { findPackages, type FoundPackage } from './packages.ts';
import { splitEmoji, type SplitOptions } from './splits.ts';
import { emojiStyleNames, emojiStyles, type EmojiStyle, type EmojiStyleName } from './styles.ts';

/** What data set to build, and where. */
export interface EmojiOptions extends SplitOptions {
  readonly styles: readonly EmojiStyleName[];
  /** Of labels and tags, as emojibase-data calls it: `en`, `zh`, `de`. */
  readonly language: string;
  /** Side of the images in pixels. */
  readonly size: number;
  /** The folder to make. */
  readonly out: string;
  /** Where the packages are looked for. */
  readonly packages: string;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** The defaults of `buildEmoji`. */
export const emojiDefaults = {
  styles: emojiStyleNames,
  language: 'en',
  // What Noto and Twemoji have in their packages; the others are reduced to it.
  size: 64,
  packages: '.',
  testStyles: [],
  // Some 190 concepts: the accuracy of a test on them is known to three percent.
  holdOut: 0.1,
  seed: 0,
} as const satisfies Partial<EmojiOptions>;

/** What was built. */
export interface BuiltEmoji {
  /** `there`: the folder was complete before and nothing was done; `split`: only its splits are new. */
  readonly how: 'built' | 'split' | 'there';
  readonly images: number;
  readonly concepts: number;
  /** Images of each style. */
  readonly styles: Readonly<Record<string, number>>;
  /** Images left out because another concept of the style has the same bytes. */
  readonly duplicates: number;
  /** Images of each split. */
  readonly splits: Readonly<Record<string, number>>;
}

/** What a folder was made from; written when it is complete. */
const manifestName = 'dataset.json';

/** Counted up when the same packages give another content: with 2 the name of the sub-group is one of the tags. */
const format = 2;

interface Image {
  readonly fileName: string;
  readonly style: EmojiStyleName;
  readonly code: string;
  readonly bytes: Uint8Array;
  /** One line of metadata. */
  readonly line: string;
}

/**
 * Builds a folder of emoji in several styles with captions, from npm packages on this machine.
 *
 *     <style>/<code points>.png      on white, size × size
 *     <style>/metadata.jsonl         file_name, text (the label), tags, code, style, group, subgroup, language
 *     splits/train.txt, …            lists of file names, see `splitEmoji`
 *     dataset.json, README.md        what it was made from, and the licenses
 *
 * The same versions of the packages and of sharp give the same bytes. The folder appears when it is complete; a build that was stopped goes on where it was.
 *
 * @throws if a package is not installed (with the command that installs it), a language or a style is unknown, or `out` holds something else
 */
export async function buildEmoji(options: Partial<EmojiOptions> & Pick<EmojiOptions, 'out'>): Promise<BuiltEmoji> {
  const settings: EmojiOptions = { ...emojiDefaults, ...options };
  const { styles, language, size, out, testStyles, holdOut, seed, signal } = settings;
  check(settings);
  await checkWritable(join(out, metadataName));
  const found = await findPackages(
    [annotationPackage, ...styles.map((style) => emojiStyles[style].package)],
    settings.packages,
  );
  const versions = Object.fromEntries([...found.values()].map(({ name, version }) => [name, version]));
  const made = { kind: 'emoji', format, styles, language, size, packages: versions };
  const split = { holdOut, seed, testStyles };

  const held = await readManifest(out);
  if (held === undefined && (await readdir(out).catch(() => [])).length > 0)
    throw new Error(`data emoji: ${JSON.stringify(out)} holds other files; give another --out, or remove it`);
  if (held !== undefined && !same(held.made, made)) {
    const earlier = same({ ...made, ...held.made, format }, made);
    throw new Error(
      `data emoji: ${JSON.stringify(out)} ${earlier ? 'was built by an earlier version, which gave the images other tags' : `holds another data set (${JSON.stringify(held.made)})`}; give another --out, or remove it`,
    );
  }
  if (held !== undefined && same(held.split, split)) return { ...held.built, how: 'there' };

  const { images, alike, duplicates } = await collect(settings, found, signal);
  const splits = splitEmoji(images, alike, settings);
  const built = {
    images: images.length,
    concepts: new Set(images.map(({ code }) => code)).size,
    styles: Object.fromEntries(styles.map((style) => [style, images.filter((image) => image.style === style).length])),
    duplicates,
    splits: Object.fromEntries(Object.entries(splits).map(([name, files]) => [name, files.length])),
  };
  const place = held === undefined ? await writeImages(images, settings, JSON.stringify(made)) : out;
  await writing(place, async () => {
    await rm(join(place, 'splits'), { recursive: true, force: true });
    await mkdir(join(place, 'splits'));
    for (const [name, files] of Object.entries(splits))
      if (files.length > 0)
        await writeFile(join(place, 'splits', `${name}.txt`), files.map((file) => `${file}\n`).join(''));
    await writeFile(
      join(place, 'README.md'),
      describeEmoji({ language, size, holdOut, seed, testStyles, versions, ...built }),
    );
    await writeFile(join(place, manifestName), `${JSON.stringify({ made, split, built }, null, 2)}\n`);
    if (place !== out) {
      await rm(out, { recursive: true, force: true });
      await rename(place, out);
    }
  });
  return { ...built, how: held === undefined ? 'built' : 'split' };
}

function check({ styles, size, holdOut, testStyles }: EmojiOptions): void {
  if (styles.length === 0) throw new Error(`data emoji: no style; give one or more of ${emojiStyleNames.join(', ')}`);
  if (new Set(styles).size < styles.length)
    throw new Error(`data emoji: a style is named twice in ${styles.join(',')}`);
  if (!Number.isInteger(size) || size < 8 || size > 1024)
    throw new Error(`data emoji: size: expected an integer from 8 to 1024, got ${size}`);
  if (!(holdOut >= 0 && holdOut < 1))
    throw new Error(`data emoji: holdOut: expected a share from 0 to below 1, got ${holdOut}`);
  const stranger = testStyles.find((style) => !(styles as readonly string[]).includes(style));
  if (stranger !== undefined)
    throw new Error(
      `data emoji: the test style ${JSON.stringify(stranger)} is not among the styles ${styles.join(', ')}`,
    );
  if (testStyles.length >= styles.length)
    throw new Error('data emoji: every style is a test style; leave one to train on');
}

/** The images of all styles in the order of Unicode, without those that another concept of the style has too. */
async function collect(
  { styles, language }: EmojiOptions,
  found: ReadonlyMap<string, FoundPackage>,
  signal: AbortSignal | undefined,
): Promise<{ images: Image[]; alike: string[][]; duplicates: number }> {
  const concepts = await readConcepts(found.get(annotationPackage.name)!, language);
  const images: Image[] = [];
  const alike: string[][] = [];
  for (const style of styles) {
    signal?.throwIfAborted();
    const source: EmojiStyle = emojiStyles[style];
    const drawn = await source.read(found.get(source.package.name)!);
    const mine = concepts.filter(({ code }) => drawn.has(code));
    if (mine.length === 0)
      throw new Error(
        `data emoji: ${source.package.name} ${found.get(source.package.name)!.version} has no image of an emoji that ${annotationPackage.name} knows; install ${source.package.name}@${source.package.version}`,
      );
    const bytes = await inParallel(mine.length, 16, (index) => drawn.get(mine[index]!.code)!());
    const groups = duplicateGroups(mine.map(({ code }, index) => [code, bytes[index]!]));
    const dropped = new Set(groups.flatMap((group) => group.slice(1)));
    alike.push(...groups);
    for (const [index, { code, label, tags, group, subgroup }] of mine.entries()) {
      if (dropped.has(code)) continue;
      const name = `${code}.png`;
      images.push({
        fileName: `${style}/${name}`,
        style,
        code,
        bytes: bytes[index]!,
        line: JSON.stringify({ file_name: name, text: label, tags, code, style, group, subgroup, language }),
      });
    }
  }
  return { images, alike, duplicates: alike.reduce((sum, group) => sum + group.length - 1, 0) };
}

/** Writes images and metadata next to `out`, keeping the images that a stopped build of the same has left, and returns the folder. */
async function writeImages(
  images: readonly Image[],
  { styles, size, out, onProgress, signal }: EmojiOptions,
  recipe: string,
): Promise<string> {
  const place = stableAsidePath(resolve(out));
  await writing(place, async () => {
    if ((await readFile(join(place, 'recipe.json'), 'utf8').catch(() => undefined)) !== recipe) {
      await rm(place, { recursive: true, force: true });
      await mkdir(place, { recursive: true });
      await writeFile(join(place, 'recipe.json'), recipe);
    }
    for (const style of styles) await mkdir(join(place, style), { recursive: true });
  });
  let done = 0;
  await inParallel(images.length, Math.max(2, availableParallelism()), async (index) => {
    signal?.throwIfAborted();
    const { fileName, bytes } = images[index]!;
    const path = join(place, fileName);
    if (!(await stat(path).catch(() => undefined))?.isFile()) {
      // Some emoji are a little higher than wide: white padding at the sides keeps their tops.
      const png = await encodePng(await decodeImage(bytes, { size, crop: 'pad' }));
      await writing(path, () => replaceWhole(path, (aside) => writeFile(aside, png)));
    }
    onProgress?.(++done, images.length);
  });
  await writing(place, async () => {
    for (const style of styles)
      await writeFile(
        join(place, style, metadataName),
        images
          .filter((image) => image.style === style)
          .map(({ line }) => `${line}\n`)
          .join(''),
      );
    await rm(join(place, 'recipe.json'));
  });
  return place;
}

const counts = {
  concepts: z.number(),
  duplicates: z.number(),
  styles: z.record(z.string(), z.number()),
  splits: z.record(z.string(), z.number()),
};
const manifestSchema = z.object({
  made: z.looseObject({ kind: z.literal('emoji') }),
  split: z.unknown(),
  built: z.union([
    z.object({ images: z.number(), ...counts }),
    // Earlier versions called them so.
    z.object({ pictures: z.number(), ...counts }).transform(({ pictures: images, ...built }) => ({ images, ...built })),
  ]),
});

/** Undefined where the folder is no complete data set of ours. */
async function readManifest(folder: string): Promise<z.output<typeof manifestSchema> | undefined> {
  try {
    return manifestSchema.parse(JSON.parse(await readFile(join(folder, manifestName), 'utf8')));
  } catch {
    return undefined;
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
