import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Cached } from './cache.ts';
import type { RawImages } from '../images/fit-images.ts';
import type { OpenOptions } from '../images/open-options.ts';
import { openRawImages } from './raw-images.ts';
import type { Source, Split } from './source.ts';
import { describeSystemError } from '../../files/system-reason.ts';

/** Krizhevsky's ten classes, in the order of their labels. */
const cifar10Classes: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

const side = 32;
const plane = side * side;
/** One image of a batch: its label, then its red, its green and its blue pixels, row by row. */
const recordBytes = 1 + 3 * plane;

const trainBatches = [1, 2, 3, 4, 5].map((number) => `data_batch_${number}.bin`);
const batchName = /^(?:data_batch_\d+|test_batch)\.bin$/;

/**
 * The folder `cifar-10-batches-bin`, or one batch of it.
 *
 * @param split  which of the folder's two; a file is what it is
 * @returns nothing if the folder holds no batches, or the file has no batch's name
 * @throws if batches of the split are missing
 * @see https://www.cs.toronto.edu/~kriz/cifar.html
 */
export async function cifar10Source(path: string, split: Split): Promise<Source | undefined> {
  const isFile = (await stat(path)).isFile();
  const folder = isFile ? dirname(path) : path;
  // A folder that cannot be read is no folder of ours; whoever opens it next says why.
  const names: string[] = await readdir(folder).catch(() => []);
  if (!(isFile ? batchName.test(basename(path)) : names.some((name) => batchName.test(name)))) return undefined;
  const batches = isFile ? [basename(path)] : split === 'train' ? trainBatches : ['test_batch.bin'];
  const missing = batches.filter((name) => !names.includes(name));
  if (missing.length > 0)
    throw new Error(
      `data ${JSON.stringify(path)}: ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing; unpack the archive again, or give the path of one batch`,
    );
  return { channels: 3, open: (options) => openBatches(folder, batches, names.includes('batches.meta.txt'), options) };
}

async function openBatches(
  folder: string,
  batches: readonly string[],
  hasNames: boolean,
  options: OpenOptions,
): Promise<Cached> {
  const images: Uint8Array[] = [];
  const labels: number[] = [];
  const ids: string[] = [];
  const classNames = hasNames ? await readNames(join(folder, 'batches.meta.txt')) : cifar10Classes;
  for (const name of batches) {
    const path = join(folder, name);
    const fail = (problem: string) => new Error(`data ${JSON.stringify(path)}: ${problem}`);
    const bytes: Uint8Array = await readFile(path).catch((error: unknown) => {
      throw fail(describeSystemError(error));
    });
    if (bytes.length === 0 || bytes.length % recordBytes !== 0)
      throw fail(
        `has ${bytes.length} bytes, expected a multiple of ${recordBytes} (cut short? the Python and Matlab versions are not read)`,
      );
    const count = bytes.length / recordBytes;
    for (let i = 0; i < count; i++) {
      const label = bytes[i * recordBytes]!;
      if (label >= classNames.length)
        throw fail(`image ${i} has the label ${label}, expected 0 to ${classNames.length - 1}`);
      labels.push(label);
      ids.push(`${name.replace('.bin', '')}/${String(i).padStart(5, '0')}`);
    }
    images.push(interleaved(bytes, count));
  }
  const raw: RawImages = { data: Buffer.concat(images), count: ids.length, height: side, width: side, channels: 3 };
  const key = () =>
    createHash('sha256')
      .update(raw.data)
      .update(JSON.stringify([labels, classNames]))
      .digest('hex');
  const decoded = { count: raw.count, ids, labels: Int32Array.from(labels), classNames, skipped: [], notes: [] };
  return openRawImages(raw, decoded, { path: folder, name: ['cifar10', folder, batches], key }, options);
}

/** [N, H, W, C] from records of a label and [C, H, W]. */
function interleaved(bytes: Uint8Array, count: number): Uint8Array {
  const out = new Uint8Array(count * 3 * plane);
  for (let i = 0; i < count; i++) {
    for (let channel = 0; channel < 3; channel++) {
      const from = i * recordBytes + 1 + channel * plane;
      for (let pixel = 0; pixel < plane; pixel++) out[(i * plane + pixel) * 3 + channel] = bytes[from + pixel]!;
    }
  }
  return out;
}

async function readNames(path: string): Promise<string[]> {
  const names = (await readFile(path, 'utf8'))
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (names.length < 1 || names.length > 256)
    throw new Error(
      `data ${JSON.stringify(path)}: has ${names.length} names of classes, expected 1 to 256, a line each`,
    );
  return names;
}
