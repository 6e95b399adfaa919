/** Masks of images as editors and OpenAI's clients send them. */
import { claimProblem } from './claimed-size.ts';
import type { Bitmap } from './bitmap.ts';
import { decodeImage } from './image.ts';
import { heightAndWidth, type ImageSize } from './image-size.ts';
import { loadSharp } from './load-sharp.ts';

/** A mask that was read. */
export interface DecodedMask {
  /** [height, width, 1]: 255 where the image is painted anew, 0 where it is kept. */
  readonly mask: Bitmap;
  /** What marks the part to paint. */
  readonly by: 'transparency' | 'white';
}

/**
 * Decodes a mask: its transparent part is painted anew, as OpenAI has it; without transparency the part nearer to white
 * than to black, as `kuosan edit` has it.
 *
 * @throws ImageError if the bytes are no image that can be decoded
 */
export async function decodeMask(bytes: Uint8Array, size: ImageSize): Promise<DecodedMask> {
  // Whatever can be wrong with the bytes is said by this.
  const gray = await decodeImage(bytes, { size, channels: 1 });
  const transparent = await transparentPart(bytes, size);
  if (transparent) return { mask: transparent, by: 'transparency' };
  return { mask: { ...gray, data: gray.data.map((value) => (value > 127 ? 255 : 0)) }, by: 'white' };
}

/**
 * The part of an image that is more transparent than not: [height, width, 1], 255 there and 0 elsewhere, in the same crop as
 * `decodeImage`; undefined if there is no such pixel.
 */
export async function transparentPart(bytes: Uint8Array, size: ImageSize): Promise<Bitmap | undefined> {
  if (claimProblem(bytes) !== undefined) return undefined;
  const [height, width] = heightAndWidth(size);
  const image = (await loadSharp())(bytes, { failOn: 'error' });
  const { hasAlpha } = await image.metadata();
  if (!hasAlpha) return undefined;
  const alpha = await image
    .autoOrient()
    .resize(width, height, { fit: 'cover', position: 'centre' })
    .extractChannel('alpha')
    .toColourspace('b-w')
    .raw({ depth: 'uchar' })
    .toBuffer();
  const data = Uint8Array.from(alpha, (value) => (value < 128 ? 255 : 0));
  return data.includes(255) ? { data, height, width, channels: 1 } : undefined;
}
