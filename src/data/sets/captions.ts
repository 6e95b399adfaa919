import { join, posix } from 'node:path';
import { clipped, quoteJson } from '../../formats/quote.ts';
import type { DatasetContent } from './dataset.ts';
import { inParallel } from '../../files/in-parallel.ts';
import { readText } from '../../files/read-text.ts';
import { nameFinder, sameToTheEye } from './name-finder.ts';

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
/** A character has at most four bytes. */
const mostCaptionBytes = 4 * longest;

/** The files of a folder that captions are read from and for, as paths inside of it with `/`. */
export interface CaptionFiles {
  readonly images: readonly string[];
  /** Its `metadata.jsonl` files. */
  readonly metadata: readonly string[];
  /** Its `.txt` files. */
  readonly texts: readonly string[];
  /** Images of its other splits, which lines of metadata may name too. */
  readonly elsewhere?: readonly string[];
}

/**
 * Reads the captions of a folder by Hugging Face's `imagefolder` convention: a `metadata.jsonl` in any folder, each line an object with
 * `file_name`, relative to that folder, and `text` (or `caption`); or a `.txt` of the same name next to an image. Where several files name
 * an image, the line of the nearest one counts, whole. `tags` of a line, a list of texts, are further words for the image; anything else
 * under that name, and every other key, means something of its owner's and is left alone. White space within captions and tags becomes
 * single spaces.
 *
 * @param folder  the data set's
 * @see https://huggingface.co/docs/datasets/image_load#imagefolder
 */
export async function readCaptions(folder: string, files: CaptionFiles): Promise<Captions> {
  const { images } = files;
  const { lines, problems: unusable, notes } = await nearestLines(folder, files, parseLine);
  const problems = [...unusable];
  const captions = new Map(
    [...lines].flatMap(([id, { caption }]) => (caption === undefined ? [] : [[id, caption] as const])),
  );
  const tags = new Map([...lines].flatMap(([id, line]) => (line.tags === undefined ? [] : [[id, line.tags] as const])));
  await readCaptionFiles(folder, files, captions, problems);
  problems.sort((a, b) => (a.where < b.where ? -1 : a.where > b.where ? 1 : 0));
  const words = tags.size === 0 ? {} : { tags: images.map((id) => tags.get(id) ?? []) };
  if (captions.size === 0) return { ...words, problems, notes };
  return { captions: images.map((id) => captions.get(id) ?? ''), ...words, problems, notes };
}

/** What to say of images without a caption; nothing where all have one. */
export function notesOfMissing(ids: readonly string[], captions: readonly string[] | undefined): string[] {
  const without = captions ? ids.filter((_, index) => captions[index] === '') : [];
  if (without.length === 0) return [];
  return [
    `${without.length} of ${ids.length} images have no caption, the first is ${without[0]}; theirs is the empty text`,
  ];
}

/** The line of metadata that counts for each image that has one. */
interface NearestLines<Line> {
  readonly lines: ReadonlyMap<string, Line>;
  readonly problems: readonly CaptionProblem[];
  readonly notes: readonly string[];
}

/**
 * Reads all metadata files. Of several lines for one image, the one counts from whose folder the fewest steps lead to the image.
 *
 * @param parse  what a line says, or what is wrong with it
 * @see Hugging Face datasets, folder_based_builder.py, which takes the closest metadata file
 */
async function nearestLines<Line extends { readonly fileName: string }>(
  folder: string,
  { images, metadata, elsewhere = [] }: CaptionFiles,
  parse: (line: string) => Line | string,
): Promise<NearestLines<Line>> {
  const found = new Map<
    string,
    { readonly line: Line; readonly path: string; readonly number: number; readonly steps: number }
  >();
  const several = new Set<string>();
  const problems: CaptionProblem[] = [];
  const known = [...images, ...elsewhere];
  const find = nameFinder(known);
  for (const path of metadata) {
    const text = await readText(join(folder, path));
    if (typeof text !== 'string') {
      problems.push({ where: path, reason: text.reason });
      continue;
    }
    const here = new Map<string, number>();
    for (const [index, written] of text.split('\n').entries()) {
      if (written.trim() === '') continue;
      const number = index + 1;
      const problem = (reason: string): void => {
        problems.push({ where: `${path}:${number}`, reason });
      };
      const line = parse(written);
      if (typeof line === 'string') {
        problem(line);
        continue;
      }
      // The name is looked up among the folder's own images, so it cannot lead out of the folder.
      const name = find(posix.join(posix.dirname(path), line.fileName));
      if (name === undefined) problem(`there is no image ${quoteJson(line.fileName)}`);
      else if ('equals' in name) problem(sameToTheEye(line.fileName, name.equals));
      else if (name.index < images.length) {
        const id = known[name.index]!;
        const before = found.get(id);
        const steps = posix.relative(posix.dirname(path), id).split('/').length;
        const twice = here.get(id);
        if (twice !== undefined) {
          problem(`${quoteJson(line.fileName)} has a line already, ${twice}`);
          continue;
        }
        here.set(id, number);
        if (before !== undefined) several.add(id);
        if (before?.steps === steps)
          problem(
            `${quoteJson(line.fileName)} has a line already in ${before.path}:${before.number}, as near to it as this one`,
          );
        else if (before === undefined || steps < before.steps) found.set(id, { line, path, number, steps });
      }
    }
  }
  const [first] = several;
  return {
    lines: new Map([...found].map(([id, { line }]) => [id, line])),
    problems,
    notes:
      first === undefined
        ? []
        : [
            `${several.size} ${several.size === 1 ? 'image has' : 'images have'} lines in several ${metadataName} files, the nearest one counts: that of ${first} is ${found.get(first)!.path}`,
          ],
  };
}

