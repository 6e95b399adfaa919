/** A model that generates images, as a program asks it: options in, images out. */
import type { FloatArray } from '../core/index.ts';
import { fromBitmaps, type Bitmap } from '../data/images/bitmap.ts';
import type { Sampling } from '../diffusion/index.ts';
import type { GenerateProgress, GenerateRequest, GeneratorInputs, ImageGenerator } from '../generators/index.ts';
import { generatedImages, type GeneratedImage, type PngEncoder } from './generated-image.ts';

/** What to generate and how; everything may be left out. Lists have one entry for each image, or one for all of them. */
export interface GenerateOptions
  extends
    Sampling,
    Pick<
      GenerateRequest,
      'seed' | 'count' | 'first' | 'prompts' | 'negativePrompts' | 'styles' | 'classes' | 'strength' | 'mask' | 'signal'
    > {
  /** The image to change, or the small one to enlarge, as `takes.image` says: pixels, or [C, H, W] in [−1, 1]. */
  readonly image?: Bitmap | FloatArray | undefined;
  /** Called after every step. */
  readonly onProgress?: ((progress: GenerateProgress) => void) | undefined;
}

/** A model that is open. */
export interface Model {
  /** What it can be asked with besides a seed. */
  readonly takes: GeneratorInputs;
  /** How it samples when nobody says, by stage. */
  readonly defaults: ImageGenerator['defaults'];
  /** What computes it, for people. */
  readonly device: string;
  /** What to know of it, one sentence each. */
  readonly notes: readonly string[];
  /** The generator behind it, which tells every step as it is taken. */
  readonly generator: ImageGenerator;
  /**
   * Generates images. Image i of a seed is the same whatever the count.
   *
   * @throws before the first step, if the model does not take what is asked; the signal's reason on abort
   */
  generate(options?: GenerateOptions): Promise<GeneratedImage[]>;
  /** Lets go of the model and of what it runs on. */
  close(): Promise<void>;
}

/**
 * A model over a generator.
 *
 * @param release  lets go of what the generator runs on
 */
export function modelOver(generator: ImageGenerator, encode: PngEncoder, release: () => Promise<void>): Model {
  const { takes, defaults, device, notes } = generator;
  return {
    takes,
    defaults,
    device,
    notes,
    generator,
    async generate({ onProgress, image, seed, count, first, ...options } = {}) {
      const { prompts, negativePrompts, styles, classes, strength, mask, signal, ...sampling } = options;
      const given = { prompts, negativePrompts, styles, classes, strength, mask, signal };
      const images: GeneratedImage[] = [];
      const request: GenerateRequest = {
        ...given,
        seed,
        count,
        first,
        sampling,
        image: image && ('dtype' in image ? image : fromBitmaps([image])),
      };
      for await (const progress of generator.generate(request)) {
        onProgress?.(progress);
        if (!progress.finished) continue;
        const ids = progress.places.map((place) => ({ seed: seed ?? 0, index: (first ?? 0) + place }));
        images.push(...generatedImages(progress.finished, ids, encode));
      }
      return images;
    },
    async close() {
      await generator.dispose();
      await release();
    },
  };
}

/** Images computed together when nobody says: a single one costs four, and more are slower one by one. */
export const togetherDefault = 4;
