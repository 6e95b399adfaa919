/**
 * Images of any size from images of any size. Every method is linear and treats rows and columns alike, so resizing is
 * two products with small constant matrices: exact on every provider, and the gradient is there already.
 */
import { describeType, float32, type FloatArray } from '../dtype.ts';
import { constant, type Tensor } from '../tensor.ts';
import { matmul } from './matmul.ts';
import { upsampleNearest } from './resample.ts';
import { cast, slice } from './structure.ts';

/** How `resize` makes new pixels. */
export interface ResizeOptions {
  /** 'nearest' takes one pixel, 'bilinear' two by two, 'bicubic' four by four; default 'bilinear'. */
  readonly mode?: 'nearest' | 'bilinear' | 'bicubic';
  /** Whether the centers of the outermost pixels stay where they are, instead of the image's edges; default false. */
  readonly alignCorners?: boolean;
  /** Whether the filter widens with the shrinking, so that every pixel counts; default false. As Pillow does. */
  readonly antialias?: boolean;
}

/** Keys' cubic kernel; a is its slope at 1. See Keys 1981, eq. 15 — https://doi.org/10.1109/TASSP.1981.1163711 */
function cubic(t: number, a: number): number {
  const d = Math.abs(t);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

const triangle = (t: number) => Math.max(0, 1 - Math.abs(t));

/**
 * What each new pixel of a line takes from the old ones: [to, from], rows adding up to 1.
 *
 * @see the source of PyTorch's `interpolate`, whose positions, edges and slopes (−0.75, or −0.5 with antialias) these are
 */
export function resizeMatrix(
  from: number,
  to: number,
  { mode = 'bilinear', alignCorners = false, antialias = false }: ResizeOptions = {},
): FloatArray {
  const matrix = new Float32Array(to * from);
  const scale = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : from / to;
  const put = (i: number, j: number, weight: number) => {
    matrix[i * from + Math.min(Math.max(j, 0), from - 1)]! += weight;
  };
  for (let i = 0; i < to; i++) {
    if (mode === 'nearest') {
      put(i, Math.floor((i * from) / to), 1);
    } else if (antialias) {
      const stretch = Math.max(scale, 1);
      const [reach, kernel] =
        mode === 'bilinear' ? ([stretch, triangle] as const) : ([2 * stretch, (t: number) => cubic(t, -0.5)] as const);
      const center = (i + 0.5) * scale;
      const [first, end] = [
        Math.max(Math.trunc(center - reach + 0.5), 0),
        Math.min(Math.trunc(center + reach + 0.5), from),
      ];
      const weights = Array.from({ length: end - first }, (_, k) => kernel((first + k + 0.5 - center) / stretch));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      weights.forEach((weight, k) => put(i, first + k, weight / total));
    } else {
      const position = alignCorners ? i * scale : (i + 0.5) * scale - 0.5;
      // What lies beyond the edge is the edge.
      const base = Math.floor(mode === 'bilinear' ? Math.max(position, 0) : position);
      const t = (mode === 'bilinear' ? Math.max(position, 0) : position) - base;
      const taps = mode === 'bilinear' ? [0, 1] : [-1, 0, 1, 2];
      for (const k of taps) put(i, base + k, mode === 'bilinear' ? triangle(t - k) : cubic(t - k, -0.75));
    }
  }
  return float32([to, from], matrix);
}

/**
 * Resizes images as PyTorch's `interpolate` does: [B, C, H, W] → [B, C, H′, W′].
 *
 * @param size  [H′, W′]
 * @throws      if `alignCorners` or `antialias` is asked of a method that has none, or both at once
 */
export function resize(x: Tensor, size: readonly [number, number], options: ResizeOptions = {}): Tensor {
  const { mode = 'bilinear', alignCorners = false, antialias = false } = options;
  if (x.shape.length !== 4) throw new Error(`resize: needs [B, C, H, W], got ${describeType(x)}`);
  if (!size.every((n) => Number.isInteger(n) && n > 0))
    throw new Error(`resize: the size must be two positive integers, got [${size.join(', ')}]`);
  if (mode === 'nearest' && (alignCorners || antialias))
    throw new Error('resize: "nearest" has no alignCorners and no antialias');
  if (alignCorners && antialias) throw new Error('resize: choose alignCorners or antialias, not both');
  const [, , height, width] = x.shape as [number, number, number, number];
  if (mode === 'nearest') {
    const [factor] = size.map((n, axis) => n / x.shape[axis + 2]!);
    if (Number.isInteger(factor) && size[1] === factor! * width) return upsampleNearest(x, factor!);
    if (height % size[0] === 0 && width % size[1] === 0)
      return slice(x, [0, 0, 0, 0], [...x.shape.slice(0, 2), ...size], [1, 1, height / size[0], width / size[1]]);
  }
  const matrix = (from: number, to: number) => cast(constant(resizeMatrix(from, to, options)), x.dtype);
  const rows = (image: Tensor) => (size[0] === height ? image : matmul(matrix(height, size[0]), image));
  const columns = (image: Tensor) =>
    size[1] === width ? image : matmul(image, matrix(width, size[1]), { transB: true });
  // What shrinks more goes first.
  return size[0] * width <= height * size[1] ? columns(rows(x)) : rows(columns(x));
}
