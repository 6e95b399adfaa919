import { readFile } from 'node:fs/promises';
import { claimProblem, mostSide, tooLong } from './claimed-size.ts';
import { loadSharp } from './load-sharp.ts';
import { heightAndWidth, type ImageSize } from './image-size.ts';
import type { Bitmap } from './bitmap.ts';
import { resampleToCover, type Resample } from './resample.ts';
import { clipped } from '../../formats/quote.ts';
import { describeSystemError } from '../../files/system-reason.ts';
import { writeFileWhole } from '../../files/write-file.ts';

/**
 * How an image takes another shape:
 * `center` fills it and cuts off what stands out, `pad` fits inside it and fills with white,
 * `stretch` changes the proportions.
 */
export type Crop = 'center' | 'pad' | 'stretch';

/** What image to make of an image file. */
export interface DecodeOptions {
  /** Of the image to make, in pixels; a number makes a square. */
  readonly size: ImageSize;
  readonly channels?: 1 | 3;
  readonly crop?: Crop;
  /** Resize with this kernel to the byte as Pillow does, for `center` alone; default libvips's Lanczos, whose pixels are not Pillow's. */
  readonly resample?: Resample | undefined;
}

/** The defaults of `decodeImage`. */
export const decodeDefaults = { channels: 3, crop: 'center' } as const;

/** More than any camera's image (the largest sensors have 150 million); what claims more is refused before it is decoded. */
export const maxInputPixels = 200_000_000;

/** What is read, for people. */
export const imageFormats = 'PNG, JPEG, WebP, GIF, SVG, AVIF or TIFF';

const tooManyPixels = `more than ${maxInputPixels / 1e6} megapixels`;

/** An image of ordinary size decodes in milliseconds; what still runs after this long was made to. */
const decodeSeconds = 60;

const white = { r: 255, g: 255, b: 255 };
/** sharp's names for the ways an image becomes a square. */
export const fitOf = { center: 'cover', pad: 'contain', stretch: 'fill' } as const;

/**
 * Images that are decoded at the same time. The decoder's own threads do two thirds of the work; with only as many images on their way as
 * there are cores, they wait for the main thread to hand out the next. An image resized by a named kernel lies in memory whole.
 */
export function decodedTogether(resample: Resample | undefined): number {
  return resample ? 4 : 16;
}

/** The bytes are no image that can be decoded; `reason` says why, without the name of the file. */
export class ImageError extends Error {
  readonly reason: string;
  constructor(reason: string) {
    super(`image: ${reason}`);
    this.name = 'ImageError';
    this.reason = reason;
  }
}

function reasonOf(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).trim();
  if (/unsupported image format|unable to call/i.test(message)) return 'not an image that can be read';
  if (/pixel limit/i.test(message)) return tooManyPixels;
  if (/labq format/i.test(message)) return 'holds CIELAB colors; save it as RGB';
  // libvips refuses them so, from the header.
  if (/samples out of range/i.test(message)) return otherNumbers('numbers of more than 32 bits');
  if (/timeout/i.test(message)) return `not decoded within ${decodeSeconds} seconds`;
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  // libheif prints a line for every seek that failed; the last line is the cause.
  const cause = (lines.at(-1) ?? '').replace(/^Input buffer (has|contains) /, '').trim();
  return `truncated or damaged (${clipped(cause, 120)})`;
}

/** What images of science and of NumPy hold instead of levels of gray or color: their range is not in the file, so none can be guessed. */
const otherDepths: Readonly<Record<string, string>> = {
  char: 'signed 8-bit integers',
  short: 'signed 16-bit integers',
  int: 'signed 32-bit integers',
  uint: '32-bit integers',
  float: 'floating-point numbers',
  double: '64-bit floating-point numbers',
  complex: 'complex numbers',
  dpcomplex: 'complex numbers',
};

function otherNumbers(what: string): string {
  return `holds ${what}, with an unknown range; save it with 8 or 16 bits`;
}

const pngSignature = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

/** libpng accepts a file whose last rows are missing as long as it has read enough; its end marker decides. */
function isTruncatedPng(bytes: Buffer): boolean {
  if (!bytes.subarray(0, 4).equals(pngSignature)) return false;
  const end = bytes.lastIndexOf('IEND');
  // A checksum of four bytes follows the four letters.
  return end < 0 || end + 8 > bytes.length;
}

