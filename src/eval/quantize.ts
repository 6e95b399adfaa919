import { float32, type FloatArray } from '../core/index.ts';
import { byteToUnit, unitToByte } from '../data/index.ts';

/**
 * Images as their files would be: rounded to 256 levels and cut off at black and white. Real images are such, and a network
 * could recognize generated images by values between the levels.
 *
 * @param images  [B, C, H, W], about −1 … 1
 */
export function quantize(images: FloatArray): FloatArray {
  return float32(
    images.shape,
    images.data.map((value) => byteToUnit(unitToByte(value))),
  );
}
