import { stat, readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { clipped, quoteJson } from '../../formats/quote.ts';
import type { DatasetContent } from './dataset.ts';
import { inParallel } from '../../files/in-parallel.ts';
import { describeSystemError } from '../../files/write-file.ts';

/** A line of metadata or a text file that is of no use, and why: `metadata.jsonl:3`. */
export interface CaptionProblem {
  readonly where: string;
  readonly reason: string;
}

/** The captions of a folder's images. */
export interface Captions {
  /** One for each image, empty where it has none; left out where no image has one. */
  readonly captions?: readonly string[];
  /** The `tags` of each image's line of metadata, none where it has no list of them; left out where no line has one. */
  readonly tags?: readonly (readonly string[])[];
  readonly problems: readonly CaptionProblem[];
  readonly notes: readonly string[];
}

/** By Hugging Face's `imagefolder` convention. */
export const metadataName = 'metadata.jsonl';

/** Keys of a line that hold its caption, the first that is there counts: the convention's and the one that others use. */
const captionKeys = ['text', 'caption'] as const;

/** No caption is as long; a text file that is has another purpose. */
const longest = 10_000;

/**
 * Reads the captions of a folder by Hugging Face's `imagefolder` convention: a `metadata.jsonl` in any folder, each line an object with
 * `file_name`, relative to that folder, and `text` (or `caption`); or a `.txt` of the same name beside an image. `tags` of a line, a
 * list of texts, are further words for the image; anything else under that name, and every other key, means something of its owner's
 * and is left alone. White space within captions and tags becomes single spaces.
 *
 * @param folder    the data set's
 * @param images    the paths of its images inside of it, with `/`
 * @param metadata  the paths of its `metadata.jsonl` files
 * @param texts     the paths of its `.txt` files
 * @see https://huggingface.co/docs/datasets/image_load#imagefolder
 */
export async function readCaptions(folder: string, images: readonly string[], metadata: readonly string[], texts: readonly string[]): Promise<Captions> {
  const captions = new Map<string, string>();
  const tags = new Map<string, readonly string[]>();
  const problems: CaptionProblem[] = [];
  const known = new Set(images);
  for (const path of metadata) await readMetadata(folder, path, known, captions, tags, problems);
  await readTextsBeside(folder, images, texts, captions, problems);
  problems.sort((a, b) => (a.where < b.where ? -1 : a.where > b.where ? 1 : 0));
  const words = tags.size === 0 ? {} : { tags: images.map((id) => tags.get(id) ?? []) };
  if (captions.size === 0) return { ...words, problems, notes: [] };
  const without = images.filter((id) => !captions.has(id));
  const notes = without.length === 0 ? [] : [`${without.length} of ${images.length} images have no caption, the first is ${without[0]}; theirs is the empty text`];
  return { captions: images.map((id) => captions.get(id) ?? ''), ...words, problems, notes };
}

async function readMetadata(folder: string, path: string, known: ReadonlySet<string>, captions: Map<string, string>, tags: Map<string, readonly string[]>, problems: CaptionProblem[]): Promise<void> {
  const text = await readText(folder, path);
  if (typeof text !== 'string') {
    problems.push({ where: path, reason: text.reason });
    return;
  }
  const lines = new Map<string, number>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const problem = (reason: string): void => { problems.push({ where: `${path}:${index + 1}`, reason }); };
    const entry = parseLine(line);
    if (typeof entry === 'string') {
      problem(entry);
      continue;
    }
    // The name is looked up among the folder's own images, so it cannot lead out of the folder.
    const id = posix.join(posix.dirname(path), entry.fileName);
    const before = lines.get(id);
    if (!known.has(id)) problem(`there is no image ${JSON.stringify(entry.fileName)}`);
    else if (before !== undefined) problem(`${JSON.stringify(entry.fileName)} has a line already, ${before}`);
    else {
      lines.set(id, index + 1);
      if (entry.caption !== undefined) captions.set(id, entry.caption);
      if (entry.tags !== undefined) tags.set(id, entry.tags);
    }
  }
}

/**
 * What is said of each picture: its caption, or the name of its class.
 *
 * @throws one line if the pictures have neither, or one has an empty caption
 */