/**
 * Decodes an image (PNG, JPEG, WebP, GIF's first frame, SVG, AVIF, TIFF) to 8-bit sRGB or gray,
 * turned upright by its EXIF orientation, transparency on white.
 *
 * @returns [height, width, channels] of `size`
 * @throws ImageError if the bytes are empty, no image, truncated, or too large; if `resample` comes with another crop than `center`
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions): Promise<Bitmap> {
  const { size, channels, crop, resample } = { ...decodeDefaults, ...options };
  checkResample(crop, resample);
  const [height, width] = heightAndWidth(size);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length === 0) throw new ImageError('empty file');
  const claim = claimProblem(buffer);
  if (claim !== undefined) throw new ImageError(claim);
  if (isTruncatedPng(buffer)) throw new ImageError('truncated or damaged (the end of the PNG is missing)');
  try {
    // 'error' and not sharp's stricter 'warning', which would refuse sound images with an odd color profile.
    const settings = { failOn: 'error', limitInputPixels: maxInputPixels } as const;
    const density = await inspect(buffer, height, width, settings);
    const upright = (await loadSharp())(buffer, { ...settings, ...(density !== undefined && { density }) })
      .timeout({ seconds: decodeSeconds })
      .autoOrient()
      .flatten({ background: white });
    const { data, info } = await (
      resample
        ? upright
        : upright.resize(width, height, { fit: fitOf[crop], position: 'centre', background: white, kernel: 'lanczos3' })
    )
      .toColourspace(channels === 3 ? 'srgb' : 'b-w')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== channels || (!resample && (info.width !== width || info.height !== height))) {
      throw new Error(
        `internal: decoded to ${info.width}×${info.height}×${info.channels}, expected ${width}×${height}×${channels}`,
      );
    }
    const image: Bitmap = {
      data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      height: info.height,
      width: info.width,
      channels,
    };
    return resample ? resampleToCover(image, size, resample) : image;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('internal:')) throw error;
    throw error instanceof ImageError ? error : new ImageError(reasonOf(error));
  }
}

/** @throws if a kernel is asked for with a crop that has no such resizing */
export function checkResample(crop: Crop, resample: Resample | undefined): void {
  if (resample && crop !== 'center')
    throw new Error(`resample ${JSON.stringify(resample)}: goes with crop "center", not ${JSON.stringify(crop)}`);
}

/** Formats of 8 or 16 bits, by how they start: nothing of theirs has to be looked at before they are decoded. */
function isOrdinary(buffer: Buffer): boolean {
  const start = buffer.toString('latin1', 0, 12);
  return buffer.subarray(0, 4).equals(pngSignature) || /^(\xff\xd8|GIF8|RIFF|.{4}ftyp)/s.test(start);
}

/**
 * Looks at what the header says.
 *
 * @returns dots per inch at which a drawing smaller than the image is sampled sharply instead of enlarged; undefined for what is no drawing
 * @throws ImageError for numbers that are no levels from black to white, and for a drawing that would be too large
 */
async function inspect(
  buffer: Buffer,
  toHeight: number,
  toWidth: number,
  settings: object,
): Promise<number | undefined> {
  if (isOrdinary(buffer)) return undefined;
  const { format, width, height, depth } = await (await loadSharp())(buffer, settings).metadata();
  const other = otherDepths[depth];
  if (other !== undefined) throw new ImageError(otherNumbers(other));
  if (Math.max(width, height) > mostSide) throw new ImageError(tooLong(width, height));
  // As large as filling the image takes.
  const scale = Math.max(toHeight / height, toWidth / width);
  if (format !== 'svg' || scale <= 1) return undefined;
  const density = Math.min(72 * scale, 10_000);
  if (width * height * (density / 72) ** 2 > maxInputPixels) throw new ImageError(tooManyPixels);
  return density;
}

/**
 * Decodes the image file at `path`; see `decodeImage`.
 *
 * @throws one line that names the file and says what is wrong with it
 */
export async function readImage(path: string, options: DecodeOptions): Promise<Bitmap> {
  return reading(path, (bytes) => decodeImage(bytes, options));
}

/**
 * Height and width of an image file in pixels, as it stands upright.
 *
 * @throws one line that names the file and says what is wrong with it
 */
export async function readImageSize(path: string): Promise<readonly [height: number, width: number]> {
  return reading(path, async (bytes) => {
    if (bytes.length === 0) throw new ImageError('empty file');
    try {
      const { autoOrient } = await (
        await loadSharp()
      )(bytes, { failOn: 'error', limitInputPixels: maxInputPixels }).metadata();
      return [autoOrient.height, autoOrient.width];
    } catch (error) {
      throw new ImageError(reasonOf(error));
    }
  });
}

async function reading<Result>(path: string, read: (bytes: Buffer) => Promise<Result>): Promise<Result> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new Error(`cannot read ${JSON.stringify(path)}: ${describeSystemError(error)}`, { cause: error });
  }
  try {
    return await read(bytes);
  } catch (error) {
    if (error instanceof ImageError)
      throw new Error(`cannot read ${JSON.stringify(path)}: ${error.reason}; give a ${imageFormats} image`, {
        cause: error,
      });
    throw error;
  }
}

/** The bytes of a PNG file of the image. */
export async function encodePng(image: Bitmap): Promise<Uint8Array> {
  const { data, width, height, channels } = image;
  return (await loadSharp())(data, { raw: { width, height, channels } })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png({ compressionLevel: 9, adaptiveFiltering: true })
    .toBuffer();
}

/**
 * Writes a PNG file whole or not at all, with its parent folders.
 *
 * @throws WriteError: one line that names the path and why it cannot be written
 */
export async function writePng(path: string, image: Bitmap): Promise<void> {
  await writeFileWhole(path, await encodePng(image));
}
