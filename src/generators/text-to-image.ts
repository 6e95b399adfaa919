/** Text to image: a frozen text encoder and a network under its hidden states, from noise or from an image of low resolution. */
import {
  readFacts,
  readPart,
  readTextEncoder,
  schedulerComponent,
  textEncoderFolder,
  unet2DConditionComponent,
} from '../checkpoint/browser.ts';
import { samplingStage, type DiffusionGenerator } from './diffusion.ts';
import type { GeneratorContext } from './generator-context.ts';
import { textGenerator } from './text-generator.ts';
import { textToImageFacts } from './text-to-image-facts.ts';

/** Opens a folder of text to image. */
export async function openTextToImage({
  executor,
  files,
  index,
  batchSize,
  variant,
  stage = samplingStage,
  shared,
}: GeneratorContext): Promise<DiffusionGenerator> {
  const { network: unet, weights } = await readPart(files, index!, 'unet', unet2DConditionComponent, { variant });
  const scheduler = await readPart(files, index!, 'scheduler', schedulerComponent);
  const facts = await readFacts(files);
  // Stages of a cascade share an encoder.
  const isOwn = await files.has(`${textEncoderFolder}/config.json`);
  const holder = isOwn || !shared ? files : shared;
  return textGenerator(executor, {
    unet,
    weights,
    scheduler,
    encoder: await readTextEncoder(holder, { folder: textEncoderFolder }),
    facts: textToImageFacts(facts, files.name('kuosan.json')),
    sampling: facts.sampling?.[samplingStage],
    batchSize,
    stage,
    where: `checkpoint ${files.name('unet')}`,
  });
}
