import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { OutputInfo } from 'sharp';
import { z } from 'zod';
import { nearest, unknownName } from '../../core/suggest.ts';
import { cached } from './cache.ts';
import type { Cached } from './cache.ts';
import { selectImages } from './dataset.ts';
import type { Decoded } from './kept-images.ts';
import { fingerprintOfPart } from './part-fingerprint.ts';
import { decodedTogether, decodeImage } from '../images/image.ts';
import type { OpenOptions } from '../images/open-options.ts';
import { inParallel } from '../../files/in-parallel.ts';
import { heightAndWidth } from '../images/image-size.ts';
import type { PutImage } from '../images/image-store.ts';

export const notoEmoji = 'noto-emoji';

/** From `src/data/sets` and from `dist/data/sources` alike. */
export const notoEmojiFolder: string = fileURLToPath(new URL('../../../data/noto-emoji/', import.meta.url));

const emojiSchema = z.object({
  code: z.string(),
  label: z.string(),
  tags: z.array(z.string()),
  group: z.string(),
  subgroup: z.string(),
});
const indexSchema = z.object({
  cell: z.int().positive(),
  columns: z.int().positive(),
  emoji: z.array(emojiSchema).min(1),
});

/** One cell of the sheet: its code points, its words, and where Unicode files it. */
export type Emoji = z.infer<typeof emojiSchema>;
/** What `emoji.json` holds: how the sheet is laid out, and an entry for each cell in order. */
export type EmojiIndex = z.infer<typeof indexSchema>;

/**
 * What may stand behind `noto-emoji/` for a longer name: the first word of a group (`smileys` for `smileys-emotion`), and
 * `faces`, the yellow faces without cats, hearts and monkeys.
 */
function partsOf(index: EmojiIndex): Map<string, (emoji: Emoji) => boolean> {
  const parts = new Map<string, (emoji: Emoji) => boolean>();
  const groups = new Set(index.emoji.map(({ group }) => group));
  for (const group of groups) parts.set(group.split('-')[0]!, (emoji) => emoji.group === group);
  parts.set('faces', (emoji) => emoji.subgroup.startsWith('face-'));
  for (const group of groups) parts.set(group, (emoji) => emoji.group === group);
  for (const { subgroup } of index.emoji) parts.set(subgroup, (emoji) => emoji.subgroup === subgroup);
  return parts;
}

/**
 * The words of every cell.
 *
 * @throws if the file is missing or damaged
 */
export async function readEmojiIndex(folder: string = notoEmojiFolder): Promise<EmojiIndex> {
  const path = join(folder, 'emoji.json');
  try {
    return indexSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error).split('\n')[0]! : (error as Error).message;
    throw new Error(
      `data noto-emoji: ${JSON.stringify(path)} is missing or damaged (${reason}); install kuosan again`,
      { cause: error },
    );
  }
}

async function decodeSheet(sheet: Uint8Array): Promise<{ data: Buffer; info: OutputInfo }> {
  try {
    return await sharp(sheet, { failOn: 'error', limitInputPixels: 20_000_000 })
      .ensureAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
  } catch (error) {
    throw new Error(
      `data noto-emoji: sheet-32.png is damaged (${(error as Error).message.split('\n')[0]}); install kuosan again`,
      { cause: error },
    );
  }
}

/**
 * The cells of a sheet.
 *
 * @param sheet  the bytes of `sheet-32.png`
 * @returns      [N, cell, cell, 4] with alpha
 * @throws if the bytes are no PNG of the size that the index asks for
 */
export async function readSheet(sheet: Uint8Array, { cell, columns, emoji }: EmojiIndex): Promise<Uint8Array> {
  const { data, info } = await decodeSheet(sheet);
  const rows = Math.ceil(emoji.length / columns);
  if (info.width !== columns * cell || info.height !== rows * cell || info.channels !== 4) {
    throw new Error(
      `data noto-emoji: sheet-32.png is ${info.width}×${info.height}, expected ${columns * cell}×${rows * cell}; install kuosan again`,
    );
  }
  const cells = new Uint8Array(emoji.length * cell * cell * 4);
  const line = cell * 4;
  for (let index = 0; index < emoji.length; index++) {
    const top = Math.floor(index / columns) * cell;
    const left = (index % columns) * cell;
    for (let y = 0; y < cell; y++) {
      const from = ((top + y) * columns * cell + left) * 4;
      cells.set(data.subarray(from, from + line), (index * cell + y) * line);
    }
  }
  return cells;
}

