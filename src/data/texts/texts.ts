/** Captions without their images. */
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { readFolderCaptions } from '../sets/folder.ts';
import { readText } from '../../files/read-text.ts';
import { describeSystemError } from '../../files/system-reason.ts';

/** Captions that were read. */
export interface Texts {
  readonly texts: readonly string[];
  /** What was left out; to be shown. */
  readonly notes: readonly string[];
}

/** More is no list of captions that a person means to give whole. */
const mostBytes = 2 ** 30;

/**
 * The captions of a folder of images by Hugging Face's `imagefolder` convention, or of a text with one on each line. Empty ones are left out.
 *
 * @throws one line if it is neither, cannot be read, or holds no caption
 */
export async function readTexts(path: string): Promise<Texts> {
  const where = `captions ${JSON.stringify(path)}`;
  const found = await stat(path).catch((error: unknown) => {
    throw new Error(
      `${where}: ${describeSystemError(error)}; give a folder of captioned images, or a .txt with a caption on each line`,
      { cause: error },
    );
  });
  const { captions, notes } = found.isDirectory()
    ? await readFolderCaptions(path)
    : { captions: await readLines(path, found.size, where), notes: [] };
  const texts = captions.map((text) => text.trim()).filter((text) => text !== '');
  if (texts.length === 0)
    throw new Error(
      `${where}: holds no caption; ${found.isDirectory() ? 'they come from metadata.jsonl or from a .txt next to each image' : 'it has a caption on each line'}`,
    );
  return { texts, notes };
}

async function readLines(path: string, size: number, where: string): Promise<string[]> {
  if (extname(path).toLowerCase() !== '.txt')
    throw new Error(`${where}: expected a folder, or a .txt with a caption on each line`);
  if (size > mostBytes)
    throw new Error(`${where}: has ${(size / 2 ** 30).toFixed(1)} GiB, expected at most 1; give a part of it`);
  const text = await readText(path);
  if (typeof text !== 'string') throw new Error(`${where}: ${text.reason}`);
  return text.split('\n');
}
