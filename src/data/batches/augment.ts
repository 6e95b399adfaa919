/** Image augmentation: random crop, aspect jitter, rotation, elastic deformation, color jitter, blur and mixup. */
import type { RandomStream } from '../../core/random.ts';
import type { DatasetContent } from '../sets/dataset.ts';

/** How images vary from one time they are shown to the next. */
export interface ImageAugmentation {
  /** Crops show at least this part of the area, 0 … 1; 1 crops nothing. */
  readonly cropScale: number;
  /** Crops show at most this multiple of the area, 1 or more: beyond 1 an image is smaller, and its edges go on. */
  readonly zoomOut: number;
  /** Sides change by factors up to e^±stretch against each other. */
  readonly aspectJitter: number;
  /** Turns by up to so many degrees to either side. */
  readonly rotation: number;
  /** Bends: points of a grid of five by five move by a normal deviate times this part of the width, what is between them follows. */
  readonly elasticDeformation: number;
  /** The share of images shown as in a mirror, left for right. */
  readonly horizontalFlip: number;
  /** Strength of changes in brightness, hue and saturation, 0 … 1. White and black stay what they are. */
  readonly colorJitter: number;
  /** The share of images shown without color. */
  readonly grayscale: number;
  /** The share of images that are blurred, by up to a standard deviation of 3 % of their width. */
  readonly blur: number;
  /** The share of images that another image of the same caption is mixed into, by up to a half. */
  readonly mixup: number;
}

/** Images as they are. */
export const noAugmentation: ImageAugmentation = {
  cropScale: 1,
  zoomOut: 1,
  aspectJitter: 0,
  rotation: 0,
  elasticDeformation: 0,
  horizontalFlip: 0,
  colorJitter: 0,
  grayscale: 0,
  blur: 0,
  mixup: 0,
};

/** One way to look at an image. */
export interface ImageTransform {
  /** From pixels of the result to those of the image, from center to center: x ← xx · x + xy · y + x0, and y likewise. */
  readonly map: {
    readonly xx: number;
    readonly xy: number;
    readonly yx: number;
    readonly yy: number;
    readonly x0: number;
    readonly y0: number;
  };
  /** How far each pixel of the result looks aside of that, in pixels: [2, H, W], x first; undefined bends nothing. */
  readonly displacement?: Float32Array;
  /** For each channel what becomes of a byte, in [−1, 1]. */
  readonly tables: readonly Float32Array[];
  /** 1 leaves colors, 0 takes them away. */
  readonly saturation: number;
  /** How often the result is smoothed. */
  readonly blurs: number;
}

/** Luma of red, green and blue (ITU-R BT.601). */
const luma = [0.299, 0.587, 0.114] as const;

const unchanged = Float32Array.from({ length: 256 }, (_, byte) => byte / 127.5 - 1);

/** Draws a random transform; the stream advances by the same number of draws whatever the settings. */
export function drawTransform(
  random: RandomStream,
  { height, width, channels }: Pick<DatasetContent, 'height' | 'width' | 'channels'>,
  { cropScale, zoomOut, aspectJitter, rotation, colorJitter, grayscale, blur }: ImageAugmentation,
): ImageTransform {
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  const scale = Math.sqrt(between(cropScale, zoomOut));
  const aspect = Math.exp(between(-aspectJitter, aspectJitter) / 2);
  const angle = (between(-rotation, rotation) * Math.PI) / 180;
  const [across, down] = [scale * aspect, scale / aspect];
  // The middle of what is shown: anywhere that keeps it inside, or the image inside of it.
  const [cx, cy] = [across, down].map(
    (side, axis) => (0.5 + (1 - side) * (random.uniform() - 0.5)) * (axis === 0 ? width : height),
  );
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [xx, xy, yx, yy] = [across * cos, -down * sin, across * sin, down * cos];
  const brightness = between(-colorJitter, colorJitter);
  const gammas = Array.from({ length: 3 }, () => Math.exp(brightness + between(-colorJitter, colorJitter) / 2));
  const saturation = 1 + between(-colorJitter, colorJitter);
  const colorless = random.uniform() < grayscale;
  const blurs = 1 + random.integer(mostBlurs(width));
  const blurred = random.uniform() < blur;
  return {
    map: { xx, xy, yx, yy, x0: cx! - (xx * width + xy * height) / 2, y0: cy! - (yx * width + yy * height) / 2 },
    tables: Array.from({ length: channels }, (_, c) =>
      colorJitter === 0
        ? unchanged
        : Float32Array.from({ length: 256 }, (_byte, byte) => 2 * (byte / 255) ** gammas[c]! - 1),
    ),
    saturation: colorless ? 0 : saturation,
    blurs: blurred ? blurs : 0,
  };
}

/** Points of the grid of a bend along each side, the first and the last on the edges. */
const gridPoints = 5;

/**
 * Adds elastic deformation and horizontal flips. It draws from a stream of its own, so that the transform is that of a run without them.
 *
 * @see Simard et al. 2003, elastic distortions — https://doi.org/10.1109/ICDAR.2003.1227801
 */
