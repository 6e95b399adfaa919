/** DeepFloyd IF in diffusers' layout: Imagen under a T5, whose unconditional branch is the empty text. */
import {
  readFacts,
  readPart,
  readTextEncoder,
  textEncoderFolder,
  thresholdedSchedulerComponent,
  unet2DConditionComponent,
} from '../checkpoint/browser.ts';
import { networkProcess, type Sampling } from '../diffusion/index.ts';
import { samplingStage, type DiffusionGenerator } from './diffusion.ts';
import type { GeneratorContext } from './generator-context.ts';
import { textGenerator } from './text-generator.ts';
import { textToImageFacts, type TextToImageFacts } from './text-to-image-facts.ts';

/** Tokens of a text, padding included: fixed in diffusers' pipelines. */
export const ifTokens = 77;

/** How diffusers' pipelines sample when nobody says. */
const pipelineSampling = {
  base: { sampler: 'ddpm', steps: 100, guidanceScale: 7 },
  superResolution: { sampler: 'ddpm', steps: 50, guidanceScale: 4 },
} as const satisfies Record<string, Sampling>;

/** The noise level of diffusers' pipeline, a time of the forward process. */
const pipelineNoiseLevel = 250;

/** What a folder of Python does not say: both upsamplers of DeepFloyd IF, to 256 and to 1024 pixels, enlarge by it. */
const pipelineFactor = 4;

/** Opens an `IFPipeline`. */
export async function openIF(context: GeneratorContext): Promise<DiffusionGenerator> {
  return opened(context, 'base');
}

/** Opens an `IFSuperResolutionPipeline`: it enlarges images, by four where its folder says nothing. */
export async function openIFSuperResolution(context: GeneratorContext): Promise<DiffusionGenerator> {
  return opened(context, 'superResolution');
}

async function opened(
  { executor, files, index, batchSize, variant, stage = samplingStage, shared }: GeneratorContext,
  kind: keyof typeof pipelineSampling,
): Promise<DiffusionGenerator> {
  const { network: unet, weights } = await readPart(files, index!, 'unet', unet2DConditionComponent, { variant });
  const { scheduler, sampling: said } = await readPart(files, index!, 'scheduler', thresholdedSchedulerComponent);
  const isUpsampler = kind === 'superResolution';
  const noising = isUpsampler
    ? await readPart(files, index!, 'image_noising_scheduler', thresholdedSchedulerComponent)
    : undefined;
  const folder = await readFacts(files);
  const own: Partial<TextToImageFacts> =
    folder.settings?.['textToImage'] === undefined ? {} : textToImageFacts(folder, files.name('kuosan.json'));
  const holder = (await files.has(`${textEncoderFolder}/config.json`)) || !shared ? files : shared;
  const steps = networkProcess((noising ?? { scheduler }).scheduler).schedule;
  const T = 'T' in steps ? steps.T : 1;
  return textGenerator(executor, {
    unet,
    weights,
    scheduler,
    noising: noising?.scheduler,
    encoder: await readTextEncoder(holder, { folder: textEncoderFolder, variant }),
    facts: {
      maxTokens: ifTokens,
      pooled: false,
      fields: [],
      reading: 'deepfloyd-if',
      guidance: own.guidance ?? true,
      ...(isUpsampler && {
        superResolution: own.superResolution ?? {
          factor: pipelineFactor,
          upsampling: 'bilinear_align_corners',
          maxNoiseLevel: 1,
          noiseLevel: Math.min(pipelineNoiseLevel, T - 1) / Math.max(1, T - 1),
        },
      }),
    },
    sampling: folder.sampling?.[samplingStage] ?? { ...pipelineSampling[kind], ...said },
    batchSize,
    stage,
    where: `checkpoint ${files.name('unet')}`,
  });
}
