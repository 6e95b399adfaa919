import { decodeDefaults } from './image.ts';
import type { Crop } from './image.ts';
import type { ImageSize } from './image-size.ts';
import type { Resample } from './resample.ts';

/** How a data set is decoded. */
export interface OpenOptions {
  /** Of the images in pixels; a number makes squares. */
  readonly size: ImageSize;
  /** 3 for color, 1 for gray. */
  readonly channels: 1 | 3;
  readonly crop: Crop;
  /** As of `DecodeOptions`. */
  readonly resample?: Resample | undefined;
  /** Leave out images that cannot be decoded, and list them in `skipped`, instead of failing. */
  readonly skipBad: boolean;
  /** Where decoded data sets are kept; undefined keeps none. Default `defaultCacheDir()`. */
  readonly cacheDir: string | undefined;
  /** Called after every decoded image; never when the data set comes from the cache. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the name of a cache says of how images were decoded. */
export function decodedAs({ size, channels, crop, resample }: OpenOptions): readonly unknown[] {
  return [size, channels, crop, ...(resample ? [resample] : [])];
}

/** The defaults of `openDataset`. */
export const openDefaults = {
  // The size of the sheet, and what two CPU cores train on in minutes.
  size: 32,
  ...decodeDefaults,
  skipBad: false,
} as const;
