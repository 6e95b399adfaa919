import { totalmem } from 'node:os';
import { describeSize, heightAndWidth, type ImageSize } from '../images/image-size.ts';

/**
 * Checks that the images of a data set fit into memory, before they are decoded.
 *
 * @throws if they take more than four fifths of it
 */
export function checkMemory(source: string, count: number, size: ImageSize, channels: number): void {
  const [height, width] = heightAndWidth(size);
  const bytes = count * height * width * channels;
  if (bytes > 0.8 * totalmem()) {
    const gigabytes = (value: number): string => (value / 1e9).toFixed(1);
    throw new Error(
      `data ${JSON.stringify(source)}: ${count} images at ${describeSize(size)} take ${gigabytes(bytes)} GB, this machine has ${gigabytes(totalmem())} GB; give a smaller --size`,
    );
  }
}
