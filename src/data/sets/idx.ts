import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { constants, gunzip, gunzipSync } from 'node:zlib';
import { readIdx, type IdxArray } from '../../formats/idx.ts';
import type { Cached } from './cache.ts';
import type { DatasetContent } from './dataset.ts';
import type { RawImages } from '../images/fit-images.ts';
import type { OpenOptions } from '../images/open-options.ts';
import { openRawImages } from './raw-images.ts';
import type { Source, Split } from './source.ts';
import { describeSystemError } from '../../files/system-reason.ts';

/** The names MNIST's files have, and those that others have given them: `emnist-letters-train-images-idx3-ubyte.gz`. */
const imagesName = /^(.*?)(train|t10k|test)-images[-.]idx3-ubyte(\.gz)?$/;

/**
 * The idx files of a folder, or one file of images, as MNIST and Fashion-MNIST come; labels are taken from the file next to it.
 *
 * @param split       which of a folder's two; a file is what it is
 * @param classNames  what the labels mean; their digits when left out
 * @returns nothing if the folder holds no such files, or the file has no such name
 * @throws if the folder holds several sets, or only the other split
 */
export async function idxSource(
  path: string,
  split: Split,
  classNames?: readonly string[],
): Promise<Source | undefined> {
  const open = (images: string): Source => ({ channels: 1, open: (options) => openIdx(images, classNames, options) });
  if ((await stat(path)).isFile()) return imagesName.test(basename(path)) ? open(path) : undefined;
  // A folder that cannot be read is no folder of ours; whoever opens it next says why.
  const found = (await readdir(path).catch(() => [])).sort().flatMap((name) => {
    const [, set, part, gz] = imagesName.exec(name) ?? [];
    return set === undefined ? [] : [{ name, set, split: part === 'train' ? 'train' : 'test', gz: gz !== undefined }];
  });
  if (found.length === 0) return undefined;
  const sets = [...new Set(found.map(({ set }) => set))];
  if (sets.length > 1)
    throw new Error(
      `data ${JSON.stringify(path)}: holds ${sets.length} sets; give the path of one, such as ${JSON.stringify(join(path, found[0]!.name))}`,
    );
  // Unpacked and packed side by side are one file twice.
  const file =
    found.find((entry) => entry.split === split && !entry.gz) ?? found.find((entry) => entry.split === split);
  if (file === undefined)
    throw new Error(`data ${JSON.stringify(path)}: there is no ${split} set in it, only ${found[0]!.name}`);
  return open(join(path, file.name));
}

async function openIdx(path: string, classNames: readonly string[] | undefined, options: OpenOptions): Promise<Cached> {
  const images = await readArray(path);
  const fail = (problem: string) => new Error(`data ${JSON.stringify(path)}: ${problem}`);
  const [count = 0, height = 0, width = 0] = images.shape;
  if (images.dtype !== 'u8' || images.shape.length !== 3)
    throw fail(`holds ${images.dtype}[${images.shape.join(', ')}], expected images: u8[N, height, width]`);
  if (images.data.length === 0) throw fail(`holds no images: u8[${images.shape.join(', ')}]`);
  const classes = await readLabels(path, count, classNames);
  const raw: RawImages = { data: images.data as Uint8Array, count, height, width, channels: 1 };
  const name = basename(path).replace(imagesName, '$1$2');
  const key = () =>
    createHash('sha256')
      .update(raw.data)
      .update(JSON.stringify([height, width, classes.classNames]))
      .update(classes.labels ?? '')
      .digest('hex');
  const decoded = {
    count,
    ids: Array.from({ length: count }, (_, i) => `${name}/${String(i).padStart(5, '0')}`),
    ...classes,
    skipped: [],
    notes: classes.labels ? [] : [`no classes: there is no file of labels next to ${basename(path)}`],
  };
  return openRawImages(raw, decoded, { path, name: ['idx', path], key }, options);
}

async function readLabels(
  images: string,
  count: number,
  classNames: readonly string[] | undefined,
): Promise<Pick<DatasetContent, 'labels' | 'classNames'>> {
  const wanted = basename(images).replace('-images', '-labels').replace('idx3', 'idx1').replace(/\.gz$/, '');
  const names = await readdir(dirname(images));
  const name = [wanted, `${wanted}.gz`].find((each) => names.includes(each));
  if (name === undefined) return {};
  const path = join(dirname(images), name);
  const fail = (problem: string) => new Error(`data ${JSON.stringify(path)}: ${problem}`);
  const { dtype, shape, data } = await readArray(path);
  if (dtype !== 'u8' || shape.length !== 1) throw fail(`holds ${dtype}[${shape.join(', ')}], expected labels: u8[N]`);
  if (data.length !== count) throw fail(`has ${data.length} labels for ${count} images`);
  const labels = Int32Array.from(data as Uint8Array);
  const largest = labels.reduce((most, label) => Math.max(most, label), 0);
  if (classNames && largest >= classNames.length)
    throw fail(`has a label ${largest}, expected 0 to ${classNames.length - 1}`);
  return { labels, classNames: classNames ?? Array.from({ length: largest + 1 }, (_, label) => String(label)) };
}

async function readArray(path: string): Promise<IdxArray> {
  try {
    const bytes = await readFile(path);
    return readIdx(path.endsWith('.gz') ? await unpack(bytes) : bytes);
  } catch (error) {
    throw new Error(`data ${JSON.stringify(path)}: ${describeSystemError(error).replace(/^readIdx: /, '')}`, {
      cause: error,
    });
  }
}

/** Deflate writes at least a bit for 129 bytes. @see https://www.zlib.net/zlib_tech.html */
const mostDeflated = 1032;

/** What the header of a packed file says its size is, is what is unpacked at most: a file that goes on for ever must not fill the memory. */
async function unpack(bytes: Uint8Array): Promise<Uint8Array> {
  const headBytes = 4 + 4 * 255;
  // A kilobyte of deflate is at most a megabyte.
  const head = gunzipSync(bytes.subarray(0, 2 * headBytes), { finishFlush: constants.Z_SYNC_FLUSH });
  const axes = head[3] ?? 0;
  const shape = Array.from({ length: axes }, (_, axis) =>
    head.length >= 8 + 4 * axis ? head.readUInt32BE(4 + 4 * axis) : 0,
  );
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (count > mostDeflated * bytes.length)
    throw new Error(
      `has ${bytes.length} bytes, too few for the shape in its header: [${shape.slice(0, 8).join(', ')}${axes > 8 ? ', …' : ''}]`,
    );
  const size = 4 + 4 * axes + 8 * count;
  try {
    return await promisify(gunzip)(bytes, { maxOutputLength: Math.min(size, 2 ** 31) });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new Error('unpacks to more than its shape asks for', { cause: error });
    throw error;
  }
}
