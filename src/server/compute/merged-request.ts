/** Images of several jobs as one request to a generator: each is what it would be alone. */
import { float32, sizeOf } from '../../core/index.ts';
import type { GenerateRequest } from '../../generators/index.ts';
import type { ImageJob, ImageJobSpec } from './image-job.ts';

/** One image of a job. */
export interface JobImage {
  readonly job: ImageJob;
  /** Its place in the job. */
  readonly place: number;
}

let masked = 0;

/**
 * Images whose keys are equal may share a batch: they are of one model and are sampled in one way. What differs by image (seed,
 * prompt, style, class, the image to change) is not in it. A mask is one for a whole batch, so only the images of its job share it.
 */
export function batchKey({
  model,
  sampling,
  strength,
  prompts,
  negativePrompts,
  image,
  isVariation,
  mask,
  jumps,
}: ImageJobSpec): string {
  return JSON.stringify([
    model,
    Object.entries(sampling)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
    strength,
    prompts !== undefined,
    negativePrompts !== undefined,
    image !== undefined,
    isVariation,
    mask && [masked++, jumps],
  ]);
}

/** The request for images of one key. */
export function mergedRequest(images: readonly JobImage[]): GenerateRequest {
  const { sampling, strength, mask, jumps } = images[0]!.job.spec;
  const each = <T>(list: (spec: ImageJobSpec) => readonly T[] | undefined): readonly T[] | undefined =>
    list(images[0]!.job.spec) && images.map(({ job, place }) => list(job.spec)![place]!);
  return {
    count: images.length,
    ids: each(({ ids }) => ids),
    prompts: each((spec) => spec.prompts),
    negativePrompts: each((spec) => spec.negativePrompts),
    styles: each((spec) => spec.styles),
    classes: each((spec) => spec.classes),
    image: stackedImages(images),
    mask,
    jumps,
    strength,
    sampling,
  };
}

/** [count, C, H, W] */
function stackedImages(images: readonly JobImage[]): GenerateRequest['image'] {
  const first = images[0]!.job.spec.image;
  if (!first) return undefined;
  const size = sizeOf(first.shape);
  const data = new Float32Array(images.length * size);
  for (const [i, { job }] of images.entries()) data.set(job.spec.image!.data, i * size);
  return float32([images.length, ...first.shape], data);
}
