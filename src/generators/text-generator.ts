/** A generator of a network under a frozen text encoder, from noise or from an image of low resolution. */
import type { LoadedTextEncoder } from '../checkpoint/browser.ts';
import { RandomStream, type Executor, type HostArrays } from '../core/index.ts';
import {
  hasSteps,
  networkProcess,
  repeatRow,
  takeRows,
  type Conditions,
  type Sampling,
  type SchedulerConfig,
} from '../diffusion/index.ts';
import {
  concatenating,
  lowResolutionConditions,
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
import { diffusionGenerator, type DiffusionGenerator } from './diffusion.ts';
import type { RequestConditions } from './image-generator.ts';
import type { FullRequest } from './request.ts';
import type { TextToImageFacts } from './text-to-image-facts.ts';

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

/** What was read of a model. */
export interface TextGeneratorSource {
  readonly unet: UNet2DConditionModel;
  readonly weights: HostArrays;
  readonly scheduler: SchedulerConfig;
  readonly encoder: LoadedTextEncoder;
  readonly facts: TextToImageFacts;
  /** The forward process by which noise comes on an image of low resolution; default that of `scheduler`. */
  readonly noising?: SchedulerConfig | undefined;
  readonly sampling: Sampling | undefined;
  readonly batchSize?: number | undefined;
  readonly stage: string;
  /** How messages call the network. */
  readonly where: string;
}

/**
 * Makes a generator of the parts.
 *
 * @throws if the encoder's widths are not those that the network takes, or it takes more tokens than the encoder has positions
 */
export async function textGenerator(
  executor: Executor,
  {
    unet,
    weights,
    scheduler,
    encoder: loaded,
    facts,
    noising = scheduler,
    sampling,
    batchSize,
    stage,
    where,
  }: TextGeneratorSource,
): Promise<DiffusionGenerator> {
  const { maxTokens, pooled, fields, guidance, superResolution, reading } = facts;
  const encoder = await openTextEncoder(executor, loaded, { maxLength: maxTokens, reading });
  const { encoderHidDim, crossAttentionDim, outChannels, projectionClassEmbeddingsInputDim } = unet.config;
  const [widest] = [crossAttentionDim].flat();
  const ofFields = fields.reduce((width, { values }) => width + values.length, 0);
  checkTextWidths(
    encoder,
    {
      width: encoderHidDim ?? widest,
      pooledWidth: pooled ? (projectionClassEmbeddingsInputDim ?? 0) - ofFields : undefined,
    },
    where,
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
  // What a network has seen where a caption was dropped: no token, or the empty text.
  const noText =
    reading === 'deepfloyd-if' ? textConditions(await encoder.encode(['']), textual) : nothingSaid(textual);
  const model = await openSampler(executor, {
    network,
    scheduler,
    weights,
    ...(guidance && { nothing: noText }),
    sampling,
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
      const said = request.prompts ? await encoded(request.prompts) : repeatRow(noText, request.count);
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
    const { schedule } = networkProcess(noising);
    if (!hasSteps(schedule)) throw new Error('internal: noise levels need a discrete-time process');
    return noisedImages(
      enlarge(image!, options),
      ids.map(() => options.noiseLevel),
      schedule,
      ids.map(({ seed, index: number }) => new RandomStream(seed, 'noise augmentation', number)),
    );
  }
}
