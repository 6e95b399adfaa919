/** Images that clients send, as generators take them. */
import { float32, type FloatArray } from '../core/index.ts';
import { decodeImage, decodeMask, fromBitmaps, ImageError, transparentPart } from '../data/index.ts';
import { imageFormats } from '../data/images/image.ts';
import { loadSharp } from '../data/images/load-sharp.ts';
import { badRequest } from './api-error.ts';

/** Height and width of an image, as its header claims them. */
export type ClaimedSize = readonly [height: number, width: number];

/**
 * Looks at the header of an image before anything is decoded.
 *
 * @param param  the name of the parameter
 * @throws ApiError 400 if it is no image, or claims more pixels than the server decodes
 */
export async function checkImage(bytes: Uint8Array, param: string, inputPixels: number): Promise<ClaimedSize> {
  if (bytes.length === 0) throw badRequest(`${param}: is an empty file`, param, 'invalid_image');
  let claimed: ClaimedSize;
  try {
    const { autoOrient } = await (await loadSharp())(bytes, { failOn: 'error', limitInputPixels: false }).metadata();
    claimed = [autoOrient.height, autoOrient.width];
  } catch {
    throw badRequest(`${param}: is not an image that can be read; send a ${imageFormats} file`, param, 'invalid_image');
  }
  const [height, width] = claimed;
  if (height * width > inputPixels)
    throw badRequest(
      `${param}: has ${width}×${height} pixels, and this server takes at most ${(inputPixels / 1e6).toFixed(1)} megapixels; send a smaller one`,
      param,
      'image_too_large',
    );
  return claimed;
}

/**
 * An image in a model's size: [C, H, W] in [−1, 1], resized by the shorter side and center-cropped.
 *
 * @throws ApiError 400 if it cannot be decoded
 */
export async function readUpload(
  bytes: Uint8Array,
  [channels, height, width]: readonly [number, number, number],
): Promise<FloatArray> {
  return asProblem('image', async () => {
    const bitmap = await decodeImage(bytes, { size: [height, width], channels: channels as 1 | 3 });
    return float32([channels, height, width], fromBitmaps([bitmap]).data as Float32Array);
  });
}

/**
 * The part of an image to paint anew: [1, H, W], 1 there and 0 elsewhere.
 *
 * @throws ApiError 400 if it cannot be decoded, or marks nothing
 */
export async function readMask(bytes: Uint8Array, [height, width]: ClaimedSize): Promise<FloatArray> {
  return asProblem('mask', async () => {
    const { mask } = await decodeMask(bytes, [height, width]);
    if (!mask.data.includes(255))
      throw badRequest(
        'mask: nothing is transparent and nothing is white, so there is nothing to paint anew; make that part transparent',
        'mask',
      );
    return maskOf(mask.data, [height, width]);
  });
}

/** The transparent part of an image as a mask, as DALL·E 2 takes it; undefined if there is none, or all is transparent. */
export async function transparencyMask(
  bytes: Uint8Array,
  [height, width]: ClaimedSize,
): Promise<FloatArray | undefined> {
  const part = await asProblem('image', () => transparentPart(bytes, [height, width]));
  return part?.data.includes(0) ? maskOf(part.data, [height, width]) : undefined;
}

const maskOf = (data: Uint8Array, [height, width]: ClaimedSize) =>
  float32(
    [1, height, width],
    Float32Array.from(data, (value) => (value > 127 ? 1 : 0)),
  );

async function asProblem<T>(param: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof ImageError) throw badRequest(`${param}: ${error.reason}`, param, 'invalid_image');
    throw error;
  }
}
