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
import { RandomStream } from '../core/index.ts';
import { hasSteps, networkProcess, repeatRow, takeRows, upsamplings, type Conditions } from '../diffusion/index.ts';
import type { JsonObject } from '../formats/json-object.ts';
import {
  concatenating,
  lowResolutionConditions,
  parseConfig,
  textConditioned,
  type DenoisingNetwork,
  type FieldCondition,
  type UNet2DConditionModel,
} from '../models/index.ts';
import {
  checkTextWidths,
  enlarge,
  noisedImages,
  nothingSaid,
  openSampler,
  openTextEncoder,
  textConditions,
  truncationNote,
  type NoisedSuperResolution,
} from '../pipelines/index.ts';
import { diffusionGenerator, samplingStage, type DiffusionGenerator } from './diffusion.ts';
import type { GeneratorContext } from './generator-context.ts';
import type { RequestConditions } from './image-generator.ts';
import type { FullRequest } from './request.ts';

const factsSchema = z.strictObject({
  /** Tokens of a text, padding included. */
  maxTokens: z.number().int().min(2),
  /** Whether the pooled embedding is added to the time embedding. */
  pooled: z.boolean(),
  fields: z.array(z.strictObject({ name: z.string(), values: z.array(z.string()) })),
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

/**
 * The network with its conditions by name.
 *
 * @param channels  of the images
 */
export function textToImageNetwork(
  unet: UNet2DConditionModel,
  {
    maxTokens,
    pooledWidth,
    fields,
    sampleSize,
    channels,
  }: {
    readonly maxTokens: number;
    readonly pooledWidth: number | undefined;
    readonly fields: readonly FieldCondition[];
    readonly sampleSize?: readonly [number, number] | undefined;
    readonly channels: number;
  },
): DenoisingNetwork {
  const network = textConditioned(unet, { maxTokens, pooledWidth, fields, sampleSize });
  const beyond = network.sample[0]! - channels;
  return beyond > 0 ? concatenating(network, beyond) : network;
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
  const { sampling } = facts;
  const { maxTokens, pooled, fields, guidance, superResolution } = textToImageFacts(facts, files.name('kuosan.json'));
  // Stages of a cascade share an encoder.
  const isOwn = await files.has(`${textEncoderFolder}/config.json`);
  const holder = isOwn || !shared ? files : shared;
  const encoder = await openTextEncoder(executor, await readTextEncoder(holder, { folder: textEncoderFolder }), {
    maxLength: maxTokens,
  });
  const { encoderHidDim, crossAttentionDim, outChannels, projectionClassEmbeddingsInputDim } = unet.config;
  const [widest] = [crossAttentionDim].flat();
  const ofFields = fields.reduce((width, { values }) => width + values.length, 0);
  checkTextWidths(
    encoder,
    {
      width: encoderHidDim ?? widest,
      pooledWidth: pooled ? (projectionClassEmbeddingsInputDim ?? 0) - ofFields : undefined,
    },
    `checkpoint ${files.name('unet')}`,
  );
  const process = networkProcess(scheduler);
  const channels = process.varianceType === 'learned_range' ? outChannels / 2 : outChannels;
  const network = textToImageNetwork(unet, {
    maxTokens,
    pooledWidth: pooled ? encoder.pooledWidth : undefined,
    fields,
    channels,
  });
  const textual = network.conditions.filter(({ name }) => !lowResolutionConditions.includes(name));
  const model = await openSampler(executor, {
    network,
    scheduler,
    weights,
    ...(guidance && { nothing: nothingSaid(textual) }),
    sampling: sampling?.[samplingStage],
    ...(batchSize !== undefined && { batchSize }),
  });
  const [, height, width] = model.shape as readonly [number, number, number];
  const generator = diffusionGenerator({
    model,
    takes: {
      text: { maxTokens, required: !superResolution },
      ...(fields.length > 0 && { styles: fields }),
      image: superResolution
        ? { shape: [channels, height / superResolution.factor, width / superResolution.factor], use: 'required' }
        : { shape: model.shape, use: 'optional' },
      mask: !superResolution,
      guidance,
    },
    async conditions(request) {
      const encoded = (texts: readonly string[]) => encodedTexts(texts, request);
      const said = request.prompts ? await encoded(request.prompts) : repeatRow(nothingSaid(textual), request.count);
      return {
        conditions: { ...said, ...(superResolution && lowResolution(request, superResolution)) },
        ...(request.negativePrompts && { negative: await encoded(request.negativePrompts) }),
      };
    },
    stage,
    device: executor.device,
  });
  return {
    ...generator,
    notesOn({ prompts = [], negativePrompts = [] }) {
      const note = truncationNote(encoder, [...prompts, ...negativePrompts]);
      return note === undefined ? [] : [note];
    },
    async dispose() {
      await generator.dispose();
      await encoder.dispose();
    },
  };

  /** Each different text is encoded once. */
  async function encodedTexts(texts: readonly string[], { styles }: FullRequest): Promise<Conditions> {
    const different = [...new Set(texts)];
    const places = new Map(different.map((text, place) => [text, place]));
    const rows = texts.map((text) => places.get(text)!);
    const { hidden, mask, pooled: embeddings } = await encoder.encode(different);
    return textConditions(
      { hidden: takeRows(hidden, rows), mask: takeRows(mask, rows), pooled: takeRows(embeddings, rows) },
      textual,
      fields,
      styles,
    );
  }

  function lowResolution(
    { image, ids }: FullRequest,
    options: NoisedSuperResolution & { readonly noiseLevel: number },
  ): RequestConditions['conditions'] {
    const { schedule } = process;
    if (!hasSteps(schedule)) throw new Error('internal: noise levels need a discrete-time process');
    return noisedImages(
      enlarge(image!, options),
      ids.map(() => options.noiseLevel),
      schedule,
      ids.map(({ seed, index: number }) => new RandomStream(seed, 'noise augmentation', number)),
    );
  }
}
