import { float32, type FloatArray } from '../../core/index.ts';
import { layGrid, toBitmaps, type Dataset } from '../../data/index.ts';
import { takeRows } from '../../diffusion/index.ts';
import {
  componentsRequest,
  variationRequest,
  type GeneratorClip,
  type GenerateRequest,
} from '../../generators/index.ts';
import { imageShapeOf, principalComponents } from '../../pipelines/index.ts';
import { checkApart } from '../check-apart.ts';
import { openData } from '../open-data.ts';
import { allImages, samplerUsed, samplingFrom } from '../open-images.ts';
import { UsageError } from '../options.ts';
import { checkSamplerOptions, type SamplerCommandOptions, type SourceOptions } from '../sampling-options.ts';
import { withImages } from '../with-images.ts';
import { checkHasClip, readModelImage } from './read-model-image.ts';
import { checkImageFiles, writeSamples, type ImageOutputs } from './write-images.ts';

/** The options of `kuosan variations`. */
export interface VariationsOptions extends SourceOptions, SamplerCommandOptions, ImageOutputs {
  readonly image: string;
  readonly count: number;
  readonly preserve: boolean;
  readonly components?: readonly number[];
  readonly data?: string;
  readonly seed: number;
}

export async function runVariations(source: string, options: VariationsOptions): Promise<void> {
  const { image, preserve, components: counts, data, out, seed } = options;
  if ((counts === undefined) !== (data === undefined))
    throw new UsageError(
      counts === undefined
        ? '--data: belongs to --components'
        : '--components: of which embeddings? Name the images with --data',
    );
  if (counts && preserve) throw new UsageError('--preserve: belongs to variations; leave out --components');
  if (preserve && options.sampler !== undefined && options.sampler !== 'ddim')
    throw new UsageError('--sampler: inversion is that of ddim; leave out --sampler or --preserve');
  checkSamplerOptions(preserve ? { ...options, sampler: 'ddim' } : options);
  const count = counts?.length ?? options.count;
  await checkImageFiles(options, count);
  await checkApart(out, { 'the image': image });
  await withImages(source, options, async (opened, signal) => {
    const start = performance.now();
    const { generator } = opened;
    checkHasClip(opened, 'variations');
    const given = await readModelImage(image, generator);
    const request = { seed, sampling: samplingFrom(options), signal };
    const asked: GenerateRequest = counts
      ? await componentsRequest(generator, {
          ...request,
          image: given,
          counts,
          components: principalComponents(await embeddingsOf(generator.clip!, await dataOf(data!, generator.takes))),
        })
      : await variationRequest(generator, { ...request, image: given, count, preserve });
    const [original] = toBitmaps(float32([1, ...given.shape], given.data));
    await writeSamples(generator.generate(asked), options, {
      count,
      // The image stands first, where a base makes images of its size.
      lay: (images) => layGrid(images[0]!.width === original!.width ? [original!, ...images] : images),
    });
    const what = counts
      ? `from its first ${counts.join(', ')} principal components`
      : `${count} ${count === 1 ? 'variation' : 'variations'}${preserve ? ' from its own noise' : ''}`;
    process.stdout.write(
      `${out}: ${image} ${what} with ${asked.sampling?.sampler ?? samplerUsed(opened, request.sampling)}, seed ${seed}, on ${generator.device} in ${((performance.now() - start) / 1000).toFixed(1)} s\n`,
    );
  });
}

/** Images embedded at a time: those of a large data set do not lie in memory together. */
const together = 256;

async function embeddingsOf(clip: GeneratorClip, dataset: Dataset): Promise<FloatArray> {
  const data = new Float32Array(dataset.count * clip.width);
  const images = allImages(dataset);
  for (let first = 0; first < dataset.count; first += together) {
    const rows = Array.from({ length: Math.min(together, dataset.count - first) }, (_, i) => first + i);
    data.set((await clip.embedImages(takeRows(images, rows))).data, first * clip.width);
  }
  return float32([dataset.count, clip.width], data);
}

async function dataOf(
  source: string,
  { image }: { readonly image?: { readonly shape: readonly number[] } },
): Promise<Dataset> {
  const [channels, height, width] = imageShapeOf(image!.shape);
  return openData(source, { size: [height, width], channels: channels as 1 | 3 });
}
