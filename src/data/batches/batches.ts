import { float32 } from '../../core/dtype.ts';
import type { FloatArray } from '../../core/dtype.ts';
import { RandomStream } from '../../core/random.ts';
import type { Dataset, DatasetContent } from '../sets/dataset.ts';
import { byteToUnit } from '../images/bitmap.ts';

/** The images of one training step. */
export interface Batch {
  /** [B, C, H, W] in [−1, 1]. */
  readonly images: FloatArray;
  /** [B] classes, where the data set has them. */
  readonly labels?: Int32Array;
  /** [B] which images these are; `dataset.captions[indices[b]]` is the caption of image b. */
  readonly indices: Uint32Array;
}

/** Which batch is asked for. */
export interface BatchOptions {
  readonly seed: number;
  /** Counted from 0. */
  readonly step: number;
  readonly batchSize: number;
  /** Mirror half of the images left to right; default false (letters, flags and hands have a side). */
  readonly horizontalFlip?: boolean;
}

/** What `byteToUnit` gives for every byte, in the float32 that a batch holds. */
export const unitOfByte: Float32Array = Float32Array.from({ length: 256 }, (_, byte) => byteToUnit(byte));

/**
 * The orders of the newest epochs of each data set. A memo and nothing more: `orderOf` gives the same with it empty.
 * Two are kept because a batch that ends one epoch begins the next.
 */
const recentOrders = new WeakMap<DatasetContent, { seed: number; epoch: number; order: Uint32Array }[]>();

/** [N] the order in which an epoch shows the images: a permutation keyed by (seed, epoch). */
function orderOf(dataset: DatasetContent, seed: number, epoch: number): Uint32Array {
  const recent = recentOrders.get(dataset) ?? [];
  const found = recent.find((entry) => entry.seed === seed && entry.epoch === epoch);
  if (found !== undefined) return found.order;
  const order = new RandomStream(seed, 'shuffle', epoch).permutation(dataset.count);
  recentOrders.set(dataset, [...recent.slice(-1), { seed, epoch, order }]);
  return order;
}

/**
 * Which images a batch holds; see `batchAt`.
 *
 * @throws if step or batchSize is not an integer in range, or the data set is empty
 */
export function batchIndices(
  dataset: Dataset,
  { seed, step, batchSize }: Pick<BatchOptions, 'seed' | 'step' | 'batchSize'>,
): Uint32Array {
  const { count } = dataset;
  if (count === 0) throw new Error(`batchAt: data set ${JSON.stringify(dataset.name)} has no images`);
  if (!Number.isSafeInteger(step) || step < 0)
    throw new Error(`batchAt: step: expected an integer of 0 or more, got ${step}`);
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new Error(`batchAt: batchSize: expected a positive integer, got ${batchSize}`);
  return Uint32Array.from({ length: batchSize }, (_, b) => {
    const place = step * batchSize + b;
    return orderOf(dataset, seed, Math.floor(place / count))[place % count]!;
  });
}

/**
 * The batch of a training step: a pure function of the data set, the seed and the step, so a resumed training sees
 * the batches it would have seen.
 *
 * Images come epoch by epoch, each a fresh permutation; place p = step · B + b of the endless row is image
 * p mod N of epoch ⌊p / N⌋. Batches run across the ends of epochs and are always full, also when B > N.
 * Whether place p is mirrored is keyed by (seed, p).
 *
 * @throws if step or batchSize is not an integer in range, or the data set is empty
 */
export function batchAt(dataset: Dataset, { seed, step, batchSize, horizontalFlip = false }: BatchOptions): Batch {
  const { images, height, width, channels } = dataset;
  const indices = batchIndices(dataset, { seed, step, batchSize });
  const area = height * width;
  const out = new Float32Array(batchSize * channels * area);
  for (let b = 0; b < batchSize; b++) {
    const place = step * batchSize + b;
    // The top bit: every bit of Philox is good, and this one needs no mask.
    const mirrored = horizontalFlip && new RandomStream(seed, 'flip', place).uint32() >>> 31 === 1;
    const pixels = images.at(indices[b]!);
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        const to = ((b * channels + c) * height + y) * width;
        const from = y * width * channels + c;
        for (let x = 0; x < width; x++) {
          out[to + x] = unitOfByte[pixels[from + (mirrored ? width - 1 - x : x) * channels]!]!;
        }
      }
    }
  }
  const labels = dataset.labels && Int32Array.from(indices, (index) => dataset.labels![index]!);
  return { images: float32([batchSize, channels, height, width], out), indices, ...(labels && { labels }) };
}

/** The images at the given places of a data set, as bytes. */
export function imagesAt(
  dataset: DatasetContent,
  indices: Iterable<number>,
): { data: Uint8Array; height: number; width: number; channels: 1 | 3 }[] {
  const { images, height, width, channels } = dataset;
  return Array.from(indices, (index) => ({ data: images.at(index).slice(), height, width, channels }));
}
