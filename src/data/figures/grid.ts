import { enlargeBitmap, toRgb } from '../images/bitmap.ts';
import type { Bitmap } from '../images/bitmap.ts';

/** Options of `layGrid`. */
export interface GridOptions {
  /** Images in a row; default ⌈√N⌉. */
  readonly columns?: number | undefined;
  /** Bitmap between images and around them, before enlargement; default 2, or 0 for a single image. */
  readonly gap?: number;
  /** Every pixel is repeated this many times; default the largest of 1 … 8 at which the sheet is at most 1024 pixels wide and high. */
  readonly scale?: number;
}

/** The defaults of `layGrid`. */
export const gridDefaults = {
  gap: 2,
  // Fills a screen without scrolling; eight times makes even a 28-pixel digit easy to see.
  target: 1024,
  maxScale: 8,
  // Light gray: images on white and on black both have a visible edge.
  background: 232,
} as const;

/** libpng's own limit is 2^31 − 1; viewers give up much earlier. */
const maxSide = 32_768;

/**
 * Images side by side on one sheet, row by row, enlarged by repeating pixels.
 *
 * @param images  all of one size; gray and transparent ones become RGB
 * @returns         [rows · (H + gap) + gap, columns · (W + gap) + gap, 3], times scale
 * @throws if there are none, sizes differ, or the sheet would be larger than 32,768 pixels
 * @example
 * import { openDataset, imagesAt, layGrid, writePng } from 'kuosan/data';
 *
 * const dataset = await openDataset('noto-emoji/smileys', { size: 16 });
 * await writePng('grid.png', layGrid(imagesAt(dataset, [0, 1, 2, 3]), { columns: 2, scale: 4 }));
 */
export function layGrid(images: readonly Bitmap[], options: GridOptions = {}): Bitmap {
  const first = images[0];
  if (first === undefined) throw new Error('grid: no images');
  const columns = Math.min(options.columns ?? Math.ceil(Math.sqrt(images.length)), images.length);
  const gap = options.gap ?? (images.length === 1 ? 0 : gridDefaults.gap);
  if (!Number.isInteger(columns) || columns < 1)
    throw new Error(`grid: columns: expected a positive integer, got ${options.columns}`);
  if (!Number.isInteger(gap) || gap < 0) throw new Error(`grid: gap: expected an integer of 0 or more, got ${gap}`);
  const rows = Math.ceil(images.length / columns);
  const width = columns * (first.width + gap) + gap;
  const height = rows * (first.height + gap) + gap;
  const side = Math.max(width, height);
  const scale = options.scale ?? Math.max(1, Math.min(gridDefaults.maxScale, Math.floor(gridDefaults.target / side)));
  if (side * scale > maxSide) {
    throw new Error(
      `grid: ${images.length} images of ${first.width}×${first.height} make a sheet of ${width * scale}×${height * scale} pixels, at most ${maxSide} fit; give fewer or smaller ones`,
    );
  }
  const data = new Uint8Array(width * height * 3).fill(gridDefaults.background);
  for (const [index, image] of images.entries()) {
    if (image.width !== first.width || image.height !== first.height) {
      throw new Error(
        `grid: image ${index} is ${image.width}×${image.height}, the first is ${first.width}×${first.height}`,
      );
    }
    const rgb = toRgb(image).data;
    const left = gap + (index % columns) * (first.width + gap);
    const top = gap + Math.floor(index / columns) * (first.height + gap);
    for (let y = 0; y < first.height; y++) {
      data.set(rgb.subarray(y * first.width * 3, (y + 1) * first.width * 3), ((top + y) * width + left) * 3);
    }
  }
  return enlargeBitmap({ data, width, height, channels: 3 }, scale);
}
