import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { nearest, unknownName } from '../core/suggest.ts';
import { defaultCacheDir } from './cache.ts';
import { fingerprintOf } from './dataset.ts';
import type { Dataset } from './dataset.ts';
import { openDefaults } from './open-options.ts';
import type { OpenOptions } from './open-options.ts';
import { openFolder } from './sources/folder.ts';
import { notoEmoji, openNotoEmoji } from './sources/noto-emoji.ts';

/** The data sets that need no folder. */
export const builtInDatasets: readonly string[] = [notoEmoji];

/** Larger pictures are not what a pixel-space model on one machine trains on, and 1,897 emoji would be 95 GB. */
const maxSize = 4096;

/**
 * Opens a data set: decoded in parallel the first time, read from the cache afterwards.
 *
 * @param source  `noto-emoji`; a part of it such as `noto-emoji/faces`, `noto-emoji/animals`, `noto-emoji/face-smiling`; or the path
 *                of a folder of images, whose sub-folders are classes (`./noto-emoji` for a folder of that name)
 * @throws if there is no such data set or folder (naming the nearest), if it holds no images, or if one is bad and `skipBad` is off
 */
export async function openDataset(source: string, options: Partial<OpenOptions> = {}): Promise<Dataset> {
  const settings: OpenOptions = { ...openDefaults, ...options, cacheDir: options.cacheDir ?? defaultCacheDir() };
  if (!Number.isInteger(settings.size) || settings.size < 1 || settings.size > maxSize) {
    throw new Error(`data size: expected an integer from 1 to ${maxSize}, got ${settings.size}`);
  }
  settings.signal?.throwIfAborted();
  const [set, ...rest] = source.replace(/\/+$/, '').split('/');
  const opened = set === notoEmoji
    ? await openNotoEmoji(rest.length === 0 ? undefined : rest.join('/'), settings)
    : await openFolder(await findFolder(source), settings);
  return { ...opened.content, name: source, fingerprint: fingerprintOf(opened.content), fromCache: opened.fromCache };
}

async function findFolder(source: string): Promise<string> {
  // The shell expands ~ only at the start of a word; "--data=~/pics" arrives as it is.
  const path = source.startsWith('~/') ? join(homedir(), source.slice(2)) : source;
  const found = source === '' ? undefined : await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return path;
  if (found !== undefined) throw new Error(`data ${JSON.stringify(source)}: this is a file; give the folder it lies in`);
  const suggestion = nearest(source.split('/')[0]!, builtInDatasets);
  if (suggestion !== undefined) throw new Error(`unknown data set ${JSON.stringify(source)}; did you mean ${suggestion}?`);
  const beside = await foldersIn(dirname(path));
  const neighbor = nearest(basename(path), beside);
  if (neighbor !== undefined) throw new Error(`unknown data set ${JSON.stringify(source)}; did you mean the folder ${join(dirname(path), neighbor)}?`);
  throw new Error(`${unknownName('data set', source, builtInDatasets)}, or the path of a folder of images`);
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name);
}