/** The cells as they are, transparency on white: a million pixels in milliseconds, where sharp would be called 1,897 times. */
function flatten(cells: Uint8Array): Uint8Array {
  const area = cells.length / 4;
  const out = new Uint8Array(area * 3);
  for (let i = 0; i < area; i++) {
    const alpha = cells[i * 4 + 3]!;
    for (let c = 0; c < 3; c++) {
      // Integers throughout: (color · α + 255 · (255 − α)) / 255, rounded to the nearest.
      out[i * 3 + c] = Math.floor((cells[i * 4 + c]! * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
  return out;
}

async function resizeCells(cells: Uint8Array, index: EmojiIndex, options: OpenOptions, put: PutImage): Promise<void> {
  const { size, channels, resample, signal, onProgress } = options;
  const { cell, emoji } = index;
  const area = cell * cell * 4;
  let done = 0;
  await inParallel(emoji.length, decodedTogether(resample), async (i) => {
    signal?.throwIfAborted();
    const raw = cells.subarray(i * area, (i + 1) * area);
    const png = await sharp(raw, { raw: { width: cell, height: cell, channels: 4 } })
      .png({ compressionLevel: 0 })
      .toBuffer();
    put(i, (await decodeImage(png, { size, channels, resample })).data);
    onProgress?.(++done, emoji.length);
  });
}

async function decodeEmoji(
  sheet: Uint8Array,
  index: EmojiIndex,
  options: OpenOptions,
  put: PutImage,
): Promise<Decoded> {
  const { size, channels } = options;
  const { cell, emoji } = index;
  const [height, width] = heightAndWidth(size);
  const cells = await readSheet(sheet, index);
  if (height === cell && width === cell && channels === 3) {
    const pixels = flatten(cells);
    const area = cell * cell * 3;
    for (let i = 0; i < emoji.length; i++) put(i, pixels.subarray(i * area, (i + 1) * area));
  } else await resizeCells(cells, index, options, put);
  return {
    count: emoji.length,
    ids: emoji.map(({ code }) => code),
    captions: emoji.map(({ label }) => label),
    tags: emoji.map(({ tags }) => tags),
    skipped: [],
    notes: [],
  };
}

/** Groups are the classes of the whole set, sub-groups those of a part; a part of one sub-group has none. */
function classesOf(chosen: readonly Emoji[], whole: boolean): { labels: Int32Array; classNames: string[] } | undefined {
  const names = chosen.map(({ group, subgroup }) => (whole ? group : subgroup));
  const classNames = [...new Set(names)];
  if (classNames.length < 2) return undefined;
  return { labels: Int32Array.from(names, (name) => classNames.indexOf(name)), classNames };
}

/**
 * The emoji of Noto, or a part of them.
 *
 * @param part  a group, a sub-group or a shorter name for one; all when left out
 * @throws if there is no such part; the message names the nearest
 */
export async function openNotoEmoji(part: string | undefined, options: OpenOptions): Promise<Cached> {
  const index = await readEmojiIndex();
  const parts = partsOf(index);
  const filter = part === undefined ? () => true : parts.get(part);
  if (filter === undefined) {
    const names = [...parts.keys()];
    // A hundred sub-groups would bury the answer; those with short names come first.
    const few = names.slice(0, names.indexOf('faces') + 1);
    throw new Error(unknownName('part of noto-emoji', part!, nearest(part!, names) === undefined ? few : names));
  }
  const sheet = await readFile(join(notoEmojiFolder, 'sheet-32.png'));
  const key = createHash('sha256').update(sheet).update(JSON.stringify(index)).digest('hex');
  const name = JSON.stringify([
    notoEmoji,
    options.size,
    options.channels,
    ...(options.resample ? [options.resample] : []),
  ]);
  const [height, width] = heightAndWidth(options.size);
  const whole = await cached(options.cacheDir, name, key, () => ({
    source: notoEmoji,
    count: index.emoji.length,
    height,
    width,
    channels: options.channels,
    decode: (put) => decodeEmoji(sheet, index, options, put),
  }));
  const places = index.emoji.flatMap((emoji, place) => (filter(emoji) ? [place] : []));
  const classes = classesOf(
    places.map((place) => index.emoji[place]!),
    part === undefined,
  );
  const content = selectImages(whole.content, places, classes);
  return { content, fingerprint: await fingerprintOfPart(whole, places, content), fromCache: whole.fromCache };
}
