import type { FloatArray } from '../core/index.ts';
import { imagesAt, toBitmaps, type DatasetContent, type Bitmap } from '../data/index.ts';

/** The nearest real image of a generated one. */
export interface Nearest {
  /** Its place in the data set. */
  readonly index: number;
  /** The root of the mean squared difference of their pixels, in gray levels (0 … 255). */
  readonly distance: number;
  /**
   * The distance to it divided by that to the nearest other one, 0 … 1; copies are far below 1. 0 where the distance is 0,
   * null where all real images are the same: there is no other one to compare with.
   */
  readonly ratio: number | null;
}

/**
 * An image nearer to its nearest real one than to a third of the distance to the next is taken for a copy.
 *
 * @see Yoon, Choi, Kwon & Ryu 2023, "Diffusion Probabilistic Models Generalize when They Fail to Memorize", section 3 (their c = 1/3)
 */
export const copyRatio = 1 / 3;

/**
 * Finds, for generated images, the nearest real ones by the distance of their pixels. Real images that equal the nearest
 * do not count as the next: duplicates in the data would hide every copy.
 *
 * @param images  [B, C, H, W] about −1 … 1, of the size of the data's
 * @throws if they have another size
 */
export function nearestImages(images: FloatArray, data: DatasetContent): Nearest[] {
  const size = data.height * data.width * data.channels;
  return toBitmaps(images).map(({ data: bytes, width, height, channels }) => {
    if (width !== data.width || height !== data.height || channels !== data.channels)
      throw new Error(
        `nearestImages: the generated images are ${width}×${height} with ${channels} channels, the real ones ${data.width}×${data.height} with ${data.channels}`,
      );
    let [best, next, index] = [Infinity, Infinity, -1];
    for (let place = 0; place < data.count; place++) {
      const squared = squaredDistance(bytes, data.images, place * size, next);
      if (squared >= next) continue;
      if (squared === best && isSame(data.images, place * size, index * size, size)) continue;
      if (squared < best) [next, best, index] = [best, squared, place];
      else next = squared;
    }
    return {
      index,
      distance: Math.sqrt(best / size),
      ratio: best === 0 ? 0 : next === Infinity ? null : Math.sqrt(best / next),
    };
  });
}

/** Gives up as soon as it cannot be less than `most`. */
function squaredDistance(a: Uint8Array, all: Uint8Array, from: number, most: number): number {
  let sum = 0;
  for (let start = 0; start < a.length && sum < most; start += 64) {
    const end = Math.min(start + 64, a.length);
    for (let i = start; i < end; i++) {
      const difference = a[i]! - all[from + i]!;
      sum += difference * difference;
    }
  }
  return sum;
}

function isSame(all: Uint8Array, a: number, b: number, size: number): boolean {
  for (let i = 0; i < size; i++) if (all[a + i] !== all[b + i]) return false;
  return true;
}

/** Generated images and their nearest real ones in turn, to be laid in a grid of an even number of columns: each pair side by side. */
export function nearestPairs(images: FloatArray, nearest: readonly Nearest[], data: DatasetContent): Bitmap[] {
  const real = imagesAt(
    data,
    nearest.map(({ index }) => index),
  );
  return toBitmaps(images).flatMap((image, i) => [image, real[i]!]);
}
