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
  const found = toBitmaps(images).map(({ data: bytes, width, height, channels }) => {
    if (width !== data.width || height !== data.height || channels !== data.channels)
      throw new Error(
        `nearestImages: the generated images are ${width}×${height} with ${channels} channels, the real ones ${data.width}×${data.height} with ${data.channels}`,
      );
    return { bytes, best: Infinity, next: Infinity, index: -1, real: bytes };
  });
  // Real images may lie in a file: each is read once for all generated ones.
  for (let place = 0; place < data.count; place++) {
    const real = data.images.at(place);
    for (const each of found) {
      const squared = squaredDistance(each.bytes, real, each.next);
      if (squared >= each.next) continue;
      if (squared === each.best && isSame(real, each.real)) continue;
      if (squared < each.best) [each.next, each.best, each.index, each.real] = [each.best, squared, place, real];
      else each.next = squared;
    }
  }
  const size = data.height * data.width * data.channels;
  return found.map(({ best, next, index }) => ({
    index,
    distance: Math.sqrt(best / size),
    ratio: best === 0 ? 0 : next === Infinity ? null : Math.sqrt(best / next),
  }));
}

/** Gives up as soon as it cannot be less than `most`. */
function squaredDistance(a: Uint8Array, b: Uint8Array, most: number): number {
  let sum = 0;
  for (let start = 0; start < a.length && sum < most; start += 64) {
    const end = Math.min(start + 64, a.length);
    for (let i = start; i < end; i++) {
      const difference = a[i]! - b[i]!;
      sum += difference * difference;
    }
  }
  return sum;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}

/** Generated images and their nearest real ones in turn, to be laid in a grid of an even number of columns: each pair side by side. */
export function nearestPairs(images: FloatArray, nearest: readonly Nearest[], data: DatasetContent): Bitmap[] {
  const real = imagesAt(
    data,
    nearest.map(({ index }) => index),
  );
  return toBitmaps(images).flatMap((image, i) => [image, real[i]!]);
}
