/** DALL·E 2's upsampler as diffusers' pipelines have it: two networks without a text, of which the second takes the last step. */
import {
  readFacts,
  readPart,
  unclipSampling,
  unclipSchedulerComponent,
  unet2DComponent,
  type ModelFiles,
} from '../checkpoint/browser.ts';
import type { Shape } from '../core/index.ts';
import { imageName, networkProcess, type Denoiser, type Guidance } from '../diffusion/index.ts';
import type { JsonObject } from '../formats/json-object.ts';
import { denoisingNetwork, enlarge, imageShapeOf, openSampler, type ImageSampler } from '../pipelines/index.ts';
import { diffusionGenerator } from './diffusion.ts';
import type { GeneratorContext } from './generator-context.ts';
import type { ImageGenerator } from './image-generator.ts';

/** The stage's name. */
export const upsamplerStage = 'super_res';

/** How diffusers' pipelines sample it. */
const pipelineSampling = { ...unclipSampling, steps: 7 } as const;

/** Whether a folder has one: a decoder alone lists it as null. */
export function hasUpsampler(index: JsonObject): boolean {
  const part = index['super_res_first'];
  return Array.isArray(part) && part[1] !== null;
}

/**
 * Opens the upsampler of a folder.
 *
 * @param made  the images that it enlarges, [C, H, W]
 * @throws one line if it does not enlarge such images
 */
export async function openUpsampler(
  { executor, files, index, batchSize, variant }: GeneratorContext,
  made: Shape,
): Promise<ImageGenerator> {
  const scheduler = await readPart(files, index!, 'super_res_scheduler', unclipSchedulerComponent);
  const { sampling = {} } = await readFacts(files);
  const said = sampling[upsamplerStage] ?? pipelineSampling;
  const open = async (name: string) => {
    const { network, weights } = await readPart(files, index!, name, unet2DComponent, { variant });
    return openSampler(executor, {
      network: denoisingNetwork(network, networkProcess(scheduler).varianceType),
      scheduler,
      weights,
      sampling: said,
      ...(batchSize !== undefined && { batchSize }),
    });
  };
  const first = await open('super_res_first');
  const isOne = await sameWeights(files);
  const last = isOne ? first : await open('super_res_last');
  const factor = enlargement(first, made, `checkpoint ${files.name('super_res_first')}`);
  return diffusionGenerator({
    model: {
      ...first,
      denoiser: (guidance?: Guidance) => lastStepBy(first.denoiser(guidance), last.denoiser(guidance)),
      plainDenoiser: lastStepBy(first.plainDenoiser, last.plainDenoiser),
      async dispose() {
        await first.dispose();
        if (!isOne) await last.dispose();
      },
    },
    takes: { image: { shape: made, use: 'required' }, mask: false, guidance: false },
    conditions: ({ image }) => ({
      conditions: { [imageName]: enlarge(image!, { factor, upsampling: 'bicubic_antialias' }) },
    }),
    stage: upsamplerStage,
    device: executor.device,
  });
}

/** The times of its steps end at 0, and no other time of a sampler here is that one. */
function lastStepBy(first: Denoiser, last: Denoiser): Denoiser {
  if (first === last) return first;
  return (xt, t, options) => (t[0] === 0 ? last : first)(xt, t, options);
}

/** Whether both networks have one file of weights, as those that were trained here: its checksum says so without reading it twice. */
async function sameWeights(files: ModelFiles): Promise<boolean> {
  const { settings } = await readFacts(files);
  return settings?.['super_res_last'] === 'super_res_first';
}

/** @throws if the network does not enlarge such images by a whole number */
function enlargement({ shape }: Pick<ImageSampler, 'shape'>, made: Shape, where: string): number {
  const [channels, height, width] = imageShapeOf(shape);
  const [given, low, lowWidth] = imageShapeOf(made);
  const factor = height / low;
  if (channels !== given || !Number.isInteger(factor) || factor * lowWidth !== width)
    throw new Error(
      `${where}: makes images of [${shape.join(', ')}], and the decoder [${made.join(', ')}]; take one that enlarges by a whole number`,
    );
  return factor;
}
