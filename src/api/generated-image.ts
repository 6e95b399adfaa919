/** An image as a program wants it: pixels, a file, something to show. */
import type { FloatArray } from '../core/index.ts';
import { toBitmaps, type Bitmap } from '../data/images/bitmap.ts';
import type { Bytes } from '../formats/index.ts';

/** Pixels as `ImageData` and canvases take them. */
export type RgbaPixels = ReturnType<Uint8ClampedArray['slice']>;

/** A generated image: [height, width, channels] in 0 … 255, and what becomes of it. */
export interface GeneratedImage extends Bitmap {
  /** The seed that it comes from. */
  readonly seed: number;
  /** Its number among the images of the seed: seed and index together are the image. */
  readonly index: number;
  /** A PNG file of it: `await writeFile('image.png', await image.toPng())`. */
  toPng(): Promise<Bytes>;
  /** The same as a blob: `URL.createObjectURL(await image.toBlob())` is an address that a page can show. */
  toBlob(): Promise<Blob>;
  /** [height, width, 4] in 0 … 255, opaque: `new ImageData(image.toRgba(), image.width, image.height)`. */
  toRgba(): RgbaPixels;
}

/** Encodes an image as PNG, in the way of a platform. */
export type PngEncoder = (image: Bitmap & { toRgba(): RgbaPixels }) => Promise<Bytes>;

/**
 * Images of a batch.
 *
 * @param batch  [B, C, H, W] in [−1, 1], C = 1 or 3
 * @param ids    where each comes from
 */
export function generatedImages(
  batch: FloatArray,
  ids: readonly { readonly seed: number; readonly index: number }[],
  encode: PngEncoder,
): GeneratedImage[] {
  return toBitmaps(batch).map((bitmap, i) => {
    const image: GeneratedImage = {
      ...bitmap,
      ...ids[i]!,
      toPng: () => encode(image),
      toBlob: async () => new Blob([await encode(image)], { type: 'image/png' }),
      toRgba: () => rgbaOf(bitmap),
    };
    return image;
  });
}

function rgbaOf({ data, width, height, channels }: Bitmap): RgbaPixels {
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) rgba[4 * i + c] = data[i * channels + (channels === 1 ? 0 : c)]!;
    rgba[4 * i + 3] = 255;
  }
  return rgba;
}
