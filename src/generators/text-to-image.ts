/** Text to image: a frozen text encoder and a network under its hidden states, from noise or from an image of low resolution. */
import { z } from 'zod';
import {
  readFacts,
  type ModelFacts,
  readPart,
  readTextEncoder,
  schedulerComponent,
  textEncoderFolder,
  unet2DConditionComponent,
} from '../checkpoint/browser.ts';
import { upsamplings } from '../diffusion/index.ts';
import type { JsonObject } from '../formats/json-object.ts';
import { parseConfig } from '../models/index.ts';
import { textReadings } from '../pipelines/index.ts';
import { samplingStage, type DiffusionGenerator } from './diffusion.ts';
import type { GeneratorContext } from './generator-context.ts';
import { textGenerator } from './text-generator.ts';

const factsSchema = z.strictObject({
  /** Tokens of a text, padding included. */
  maxTokens: z.number().int().min(2),
  /** Whether the pooled embedding is added to the time embedding. */
  pooled: z.boolean(),
  fields: z.array(z.strictObject({ name: z.string(), values: z.array(z.string()) })),
  /** How texts are read; see `TextEncoderOptions`. */
  reading: z.enum(textReadings).optional(),
  /** Guidance needs a network that was trained without texts, too. */
  guidance: z.boolean(),
  superResolution: z
    .strictObject({
      factor: z.number().int().min(2),
      upsampling: z.enum(upsamplings),
      maxNoiseLevel: z.number().positive().max(1),
      /** In sampling when nobody says. */
      noiseLevel: z.number().min(0).max(1),
    })
    .optional(),
});

/** What a network under a text is conditioned on, as its folder says in the `settings` of kuosan.json. */
export type TextToImageFacts = z.output<typeof factsSchema>;

/**
 * The facts of a folder.
 *
 * @param file  how messages call it
 * @throws one line that names what is missing or wrong
 */
export function textToImageFacts({ settings }: ModelFacts, file: string): TextToImageFacts {
  return parseConfig(factsSchema, settings?.['textToImage'] ?? {}, `checkpoint ${file}: settings.textToImage`);
}

/** The facts as JSON. */
export function textToImageSettings(facts: TextToImageFacts): JsonObject {
  return { textToImage: facts };
}

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
