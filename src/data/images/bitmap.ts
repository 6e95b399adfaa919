import { float32 } from '../../core/dtype.ts';
import type { FloatArray } from '../../core/dtype.ts';

/** One image: `data` is [H, W, C] in 0 … 255, gray (1), sRGB (3) or sRGB with alpha (4). */
export interface Bitmap {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3 | 4;
}

/** The value in [−1, 1] of each byte: x/127.5 − 1, so that 0 ↦ −1 and 255 ↦ 1 (Ho et al. 2020, §3.3). */
export function byteToUnit(byte: number): number {
  return byte / 127.5 - 1;
}

/**
 * The byte of a value in [−1, 1]: ⌊127.5 (x + 1) + ½⌋ clipped to 0 … 255, so halves always round up.
 * The inverse of `byteToUnit`: every byte survives the way there and back. NaN becomes 0.
 */
export function unitToByte(value: number): number {
  const byte = Math.floor((value + 1) * 127.5 + 0.5);
  // Written so that a NaN fails the first test.
  return byte > 0 ? Math.min(byte, 255) : 0;
}

/**
 * The images of a batch.
 *
 * @param batch  [B, C, H, W] or one image [C, H, W], in [−1, 1]; values outside are clipped; C is 1 or 3
 * @returns      B images
 * @throws if the shape is neither, or C is neither 1 nor 3
 * @example
 * import { float32 } from 'kuosan/core';
 * import { toBitmaps, writePng } from 'kuosan/data';
 *
 * const [gray] = toBitmaps(float32([1, 1, 8, 8])); // 0 of −1 … 1
 * console.log(gray!.data[0]); // 128
 * await writePng('gray.png', gray!);
 */
export function toBitmaps(batch: FloatArray): Bitmap[] {
  const shape = batch.shape.length === 3 ? [1, ...batch.shape] : batch.shape;
  const [count = 0, channels = 0, height = 0, width = 0] = shape;
  if (shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    throw new Error(`toBitmaps: expected [B, C, H, W] with 1 or 3 channels, got [${batch.shape.join(', ')}]`);
  }
  const area = height * width;
  return Array.from({ length: count }, (_, b) => {
    const data = new Uint8Array(area * channels);
    for (let c = 0; c < channels; c++) {
      const plane = (b * channels + c) * area;
      for (let i = 0; i < area; i++) data[i * channels + c] = unitToByte(batch.data[plane + i]!);
    }
    return { data, height, width, channels };
  });
}

/**
 * Images of one size as a batch.
 *
 * @returns  [B, C, H, W] in [−1, 1]
 * @throws if there are none, or they differ in size or channels
 */
export function fromBitmaps(images: readonly Bitmap[]): FloatArray {
  const first = images[0];
  if (first === undefined) throw new Error('fromBitmaps: no images');
  const { height, width, channels } = first;
  const area = height * width;
  const out = new Float32Array(images.length * channels * area);
  for (const [b, image] of images.entries()) {
    if (image.height !== height || image.width !== width || image.channels !== channels) {
      throw new Error(`fromBitmaps: image ${b} is ${describeBitmap(image)}, the first is ${describeBitmap(first)}`);
    }
    for (let c = 0; c < channels; c++) {
      for (let i = 0; i < area; i++) out[(b * channels + c) * area + i] = byteToUnit(image.data[i * channels + c]!);
    }
  }
  return float32([images.length, channels, height, width], out);
}

function describeBitmap({ height, width, channels }: Bitmap): string {
  return `${width}×${height} with ${channels} channels`;
}

/** The image as [H, W, 3], gray repeated and transparency put on white. */
export function toRgb(image: Bitmap): Bitmap {
  if (image.channels === 3) return image;
  const area = image.height * image.width;
  const data = new Uint8Array(area * 3);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) {
      if (image.channels === 1) {
        data[i * 3 + c] = image.data[i]!;
      } else {
        const alpha = image.data[i * 4 + 3]! / 255;
        data[i * 3 + c] = Math.floor(image.data[i * 4 + c]! * alpha + 255 * (1 - alpha) + 0.5);
      }
    }
  }
  return { data, height: image.height, width: image.width, channels: 3 };
}

/** The image with every pixel repeated `scale` times in both directions. */
export function enlargeBitmap(image: Bitmap, scale: number): Bitmap {
  if (!Number.isInteger(scale) || scale < 1)
    throw new Error(`enlarge: expected a positive integer scale, got ${scale}`);
  if (scale === 1) return image;
  const { height, width, channels } = image;
  const data = new Uint8Array(height * width * channels * scale * scale);
  const row = width * scale * channels;
  for (let y = 0; y < height; y++) {
    const start = y * scale * row;
    for (let x = 0; x < width * scale; x++) {
      const from = (y * width + Math.floor(x / scale)) * channels;
      for (let c = 0; c < channels; c++) data[start + x * channels + c] = image.data[from + c]!;
    }
    for (let copy = 1; copy < scale; copy++) data.copyWithin(start + copy * row, start, start + row);
  }
  return { data, height: height * scale, width: width * scale, channels };
}
