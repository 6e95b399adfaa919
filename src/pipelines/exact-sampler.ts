/** The exact denoiser of images in the place of a network. */
import type { FloatArray } from '../core/index.ts';
import { datasetDenoiser, networkProcess, type SchedulerConfig } from '../diffusion/index.ts';
import { imageSampler, type ImageSampler } from './image-sampler.ts';

/** What the exact denoiser knows: all the images, and how noise is put on them. */
export interface ExactSource {
  /** [N, ...]; not copied. */
  readonly images: FloatArray;
  readonly scheduler: SchedulerConfig;
  /** Images computed together, default 16. */
  readonly batchSize?: number;
}

/**
 * A sampler without any network: E[x_0 | x_t] over the images, computed. It generates the images themselves, which is what
 * a network that has learned them perfectly would do.
 *
 * A batch of B noisy images takes about 2 · B · N · C · H · W multiplications for each step.
 *
 * @throws if there are no images; while sampling, if guidance is requested
 * @example
 * import { fromBitmaps, imagesAt, openDataset } from 'kuosan/data';
 * import { schedulerConfig } from 'kuosan/diffusion';
 * import { exactSampler, sampleImages } from 'kuosan/pipelines';
 *
 * const dataset = await openDataset('noto-emoji/smileys', { size: 8 });
 * const images = fromBitmaps(imagesAt(dataset, [0, 1, 2, 3]));
 * const samples = await sampleImages(exactSampler({ images, scheduler: schedulerConfig() }), { seed: 0, count: 1 });
 * console.log(samples.shape); // [ 1, 3, 8, 8 ]
 */
export function exactSampler({ images, scheduler, batchSize = 16 }: ExactSource): ImageSampler {
  const process = networkProcess(scheduler);
  const denoise = datasetDenoiser(process.schedule, images);
  return imageSampler({
    // There is no network that could have learned a variance.
    process: process.varianceType === 'learned_range' ? { ...process, varianceType: 'fixed_small' } : process,
    shape: images.shape.slice(1),
    batchSize,
    conditions: [],
    plainDenoiser: denoise,
    denoiser({ guidanceScale = 1, dynamicThresholding } = {}) {
      if (guidanceScale !== 1)
        throw new Error('guidanceScale: the exact denoiser is unconditional, so it cannot be guided');
      if (dynamicThresholding)
        throw new Error('dynamicThresholding: an exact estimate is a mean of images and never leaves their range');
      return denoise;
    },
    dispose: async () => {},
  });
}
