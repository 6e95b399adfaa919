import { totalmem } from 'node:os';

/**
 * Checks that the pictures of a data set fit into memory, before they are decoded.
 *
 * @throws if they take more than four fifths of it
 */
export function checkMemory(source: string, count: number, size: number, channels: number): void {
  const bytes = count * size * size * channels;
  if (bytes > 0.8 * totalmem()) {
    const gigabytes = (value: number): string => (value / 1e9).toFixed(1);
    throw new Error(`data ${JSON.stringify(source)}: ${count} images at ${size}×${size} take ${gigabytes(bytes)} GB, this machine has ${gigabytes(totalmem())} GB; give a smaller --size`);
  }
}
