import sharp from 'sharp';
import type { OpenOptions } from './open-options.ts';
import { decodedTogether, fitOf } from './image.ts';
import type { PutImage } from './image-store.ts';
import { inParallel } from '../../files/in-parallel.ts';
import { heightAndWidth } from './image-size.ts';
import { resampleToCover } from './resample.ts';

/** Images of one size, as their source has them. */
export interface RawImages {
  /** [N, H, W, C] in 0 … 255. */
  readonly data: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
}

/** Whether the images only have to be copied, which takes no time worth a cache. */
export function isQuickFit(images: RawImages, options: Pick<OpenOptions, 'size' | 'channels' | 'crop'>): boolean {
  const [height, width] = heightAndWidth(options.size);
  const same = images.height === height && images.width === width;
  return same ? images.channels <= options.channels : getsBorder(images, options);
}

function getsBorder(
  { height, width, channels }: RawImages,
  { size, crop }: Pick<OpenOptions, 'size' | 'crop'>,
): boolean {
  const [toHeight, toWidth] = heightAndWidth(size);
  const scale = Math.min(toHeight / height, toWidth / width);
  return channels === 1 && crop !== 'stretch' && scale >= 1 && scale < 2;
}

/**
 * Puts the images at the size asked for into a store.
 *
 * Gray ones that are smaller, but more than half as large, get a black border: 28×28 becomes 32×32 with its pixels as they
 * are, where enlarging would blur them. (Gray arrays are digits and clothes on black.) All others are resized as image files are.
 * A kernel named changes nothing of that: models were trained on the border.
 */
export async function fitImages(images: RawImages, options: OpenOptions, put: PutImage): Promise<void> {
  const { data, count, height, width, channels: from } = images;
  const { size, channels, crop, resample, signal, onProgress } = options;
  const [toHeight, toWidth] = heightAndWidth(size);
  if (isQuickFit(images, options)) {
    const size = toHeight * toWidth * channels;
    const out = quickFit(images, options);
    for (let i = 0; i < count; i++) put(i, out.subarray(i * size, (i + 1) * size));
    return;
  }
  const area = height * width * from;
  const background = from === 1 ? '#000' : '#fff';
  let done = 0;
  await inParallel(count, decodedTogether(resample), async (i) => {
    signal?.throwIfAborted();
    const source = sharp(data.subarray(i * area, (i + 1) * area), { raw: { width, height, channels: from } });
    const image = await (
      resample
        ? source
        : source.resize(toWidth, toHeight, { fit: fitOf[crop], position: 'centre', background, kernel: 'lanczos3' })
    )
      .toColourspace(channels === 3 ? 'srgb' : 'b-w')
      .raw({ depth: 'uchar' })
      .toBuffer();
    put(i, resample ? resampleToCover({ data: image, height, width, channels }, size, resample).data : image);
    onProgress?.(++done, count);
  });
}

/**
 * Images that only have to be copied, as `isQuickFit` says, at the size asked for.
 *
 * @returns  [N, H, W, channels] of `size`
 */
export function quickFit(
  { data, count, height, width, channels: from }: RawImages,
  { size, channels }: Pick<OpenOptions, 'size' | 'channels'>,
): Uint8Array {
  const [toHeight, toWidth] = heightAndWidth(size);
  if (height === toHeight && width === toWidth && from === channels) return data;
  const out = new Uint8Array(count * toHeight * toWidth * channels);
  const [top, left] = [Math.floor((toHeight - height) / 2), Math.floor((toWidth - width) / 2)];
  for (let place = 0; place < count * height; place++) {
    const to = (Math.floor(place / height) * toHeight + top + (place % height)) * toWidth + left;
    // Gray to gray or to color: 1 value is written `channels` times.
    for (let x = 0; x < width; x++) out.fill(data[place * width + x]!, (to + x) * channels, (to + x + 1) * channels);
  }
  return out;
}
