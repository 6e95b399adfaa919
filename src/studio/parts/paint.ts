/** Tensors as pixels of a canvas. */
import type { FloatArray } from '../../core/index.ts';

/**
 * Images of a batch as a canvas shows them.
 *
 * @param images  [B, C, H, W] in [−1, 1], C 1 or 3; what lies outside is shown as the nearest that lies inside
 * @param scale   what is shown as 1: noise of deviation 1 is shown whole at 3
 */
export function pixelsOf(images: FloatArray, index = 0, scale = 1): ImageData {
  const [, channels = 1, height = 1, width = 1] = images.shape;
  const size = height * width;
  const pixels = new ImageData(width, height);
  const at = index * channels * size;
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++)
      pixels.data[4 * i + c] = (images.data[at + (channels === 1 ? 0 : c) * size + i]! / scale + 1) * 127.5;
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}
