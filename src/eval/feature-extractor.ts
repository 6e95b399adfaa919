import type { FloatArray } from '../core/index.ts';
import type { ClassHead } from './class-head.ts';

/** Something that turns images into vectors which lie close where images look alike. */
export interface FeatureExtractor {
  /** What numbers made with it are called after: `fashion-mnist-classifier`. */
  readonly name: string;
  /** Whether it is the network of the FID: only then may a Fréchet distance of its features be called so. */
  readonly isFid: boolean;
  /** D, the length of a vector. */
  readonly dim: number;
  /** What it takes images for, where it is a classifier. */
  readonly classes?: ClassHead;
  /**
   * @param images  [B, C, H, W] in [−1, 1], any B
   * @returns       [B, D]
   */
  extract(images: FloatArray): Promise<FloatArray>;
  dispose(): Promise<void>;
}
