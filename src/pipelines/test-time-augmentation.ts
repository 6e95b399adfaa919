/** An image looked at in several ways, as a person tilts a photograph: what a network says of all of them together is surer. */
import { concat, constant, float32, matmul, reshape, sum, type Tensor } from '../core/index.ts';

/** A part of an image. */
export interface TtaTransform {
  /** How much of each side it shows: below 1 what is in the middle gets larger, above 1 the edges go on. */
  readonly scale: number;
  /** How far its middle lies to the right of the image's, in parts of the width. */
  readonly right: number;
  /** And below, in parts of the height. */
  readonly down: number;
}

const aside = 1 / 16;
const closer = 0.85;

/**
 * The transforms of test-time augmentation: the image itself, shifted by a sixteenth to each side, zoomed in and
 * farther off. A transformer cuts images into patches, and says something else where they are cut elsewhere.
 */
export const ttaTransforms: readonly TtaTransform[] = [
  { scale: 1, right: 0, down: 0 },
  ...[
    [-aside, 0],
    [aside, 0],
    [0, -aside],
    [0, aside],
  ].map(([right, down]) => ({ scale: 1, right: right!, down: down! })),
  { scale: closer, right: 0, down: 0 },
  { scale: 2 - closer, right: 0, down: 0 },
];

/**
 * What each pixel of a line takes from the line, by linear interpolation between the centers of pixels: [size, size].
 *
 *     x_i = scale · (i + ½ − size/2) + (½ + shift) · size,   from center to center, what lies outside being the edge
 */
function lineMatrix(size: number, scale: number, shift: number): Float32Array {
  const matrix = new Float32Array(size * size);
  for (let i = 0; i < size; i++) {
    const place = Math.min(size - 1, Math.max(0, scale * (i + 0.5 - size / 2) + (0.5 + shift) * size - 0.5));
    const before = Math.min(size - 2, Math.floor(place));
    matrix[i * size + before] = 1 - (place - before);
    matrix[i * size + before + 1] = place - before;
  }
  return matrix;
}

/**
 * All transformed images, transform by transform.
 *
 * @param images  [B, C, H, W] with sides of two or more
 * @returns         [transforms · B, C, H, W]
 */
export function augmentedImages(images: Tensor, transforms: readonly TtaTransform[]): Tensor {
  const [, , height, width] = images.shape as [number, number, number, number];
  const line = (size: number, scale: number, shift: number) =>
    constant(float32([size, size], lineMatrix(size, scale, shift)));
  return concat(
    transforms.map(({ scale, right, down }) =>
      matmul(matmul(line(height, scale, down), images), line(width, scale, right), { transB: true }),
    ),
    0,
  );
}

/**
 * The sum of the embeddings of each image's transforms.
 *
 * @param vectors  embeddings [transforms · B, D]
 * @returns        [B, D]
 */
export function sumOverTransforms(vectors: Tensor, transforms: number): Tensor {
  const [rows, dim] = vectors.shape as [number, number];
  return sum(reshape(vectors, [transforms, rows / transforms, dim]), [0]);
}
