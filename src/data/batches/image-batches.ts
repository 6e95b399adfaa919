import { float32 } from '../../core/dtype.ts';
import type { FloatArray } from '../../core/dtype.ts';
import { unitOfByte } from './batches.ts';
import type { DatasetContent } from '../sets/dataset.ts';

/** Some images of a data set, one after another. */
export interface ImageBatch {
  /** [batchSize, C, H, W] in [−1, 1]; behind the last image zeros. */
  readonly images: FloatArray;
  /** The place of the first. */
  readonly first: number;
  /** How many there are: batchSize, but for the last batch. */
  readonly count: number;
}

/**
 * All images in order, in batches of one size, so that one compiled program takes them all.
 *
 * @param places  which images, default all
 */
export function* imageBatches(
  content: DatasetContent,
  batchSize: number,
  places?: ArrayLike<number>,
): Generator<ImageBatch, void, undefined> {
  const { images, height, width, channels } = content;
  const total = places?.length ?? content.count;
  const area = height * width;
  for (let first = 0; first < total; first += batchSize) {
    const count = Math.min(batchSize, total - first);
    const data = new Float32Array(batchSize * channels * area);
    for (let b = 0; b < count; b++) {
      const pixels = images.at(places?.[first + b] ?? first + b);
      for (let c = 0; c < channels; c++) {
        const to = (b * channels + c) * area;
        for (let i = 0; i < area; i++) data[to + i] = unitOfByte[pixels[i * channels + c]!]!;
      }
    }
    yield { images: float32([batchSize, channels, height, width], data), first, count };
  }
}
