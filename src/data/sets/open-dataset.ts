import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { nearest, unknownName } from '../../core/suggest.ts';
import { defaultCacheDir } from '../../files/default-cache-dir.ts';
import type { Dataset } from './dataset.ts';
import { checkResample } from '../images/image.ts';
import { openDefaults } from '../images/open-options.ts';
import type { OpenOptions } from '../images/open-options.ts';
import { heightAndWidth } from '../images/image-size.ts';
import type { Source } from './source.ts';
import { cifar10Source } from './cifar10.ts';
import { heldOutFolder } from './folder-splits.ts';
import { openFolder } from './folder.ts';
import { idxSource } from './idx.ts';
import { namedDatasets, namedSource } from './named.ts';
import { notoEmoji, openNotoEmoji } from './noto-emoji.ts';
import { fromHome } from '../../files/from-home.ts';
import { MissingDataError } from './missing-data.ts';

/** The data sets that go by a name: the one that comes with the package, and those that are looked for on the machine. */
export const builtInDatasets: readonly string[] = [notoEmoji, ...namedDatasets];

/**
 * The held-out part of a data set that has one: `mnist/test` of `mnist`, `./photos/test` of a folder with `train` and `test` in it.
 *
 * @returns undefined for any other
 */
export async function testPartOf(source: string): Promise<string | undefined> {
  const [set = '', part = 'train'] = source.split('/');
  if (set === notoEmoji) return undefined;
  if (namedDatasets.includes(set)) return part === 'train' ? `${set}/test` : undefined;
  return heldOutFolder(fromHome(source));
}

/** Larger images are not what a pixel-space model on one machine trains on, and 1,897 emoji would be 95 GB. */
const maxSize = 4096;

/**
 * Opens a data set: decoded in parallel the first time, read from the cache afterwards.
 *
 * @param source  `noto-emoji`, or a part of it such as `noto-emoji/faces`, `noto-emoji/animals`, `noto-emoji/face-smiling`;
 *                `mnist`, `fashion-mnist` or `cifar10`, each with `/test` behind it for the test set; or a path (`./mnist` for a
 *                folder of that name): of a folder of images, whose sub-folders are classes, or the splits `train`, `validation` and
 *                `test`, of which the first is read; of a folder of idx files or of CIFAR-10's binary batches, again with `/test`
 *                behind it; or of one such file
 * @throws if there is no such data set or folder (naming the nearest), if it holds no images, if one is bad and `skipBad` is off,
 *   or if `resample` comes with another crop than `center`
 * @example
 * import { openDataset } from 'kuosan/data';
 *
 * const { count, channels } = await openDataset('noto-emoji/smileys', { size: 16 }); // or a folder of images
 * console.log(count, channels); // 169 3
 */
export async function openDataset(source: string, options: Partial<OpenOptions> = {}): Promise<Dataset> {
  const settings = { ...openDefaults, ...options, cacheDir: options.cacheDir ?? defaultCacheDir() };
  const [height, width] = heightAndWidth(settings.size);
  for (const extent of [height, width]) {
    if (!Number.isInteger(extent) || extent < 1 || extent > maxSize)
      throw new Error(`data size: expected an integer from 1 to ${maxSize}, got ${extent}`);
  }
  checkResample(settings.crop, settings.resample);
  settings.signal?.throwIfAborted();
  const found = await findSource(source);
  const { content, fingerprint, fromCache } = await found.open({
    ...settings,
    size: height === width ? height : [height, width],
    channels: options.channels ?? found.channels,
  });
  return { ...content, name: source, fingerprint, fromCache };
}

async function findSource(source: string): Promise<Source> {
  const [set = '', ...rest] = source.replace(/\/+$/, '').split('/');
  const part = rest.length === 0 ? undefined : rest.join('/');
  if (set === notoEmoji) return { channels: 3, open: (options) => openNotoEmoji(part, options) };
  if (namedDatasets.includes(set)) return namedSource(set, part);

  const path = fromHome(source);
  const arrays = async (place: string, split: 'train' | 'test') =>
    (await idxSource(place, split)) ?? (await cifar10Source(place, split));
  const found = source === '' ? undefined : await stat(path).catch(() => undefined);
  if (found !== undefined) {
    const source = await arrays(path, 'train');
    if (source !== undefined) return source;
  }
  if (found?.isDirectory()) return { channels: 3, open: (options) => openFolder(path, options) };
  if (found !== undefined)
    throw new Error(`data ${JSON.stringify(source)}: this is a file; give the folder it lies in`);
  const split = basename(path);
  if ((split === 'train' || split === 'test') && (await stat(dirname(path)).catch(() => undefined))?.isDirectory()) {
    const source = await arrays(dirname(path), split);
    if (source !== undefined) return source;
  }
  const suggestion = nearest(source.split('/')[0]!, builtInDatasets);
  if (suggestion !== undefined)
    throw new MissingDataError('set', `unknown data set ${JSON.stringify(source)}; did you mean ${suggestion}?`);
  const siblings = await foldersIn(dirname(path));
  const neighbor = nearest(basename(path), siblings);
  if (neighbor !== undefined)
    throw new MissingDataError(
      'set',
      `unknown data set ${JSON.stringify(source)}; did you mean the folder ${join(dirname(path), neighbor)}?`,
    );
  throw new MissingDataError(
    'set',
    `${unknownName('data set', source, builtInDatasets)}, or the path of a folder of images`,
  );
}

async function foldersIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name);
}
