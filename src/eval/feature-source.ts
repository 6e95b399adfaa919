import { basename, resolve } from 'node:path';
import { concat, type Executor, type Tensor } from '../core/index.ts';
import type { Resample } from '../data/index.ts';
import type { ImageShape } from '../pipelines/index.ts';
import type { FeatureExtractor } from './feature-extractor.ts';

/** Options of `FeatureSource.open`. */
export interface FeatureOptions {
  /** Images computed together; default 50, 32 of a CLIP, 8 of an Inception. */
  readonly batchSize?: number;
}

/** A network that was read, before it is known what images it will see. */
export interface FeatureSource {
  readonly name: string;
  readonly isFid: boolean;
  /** The images that it takes; null if they are resized to what it needs. */
  readonly imageShape: ImageShape | null;
  /** How files of images are best decoded for it, where nobody says a size; undefined where somebody must. */
  readonly decode?: { readonly size: number; readonly resample?: Resample | undefined };
  /** @throws if it cannot see such images */
  check(imageShape: ImageShape): void;
  /** @throws if it cannot see such images */
  open(executor: Executor, imageShape: ImageShape, options?: FeatureOptions): Promise<FeatureExtractor>;
}

/** A network's name: what was typed, or the folder's name. `.` says nothing. */
export function featuresName(source: string): string {
  return /[\\/]|^\.+$/.test(source) ? basename(resolve(source)) : source;
}

/** Gray three times. */
export function inColor(images: Tensor): Tensor {
  return images.shape[1] === 3 ? images : concat([images, images, images], 1);
}

/** An image's shape as errors say it. */
export function describeShape([channels, height, width]: ImageShape): string {
  return `${width}×${height}, ${channels === 1 ? 'gray' : 'color'}`;
}
