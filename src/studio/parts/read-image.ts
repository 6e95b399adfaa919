/** Images of the visitor and of the studio, as tensors. */
import { float32, type FloatArray } from '../../core/index.ts';
import { byteToUnit, toRgb, type Bitmap } from '../../data/browser.ts';
import { claimedSize, headBytes } from './claimed-size.ts';

/** Larger ones would take more memory than a phone gives a page. */
export const mostMegapixels = 40;

/** Why a file cannot be used: which sentence of `shellWords`, and what stands in it. */
export class ImageProblem extends Error {
  readonly kind: 'noImage' | 'imageTooLarge';
  readonly values: Readonly<Record<string, string | number>>;
  constructor(kind: 'noImage' | 'imageTooLarge', values: Readonly<Record<string, string | number>>) {
    super(`${kind}: ${JSON.stringify(values)}`);
    this.kind = kind;
    this.values = values;
  }
}

/**
 * A file of the visitor, cut to a square in its middle, transparency on white.
 *
 * @returns [1, 3, side, side] in [−1, 1]
 * @throws ImageProblem if it is no image, or larger than `mostMegapixels`
 */
export function readImageFile(file: File, side: number): Promise<FloatArray> {
  return withImageFile(file, (image) => squareOf(image, side));
}

/** The shorter side of the largest bitmap: no model looks at more, and a phone keeps it. */
const mostSide = 1024;

/**
 * A file of the visitor as it is, transparency on white; one whose shorter side is above 1024 pixels is drawn smaller.
 *
 * @throws ImageProblem as `readImageFile`
 */
export function readBitmapFile(file: File): Promise<Bitmap> {
  return withImageFile(file, (image) => {
    const scale = Math.min(1, mostSide / Math.min(image.width, image.height));
    const [width, height] = [Math.round(image.width * scale), Math.round(image.height * scale)];
    const context = whiteCanvas(width, height);
    context.drawImage(image, 0, 0, width, height);
    return toRgb({ data: Uint8Array.from(context.getImageData(0, 0, width, height).data), width, height, channels: 4 });
  });
}

async function withImageFile<T>(file: File, work: (image: ImageBitmap) => T): Promise<T> {
  const claimed = claimedSize(new Uint8Array(await file.slice(0, headBytes).arrayBuffer()));
  const tooLarge = ({ width, height }: { readonly width: number; readonly height: number }) => {
    if (width * height > mostMegapixels * 1e6)
      throw new ImageProblem('imageTooLarge', {
        file: file.name,
        pixels: Math.round((width * height) / 1e6),
        most: mostMegapixels,
      });
  };
  if (claimed) tooLarge(claimed);
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new ImageProblem('noImage', { file: file.name });
  });
  try {
    tooLarge(bitmap);
    return work(bitmap);
  } finally {
    bitmap.close();
  }
}

function whiteCanvas(width: number, height: number): OffscreenCanvasRenderingContext2D {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  return context;
}

/** The middle square of an image at a size: [1, 3, side, side] in [−1, 1]. */
export function squareOf(image: ImageBitmap, side: number): FloatArray {
  const cut = Math.min(image.width, image.height);
  const context = whiteCanvas(side, side);
  context.drawImage(image, (image.width - cut) / 2, (image.height - cut) / 2, cut, cut, 0, 0, side, side);
  return tensorOf(context.getImageData(0, 0, side, side));
}

/** Opaque pixels: [1, 3, H, W] in [−1, 1]. */
export function tensorOf({ width, height, data }: ImageData): FloatArray {
  const size = width * height;
  const values = new Float32Array(3 * size);
  for (let i = 0; i < size; i++) for (let c = 0; c < 3; c++) values[c * size + i] = byteToUnit(data[4 * i + c]!);
  return float32([1, 3, height, width], values);
}

/** Noto's smileys, which lie next to the page. */
export interface Smileys {
  readonly labels: readonly string[];
  /** [N, 3, 32, 32] in [−1, 1] */
  readonly images: FloatArray;
}

let smileys: Promise<Smileys> | undefined;

/** The smileys, fetched once. */
export function loadSmileys(): Promise<Smileys> {
  smileys ??= fetchSmileys().catch((error: unknown) => {
    smileys = undefined;
    throw error;
  });
  return smileys;
}

async function fetchSmileys(): Promise<Smileys> {
  const [sheet, index] = await Promise.all([fetch('./smileys.png'), fetch('./smileys.json')]);
  if (!sheet.ok || !index.ok) throw new Error(`smileys.png: ${sheet.status} ${sheet.statusText}`);
  const { cell, columns, labels } = (await index.json()) as {
    readonly cell: number;
    readonly columns: number;
    readonly labels: readonly string[];
  };
  const bitmap = await createImageBitmap(await sheet.blob());
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  const size = 3 * cell * cell;
  const images = new Float32Array(labels.length * size);
  for (const i of labels.keys()) {
    const [x, y] = [(i % columns) * cell, Math.floor(i / columns) * cell];
    images.set(tensorOf(context.getImageData(x, y, cell, cell)).data, i * size);
  }
  return { labels, images: float32([labels.length, 3, cell, cell], images) };
}

/** Image i of a batch alone: [1, ...]. */
export function rowOf({ shape, data }: FloatArray, i: number): FloatArray {
  const size = data.length / shape[0]!;
  return float32([1, ...shape.slice(1)], data.slice(i * size, (i + 1) * size));
}

/** Images whose sides are a whole number of times smaller: each pixel the mean of a square. */
export function shrunk({ shape, data }: FloatArray, times: number): FloatArray {
  const [count = 0, channels = 0, height = 0, width = 0] = shape;
  const [h, w] = [height / times, width / times];
  const values = new Float32Array(count * channels * h * w);
  for (let plane = 0; plane < count * channels; plane++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        values[(plane * h + Math.floor(y / times)) * w + Math.floor(x / times)]! +=
          data[(plane * height + y) * width + x]! / times ** 2;
  return float32([count, channels, h, w], values);
}