export function deformTransform(
  transform: ImageTransform,
  random: RandomStream,
  { height, width }: Pick<DatasetContent, 'height' | 'width'>,
  { elasticDeformation, horizontalFlip }: Pick<ImageAugmentation, 'elasticDeformation' | 'horizontalFlip'>,
): ImageTransform {
  const { xx, xy, x0 } = transform.map;
  const mirrored =
    random.uniform() < horizontalFlip
      ? { ...transform, map: { ...transform.map, xx: -xx, xy: -xy, x0: width - x0 } }
      : transform;
  if (elasticDeformation === 0) return mirrored;
  const grid = Float32Array.from({ length: 2 * gridPoints ** 2 }, () => elasticDeformation * width * random.normal());
  const displacement = new Float32Array(2 * height * width);
  for (let axis = 0, place = 0; axis < 2; axis++) {
    for (let row = 0; row < height; row++) {
      const [top, below] = cellOf(row, height);
      const upper = (axis * gridPoints + top) * gridPoints;
      for (let column = 0; column < width; column++, place++) {
        const [left, right] = cellOf(column, width);
        const at = upper + left;
        displacement[place] =
          (grid[at]! * (1 - right) + grid[at + 1]! * right) * (1 - below) +
          (grid[at + gridPoints]! * (1 - right) + grid[at + gridPoints + 1]! * right) * below;
      }
    }
  }
  return { ...mirrored, displacement };
}

/** In which cell of the grid the center of a pixel lies, and which part of the cell is before it. */
function cellOf(pixel: number, pixels: number): readonly [number, number] {
  const place = ((pixel + 0.5) / pixels) * (gridPoints - 1);
  return [Math.floor(place), place % 1];
}

/** Each smoothing adds ½ to the variance of what was a point. */
function mostBlurs(width: number): number {
  return Math.max(1, Math.round(2 * (0.03 * width) ** 2));
}

/**
 * Smooths an image in place: ¼, ½, ¼ along rows and columns, edges going on, so many times over.
 *
 * @param out  [C, H, W]
 */
export function smooth(
  out: Float32Array,
  { height, width, channels }: Pick<DatasetContent, 'height' | 'width' | 'channels'>,
  times: number,
): void {
  const area = height * width;
  const along = (first: number, count: number, step: number) => {
    let before = out[first]!;
    for (let i = 0, at = first; i < count; i++, at += step) {
      const here = out[at]!;
      const after = i + 1 < count ? out[at + step]! : here;
      out[at] = 0.25 * before + 0.5 * here + 0.25 * after;
      before = here;
    }
  };
  for (let time = 0; time < times; time++) {
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) along(c * area + y * width, width, 1);
      for (let x = 0; x < width; x++) along(c * area + x, height, width);
    }
  }
}

/**
 * Applies a transform to an image, by bilinear interpolation between pixel centers; positions outside have the
 * nearest pixel's color.
 *
 * @param out     [C, H, W] in [−1, 1]
 * @param weight  what the image counts for: `out` is multiplied by the rest first
 */
export function applyTransform(
  { images, height, width, channels }: DatasetContent,
  index: number,
  { map: { xx, xy, yx, yy, x0, y0 }, displacement, tables, saturation }: Omit<ImageTransform, 'blurs'>,
  out: Float32Array,
  weight = 1,
): void {
  const pixels = images.at(index);
  const area = height * width;
  const kept = 1 - weight;
  const values = new Float64Array(channels);
  const fades = channels === 3 && saturation !== 1;
  for (let row = 0, place = 0; row < height; row++) {
    for (let column = 0; column < width; column++, place++) {
      const x = Math.min(
        width - 1,
        Math.max(0, xx * (column + 0.5) + xy * (row + 0.5) + x0 - 0.5 + (displacement ? displacement[place]! : 0)),
      );
      const y = Math.min(
        height - 1,
        Math.max(
          0,
          yx * (column + 0.5) + yy * (row + 0.5) + y0 - 0.5 + (displacement ? displacement[area + place]! : 0),
        ),
      );
      const [left, top] = [Math.floor(x), Math.floor(y)];
      const [u, v] = [x - left, y - top];
      const here = (top * width + left) * channels;
      const right = left + 1 < width ? channels : 0;
      const below = top + 1 < height ? width * channels : 0;
      for (let c = 0; c < channels; c++) {
        const table = tables[c]!;
        const at = here + c;
        const upper = table[pixels[at]!]! * (1 - u) + table[pixels[at + right]!]! * u;
        const lower = table[pixels[at + below]!]! * (1 - u) + table[pixels[at + below + right]!]! * u;
        values[c] = upper * (1 - v) + lower * v;
      }
      if (fades) {
        const level = luma[0] * values[0]! + luma[1] * values[1]! + luma[2] * values[2]!;
        for (let c = 0; c < 3; c++) values[c] = Math.min(1, Math.max(-1, level + saturation * (values[c]! - level)));
      }
      for (let c = 0; c < channels; c++)
        out[c * area + place] = kept === 0 ? values[c]! : kept * out[c * area + place]! + weight * values[c]!;
    }
  }
}
