/** A generator without any network: the exact denoiser of a data set. */
import type { Sampling } from '../diffusion/index.ts';
import { exactSampler, type ExactSource } from '../pipelines/index.ts';
import { diffusionGenerator, type DiffusionGenerator } from './diffusion.ts';

/**
 * What a network that has learned the images perfectly would generate: the images themselves.
 *
 * @throws if there are no images
 */
export function exactGenerator({
  sampling,
  ...source
}: ExactSource & { readonly sampling?: Sampling | undefined }): DiffusionGenerator {
  const model = { ...exactSampler(source), sampling };
  return diffusionGenerator({
    model,
    takes: { image: { shape: model.shape, use: 'optional' }, mask: model.shape.length === 3, guidance: false },
    device: `the exact denoiser of ${source.images.shape[0]!} images`,
  });
}
