/** The exact denoiser of pictures in the place of a network. */
import type { FloatArray } from '../core/index.ts';
import { datasetDenoiser, networkProcess, type SchedulerConfig } from '../diffusion/index.ts';
import type { PictureShape } from './ddpm.ts';
import { pictureSampler, type PictureSampler } from './draw.ts';

/** What the exact denoiser knows: all the pictures, and how noise is put on them. */
export interface ExactSource {
  /** [N, C, H, W]; not copied. */
  readonly pictures: FloatArray;
  readonly scheduler: SchedulerConfig;
  /** Pictures computed together, default 16. */
  readonly batchSize?: number;
}

/**
 * A sampler without any network: E[x_0 | x_t] over the pictures, computed. It draws the pictures themselves, which is what
 * a network that has learned them perfectly would do.
 *
 * A batch of B noisy pictures takes about 2 · B · N · C · H · W multiplications for each step.
 *
 * @throws if there are no pictures; when drawing, if guidance is asked for
 */
export function exactSampler({ pictures, scheduler, batchSize = 16 }: ExactSource): PictureSampler {
  const [, channels, height, width] = pictures.shape as readonly [number, ...PictureShape];
  const diffusion = networkProcess(scheduler);
  const denoise = datasetDenoiser(diffusion.schedule, pictures);
  return pictureSampler({
    // There is no network that could have learned a variance.
    diffusion: diffusion.varianceType === 'learned_range' ? { ...diffusion, varianceType: 'fixed_small' } : diffusion,
    picture: [channels, height, width],
    batchSize,
    condChannels: 0,
    takesClasses: false,
    plainDenoiser: denoise,
    denoiser({ guidanceScale = 1, dynamicThresholding } = {}) {
      if (guidanceScale !== 1)
        throw new Error('guidanceScale: the exact denoiser knows no classes, so there is nothing to guide towards');
      if (dynamicThresholding)
        throw new Error('dynamicThresholding: an exact estimate is a mean of pictures and never leaves their range');
      return denoise;
    },
    dispose: async () => {},
  });
}
