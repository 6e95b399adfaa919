/** Images of the host, resized. */
import { float32, resizeMatrix, type FloatArray } from '../core/index.ts';

/** rows · X · columnsᵀ for each channel X. */
export function resized({ shape, data }: FloatArray, rows: FloatArray, columns: FloatArray): FloatArray {
  const [toHeight, height] = rows.shape as [number, number];
  const [toWidth, width] = columns.shape as [number, number];
  const planes = data.length / (height * width);
  const out = new Float32Array(planes * toHeight * toWidth);
  const line = new Float64Array(width);
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < toHeight; y++) {
      line.fill(0);
      for (let k = 0; k < height; k++) {
        const weight = rows.data[y * height + k]!;
        if (weight !== 0) for (let x = 0; x < width; x++) line[x]! += weight * data[(plane * height + k) * width + x]!;
      }
      for (let x = 0; x < toWidth; x++) {
        let sum = 0;
        for (let k = 0; k < width; k++) sum += columns.data[x * width + k]! * line[k]!;
        out[(plane * toHeight + y) * toWidth + x] = sum;
      }
    }
  }
  return float32([...shape.slice(0, -2), toHeight, toWidth], out);
}

/**
 * Images as a CLIP's image tower takes them: gray ones in as many channels as it has, resized whole by an antialiased cubic
 * filter and held to −1 … 1.
 *
 * @param images  [N, C, H, W] in [−1, 1]
 * @returns       [N, channels, size, size]
 * @throws if color images are to be gray
 */
export function towerImages(
  images: FloatArray,
  { channels, size }: { readonly channels: number; readonly size: number },
): FloatArray {
  const [count = 0, own = 0, height = 0, width = 0] = images.shape;
  if (own !== channels && own !== 1)
    throw new Error(`images have ${own} channels, and the CLIP takes ${channels}; take a CLIP of color images`);
  const filter = { mode: 'bicubic', antialias: true } as const;
  const isSame = height === size && width === size;
  const fit = isSame ? images : resized(images, resizeMatrix(height, size, filter), resizeMatrix(width, size, filter));
  const area = size * size;
  const data = new Float32Array(count * channels * area);
  for (let plane = 0; plane < count * channels; plane++) {
    const from = own === channels ? plane : Math.floor(plane / channels);
    for (let i = 0; i < area; i++) data[plane * area + i] = Math.min(1, Math.max(-1, fit.data[from * area + i]!));
  }
  return float32([count, channels, size, size], data);
}
