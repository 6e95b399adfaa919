import { totalmem } from 'node:os';
import { describeSize } from '../images/image-size.ts';
import type { DatasetContent } from './dataset.ts';

/**
 * Checks that images which have to be held in memory fit into it, before they are decoded.
 *
 * @param problem  why they are not in a file
 * @throws if they take more than four fifths of it
 */
export function checkMemory(
  {
    source,
    count,
    height,
    width,
    channels,
  }: Pick<DatasetContent, 'count' | 'height' | 'width' | 'channels'> & { readonly source: string },
  problem?: string,
): void {
  const bytes = count * height * width * channels;
  if (bytes <= 0.8 * totalmem()) return;
  throw new Error(
    `data ${JSON.stringify(source)}: ${count} images at ${describeSize([height, width])} take ${gigabytes(bytes)} of memory, this machine has ${gigabytes(totalmem())}; ${
      problem === undefined
        ? 'give a smaller --size'
        : `${problem}; set KUOSAN_CACHE to a folder with room for them, or give a smaller --size`
    }`,
  );
}

/** `1.2 GB` */
export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