/**
 * What is said of each image: its caption, or the name of its class.
 *
 * @throws one line if the images have neither, or one has an empty caption
 */
export function captionsOf({
  name,
  captions,
  labels,
  classNames,
  ids,
  count,
}: DatasetContent & { readonly name: string }): readonly string[] {
  if (!captions && labels && classNames) return Array.from(labels, (label) => classNames[label]!);
  if (!captions)
    throw new Error(
      `data: the images of ${name} have no captions; put them into metadata.jsonl (file_name and text in each line), or a .txt next to each image, or images of a class into a folder of its name`,
    );
  const empty = captions.flatMap((caption, index) => (caption === '' ? [index] : []));
  if (empty.length > 0)
    throw new Error(
      `data: ${empty.length} of ${count} images of ${name} have an empty caption, the first is ${ids[empty[0]!]}; caption them, or name the others in a list of files`,
    );
  return captions;
}

/**
 * What the lines of a folder's `metadata.jsonl` files say under some keys: a column for each, by image; of several lines for one image the
 * nearest counts. Lines that are no objects are left out.
 *
 * @param images  the paths of its images inside of it, with `/`
 */
export async function metadataColumns(
  folder: string,
  images: readonly string[],
  keys: readonly string[],
): Promise<Map<string, string>[]> {
  const folders = new Set(
    images.flatMap((id) => id.split('/').map((_, depth, parts) => parts.slice(0, depth).join('/'))),
  );
  const metadata = [...folders].map((inside) => posix.join(inside, metadataName));
  // What is wrong with the lines was said when the data set was opened.
  const { lines } = await nearestLines(folder, { images, metadata, texts: [] }, (line) => {
    const entry = parseObject(line);
    const fileName = entry?.['file_name'];
    return typeof fileName === 'string'
      ? { fileName, values: keys.map((key) => entry![key]) }
      : 'no object with file_name';
  });
  return keys.map(
    (_, column) =>
      new Map(
        [...lines].flatMap(([id, { values }]) => {
          const value = values[column];
          return typeof value === 'string' || typeof value === 'number' ? [[id, String(value)] as const] : [];
        }),
      ),
  );
}

function parseObject(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(line) as unknown;
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    return undefined;
  }
}

/** What a line says, or what is wrong with it. */
function parseLine(
  line: string,
): { readonly fileName: string; readonly caption?: string; readonly tags?: readonly string[] } | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return `not valid JSON: ${clipped(line.trim(), 80)}`;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `expected an object with file_name and text, got ${clipped(line.trim(), 80)}`;
  const record = value as Readonly<Record<string, unknown>>;
  const fileName = record['file_name'];
  if (typeof fileName !== 'string' || fileName === '')
    return `expected a file_name, got ${quoteJson(fileName, 'none')}`;
  const key = captionKeys.find((each) => Object.hasOwn(record, each));
  // Columns are anyone's: what is no list of texts means something else.
  const tags =
    Array.isArray(record['tags']) && record['tags'].every((tag) => typeof tag === 'string' && tag.length <= longest)
      ? { tags: (record['tags'] as string[]).map(singleSpaced) }
      : {};
  if (key === undefined) return { fileName, ...tags };
  const caption = record[key];
  if (typeof caption !== 'string') return `${key}: expected a caption, got ${quoteJson(caption)}`;
  if (caption.length > longest) return `${key}: is ${caption.length} characters long, expected at most ${longest}`;
  return { fileName, caption: singleSpaced(caption), ...tags };
}

/** Caption files of images that have no line of metadata. */
async function readCaptionFiles(
  folder: string,
  { images, texts }: CaptionFiles,
  captions: Map<string, string>,
  problems: CaptionProblem[],
): Promise<void> {
  if (texts.length === 0) return;
  const find = nameFinder(texts);
  const wanted = images.flatMap((id) => {
    const name = captions.has(id) ? undefined : find(captionFileOf(id));
    if (name !== undefined && 'equals' in name)
      problems.push({ where: id, reason: sameToTheEye(captionFileOf(id), name.equals) });
    return name !== undefined && 'index' in name ? [{ id, path: texts[name.index]! }] : [];
  });
  const found = await inParallel(wanted.length, 16, async (index) =>
    readText(join(folder, wanted[index]!.path), mostCaptionBytes),
  );
  for (const [index, text] of found.entries()) {
    const { id, path } = wanted[index]!;
    const reason =
      typeof text !== 'string'
        ? text.reason
        : text.length > longest
          ? `is ${text.length} characters long, expected at most ${longest}`
          : undefined;
    if (reason === undefined) captions.set(id, singleSpaced(text as string));
    else problems.push({ where: path, reason });
  }
}

/** `cat.txt` for `cat.png`. */
export function captionFileOf(image: string): string {
  return `${image.slice(0, image.lastIndexOf('.'))}.txt`;
}

function singleSpaced(text: string): string {
  return text.trim().replaceAll(/\s+/g, ' ');
}
