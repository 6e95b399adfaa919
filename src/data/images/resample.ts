/**
 * Images brought to another size to the byte as Pillow's `Image.resize` does, and with it transformers' image processors,
 * on whose pixels models were trained.
 *
 * libvips, by which all others are resized, has kernels of the same names and makes other pixels: what shrinks to a quarter
 * or less it averages in whole steps first, what grows it moves by half a pixel, and of what stands out by an odd number it
 * cuts the odd pixel at the left. On fine structure that is 31 of 255 where images shrink, 160 where they grow.
 */
import { heightAndWidth, type ImageSize } from './image-size.ts';
import type { Bitmap } from './bitmap.ts';

/** How far a kernel reaches, in pixels of the smaller image, and its weight at a distance below that. */
interface Kernel {
  readonly reach: number;
  readonly weight: (distance: number) => number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

const kernels = {
  bilinear: { reach: 1, weight: (x) => 1 - x },
  // Catmull and Rom's: a = −½.
  bicubic: { reach: 2, weight: (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2) },
  lanczos: { reach: 3, weight: (x) => sinc(x) * sinc(x / 3) },
} as const satisfies Readonly<Record<string, Kernel>>;

/** A kernel by its name. */
export type Resample = keyof typeof kernels;

/** Weights are whole multiples of 2^−22, as Pillow has them for bytes. */
const fraction = 22;

/** What the pixels of a row are made of: `count[i]` of the source from `first[i]` on, with weights from `i · stride` on. */
interface Taps {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly weights: Int32Array;
  readonly stride: number;
}

/**
 * The taps of `length` pixels from `start` on, of `to` that a row of `from` is made into.
 *
 *     w_j ∝ k((j + ½ − c) / s),   c = (i + ½) from / to,   s = max(1, from / to)
 */
function tapsOf(kernel: Kernel, from: number, to: number, start: number, length: number): Taps {
  const scale = from / to;
  const stretch = Math.max(1, scale);
  const reach = kernel.reach * stretch;
  const stride = 2 * Math.ceil(reach) + 1;
  const taps: Taps = {
    first: new Int32Array(length),
    count: new Int32Array(length),
    weights: new Int32Array(length * stride),
    stride,
  };
  for (let i = 0; i < length; i++) {
    const center = (start + i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const count = Math.min(from, Math.trunc(center + reach + 0.5)) - first;
    // Multiplied by the inverse and not divided, so that sums round as Pillow's do.
    const distances = Float64Array.from({ length: count }, (_, j) =>
      Math.abs((j + first - center + 0.5) * (1 / stretch)),
    );
    const weights = distances.map((distance) => (distance < kernel.reach ? kernel.weight(distance) : 0));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    weights.forEach((weight, j) => {
      taps.weights[i * stride + j] = Math.trunc((weight / sum) * 2 ** fraction + (weight < 0 ? -0.5 : 0.5));
    });
    taps.first[i] = first;
    taps.count[i] = count;
  }
  return taps;
}

/**
 * One pass: every output value is a weighted sum of values `step` apart, rounded to a byte.
 *
 * @param lines  how many rows (or columns) there are: where each begins in the source and in the result
 */
function pass(
  source: Uint8Array,
  out: Uint8Array,
  { first, count, weights, stride }: Taps,
  step: number,
  lines: Iterable<readonly [from: number, to: number]>,
): void {
  for (const [from, to] of lines) {
    for (let i = 0; i < first.length; i++) {
      let sum = 2 ** (fraction - 1);
      let at = from + first[i]! * step;
      const end = i * stride + count[i]!;
      for (let tap = i * stride; tap < end; tap++, at += step) sum += source[at]! * weights[tap]!;
      // Arithmetic shift rounds down, and what the kernel overshoots is clipped.
      const value = sum >> fraction;
      out[to + i * step] = value < 0 ? 0 : value > 255 ? 255 : value;
    }
  }
}

/**
 * An image resized until its shorter side fits, the longer one rounded down, and cut to its middle, the odd pixel at the
 * right or bottom: transformers' `shortest_edge` and center crop.
 *
 * @param size  of the image to make
 * @see Pillow 13 — bytes between the two passes; columns first where H′ < H and H − H′ > 2 (W − W′), else rows first
 */
export function resampleToCover(image: Bitmap, size: ImageSize, resample: Resample): Bitmap {
  const { data, height, width, channels } = image;
  const [toHeight, toWidth] = heightAndWidth(size);
  const byWidth = width * toHeight <= height * toWidth;
  const [wholeHeight, wholeWidth] = byWidth
    ? [Math.floor((toWidth * height) / width), toWidth]
    : [toHeight, Math.floor((toHeight * width) / height)];
  const kernel = kernels[resample];
  const across = tapsOf(kernel, width, wholeWidth, Math.floor((wholeWidth - toWidth) / 2), toWidth);
  const down = tapsOf(kernel, height, wholeHeight, Math.floor((wholeHeight - toHeight) / 2), toHeight);

  const out = new Uint8Array(toHeight * toWidth * channels);
  // What is cut off is never computed.
  if (wholeHeight < height && height - wholeHeight > 2 * (width - wholeWidth)) {
    const short = new Uint8Array(toHeight * width * channels);
    pass(data, short, down, width * channels, linesOf(1, width * channels, 0, 0));
    pass(short, out, across, channels, linesOf(toHeight, channels, width * channels, toWidth * channels));
  } else {
    const narrow = new Uint8Array(height * toWidth * channels);
    pass(data, narrow, across, channels, linesOf(height, channels, width * channels, toWidth * channels));
    pass(narrow, out, down, toWidth * channels, linesOf(1, toWidth * channels, 0, 0));
  }
  return { data: out, height: toHeight, width: toWidth, channels };
}

/** `count` rows of `neighbors` lines that begin one value apart. */
function* linesOf(
  count: number,
  neighbors: number,
  fromStep: number,
  toStep: number,
): Generator<readonly [from: number, to: number]> {
  for (let i = 0; i < count; i++) for (let k = 0; k < neighbors; k++) yield [i * fromStep + k, i * toStep + k];
}