export function captionsOf({ name, captions, labels, classNames, ids, count }: DatasetContent & { readonly name: string }): readonly string[] {
  if (!captions && labels && classNames) return Array.from(labels, (label) => classNames[label]!);
  if (!captions) throw new Error(`data: the pictures of ${name} have no captions; put them into metadata.jsonl (file_name and text in each line), or a .txt beside each picture, or pictures of a class into a folder of its name`);
  const empty = captions.flatMap((caption, index) => (caption === '' ? [index] : []));
  if (empty.length > 0) throw new Error(`data: ${empty.length} of ${count} pictures of ${name} have an empty caption, the first is ${ids[empty[0]!]}; caption them, or name the others in a list of files`);
  return captions;
}

/**
 * What the lines of a folder's `metadata.jsonl` files say under a key, by picture; lines that are no objects are left out.
 *
 * @param images  the paths of its images inside of it, with `/`
 */
export async function metadataColumn(folder: string, images: readonly string[], key: string): Promise<Map<string, string>> {
  const folders = new Set(images.flatMap((id) => id.split('/').map((_, depth, parts) => parts.slice(0, depth).join('/'))));
  const column = new Map<string, string>();
  for (const inside of folders) {
    const text = await readText(folder, posix.join(inside, metadataName));
    for (const line of typeof text === 'string' ? text.split('\n') : []) {
      const entry = parseObject(line);
      const [fileName, value] = [entry?.['file_name'], entry?.[key]];
      if (typeof fileName === 'string' && (typeof value === 'string' || typeof value === 'number')) column.set(posix.join(inside, fileName), String(value));
    }
  }
  return column;
}

function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(line) as unknown;
    return typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : undefined;
  } catch {
    return undefined;
  }
}

/** What a line says, or what is wrong with it. */
function parseLine(line: string): { readonly fileName: string; readonly caption?: string; readonly tags?: readonly string[] } | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return `not valid JSON: ${clipped(line.trim(), 80)}`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `expected an object with file_name and text, got ${clipped(line.trim(), 80)}`;
  const record = value as Readonly<Record<string, unknown>>;
  const fileName = record['file_name'];
  if (typeof fileName !== 'string' || fileName === '') return `expected a file_name, got ${quoteJson(fileName, 'none')}`;
  const key = captionKeys.find((each) => Object.hasOwn(record, each));
  // Columns are anyone's: what is no list of texts means something else.
  const tags = Array.isArray(record['tags']) && record['tags'].every((tag) => typeof tag === 'string' && tag.length <= longest) ? { tags: (record['tags'] as string[]).map(singleSpaced) } : {};
  if (key === undefined) return { fileName, ...tags };
  const caption = record[key];
  if (typeof caption !== 'string') return `${key}: expected a caption, got ${quoteJson(caption)}`;
  if (caption.length > longest) return `${key}: is ${caption.length} characters long, expected at most ${longest}`;
  return { fileName, caption: singleSpaced(caption), ...tags };
}

/** Texts beside images that have no line of metadata. */
async function readTextsBeside(folder: string, images: readonly string[], texts: readonly string[], captions: Map<string, string>, problems: CaptionProblem[]): Promise<void> {
  if (texts.length === 0) return;
  const there = new Set(texts);
  const wanted = images.filter((id) => !captions.has(id) && there.has(textBeside(id)));
  const found = await inParallel(wanted.length, 16, async (index) => readText(folder, textBeside(wanted[index]!), 4 * longest));
  for (const [index, text] of found.entries()) {
    const id = wanted[index]!;
    const reason = typeof text !== 'string' ? text.reason : text.length > longest ? `is ${text.length} characters long, expected at most ${longest}` : undefined;
    if (reason === undefined) captions.set(id, singleSpaced(text as string));
    else problems.push({ where: textBeside(id), reason });
  }
}

/** `cat.txt` for `cat.png`. */
export function textBeside(image: string): string {
  return `${image.slice(0, image.lastIndexOf('.'))}.txt`;
}

/** The text of a file, or why there is none. */
async function readText(folder: string, path: string, mostBytes = Infinity): Promise<string | { readonly reason: string }> {
  try {
    const { size } = await stat(join(folder, path));
    if (size > mostBytes) return { reason: `has ${size} bytes, expected a caption of at most ${longest} characters` };
    // A byte-order mark is no part of the text; the decoder takes it away.
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(join(folder, path)));
  } catch (error) {
    return { reason: error instanceof TypeError ? 'is not text in UTF-8' : describeSystemError(error) };
  }
}

function singleSpaced(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}
