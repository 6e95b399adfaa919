/** A training run of text to image: its captioned images, its frozen text encoder, its network, and its sample grids. */
import { join } from 'node:path';
import {
  filesRead,
  folderFiles,
  includeFiles,
  part,
  pooledWidthOf,
  readTextEncoder,
  schedulerComponent,
  textEncoderFolder,
  textToImageCardText,
  textToImageClass,
  unet2DConditionComponent,
  writePipelineFolder,
  type LoadedTextEncoder,
} from '../checkpoint/index.ts';
import {
  captionsOf,
  defaultCacheDir,
  fingerprintWithFields,
  heightAndWidth,
  openDataset,
  openTextCache,
  readFields,
  takeListed,
  type Dataset,
} from '../data/index.ts';
import { input } from '../core/index.ts';
import {
  hasSteps,
  networkProcess,
  objectiveDefaults,
  type NetworkProcess,
  type Sampling,
  type Schedule,
} from '../diffusion/index.ts';
import { kindOf } from '../files/durable-files.ts';
import { fromHome } from '../files/from-home.ts';
import { quoteWord } from '../formats/quote.ts';
import { ifTokens, textToImageNetwork, textToImageSettings, type TextToImageFacts } from '../generators/index.ts';
import {
  conditionVectorWidth,
  lowResolutionConditions,
  conditionTensors,
  UNet2DConditionModel,
  type FieldCondition,
  unet2DConditionConfigSchema,
  type UNet2DConditionConfig,
} from '../models/index.ts';
import {
  cachedTextEncoder,
  captionExamples,
  croppedExamples,
  denoisingTask,
  noisedLowResolutionExamples,
  nothingSaid,
  textConditions,
  truncationNote,
  openTextEncoder,
  type Examples,
  type CachedTextEncoder,
  type ImageShape,
} from '../pipelines/index.ts';
import { bind } from '../nn/index.ts';
import type { PlanOptions, RunPlan } from '../train/run.ts';
import { checkHalves } from './check-halves.ts';
import { croppedSize } from './cropped-size.ts';
import type { ImagenConfig } from './imagen-config.ts';
import { featuresFor, gridSeed, watchImages } from './watch-images.ts';

/**
 * Lays out the run.
 *
 * @throws if the configuration contradicts itself, the data or the encoder, or images have no captions
 */
export async function planImagen(
  asked: ImagenConfig,
  { skipBad = false, signal, onProgress }: PlanOptions,
): Promise<RunPlan> {
  const { train, scheduler, text } = asked;
  const { superResolution, ...weighing } = asked.objective;
  const { source, size, crop, channels, files, horizontalFlip, fields: keys, randomCrop } = asked.data;
  const process = networkProcess(scheduler);
  const imageShape: ImageShape = [channels, ...heightAndWidth(size)];
  const encoderDir = fromHome(text.encoder);
  const { files: encoderFiles, read: encoderPaths } = filesRead(encoderDir);
  if ((await kindOf(encoderDir)) !== 'folder')
    throw new Error(
      `config.text.encoder: there is no folder ${JSON.stringify(text.encoder)}; docs/text-to-image.md says where one comes from, and --text.encoder where it is`,
    );
  const encoder = await readTextEncoder(encoderFiles).catch((error: Error) => {
    throw new Error(`config.text.encoder: ${error.message}`, { cause: error });
  });
  const features = await featuresFor(train, imageShape);
  if (features && randomCrop !== null)
    throw new Error(
      'config.train.evaluateEvery: crops are not compared with whole images; set it to null, and measure the cascade with kuosan evaluate',
    );
  const shownShape: ImageShape = randomCrop === null ? imageShape : [channels, randomCrop, randomCrop];
  features?.check(imageShape);

  // What is wrong with the network is said before its data is read. How many values a field has is not known yet: one will do.
  checkBuilds(asked, imageShape, encoder, process);

  const whole = await openDataset(source, { size, crop, channels, skipBad, signal, onProgress });
  const listed = files === null ? whole : await takeListed(whole, files);
  const fields = await readFields(listed, keys);
  const dataset: Dataset = {
    ...listed,
    captions: captionsOf(listed),
    fingerprint: fingerprintWithFields(listed.fingerprint, fields),
  };

  const config = completed(asked, imageShape, encoder, fields, process);
  const unet = new UNet2DConditionModel(config.model);
  const facts: TextToImageFacts = {
    maxTokens: text.maxTokens,
    pooled: text.pooled && takesVector(config.model),
    fields: fields.map(({ name, values }) => ({ name, values: [...values] })),
    guidance: text.dropout > 0,
    ...(text.reading !== 'masked' && { reading: text.reading }),
    ...(superResolution && { superResolution }),
  };
  const window = croppedSize(randomCrop, asked);
  // What is trained on crops is applied to whole images: the network is the same at either size.
  const network = textToImageNetwork(unet, {
    ...facts,
    pooledWidth: facts.pooled ? pooledWidthOf(encoder) : undefined,
    channels,
    sampleSize: window,
  });
  const textual = network.conditions.filter(({ name }) => !lowResolutionConditions.includes(name));
  // The empty text is a caption like any other, and has to be encoded.
  const isEmptied = text.reading === 'deepfloyd-if';
  const nothing = nothingSaid(textual);

  let encoding: CachedTextEncoder | undefined;
  const encoded = (texts: readonly string[]) => {
    if (!encoding) throw new Error('internal: a caption is encoded before the encoder is open');
    return encoding.encode(texts);
  };
  const captioned = captionExamples(dataset, {
    seed: train.seed,
    horizontalFlip,
    inputs: textual,
    fields,
    encoding: { encode: encoded },
    ...(isEmptied && { emptied: text.dropout }),
  });

  const seen = (examples: Examples, seed: number) => {
    const shown = window ? croppedExamples(examples, window, seed) : examples;
    return superResolution ? noisedLowResolutionExamples(shown, superResolution, stepsOf(process), seed) : shown;
  };
  const prompts = train.samplePrompts;
  // A network that was never without its caption cannot be guided.
  const sampling: Sampling = facts.guidance ? { guidanceScale: train.sampleGuidance } : {};

  return {
    config: { task: 'imagen', ...config },
    train,
    kind: 'model',
    dataset,
    times: process.networkTimes,
    async prepare(executor, { signal: stop, onProgress }) {
      const own = await openTextEncoder(executor, encoder, { maxLength: text.maxTokens, reading: text.reading });
      const { width, pooledWidth } = own;
      const cache = await openTextCache(defaultCacheDir(), {
        fingerprint: await own.fingerprint(),
        width,
        pooledWidth,
      });
      const dispose = async () => {
        await cache.close();
        await own.dispose();
      };
      encoding = cachedTextEncoder(own, cache);
      try {
        await encoding.encodeAhead(isEmptied ? [...dataset.captions!, ''] : dataset.captions!, {
          ...(stop && { signal: stop }),
          onProgress: (done, total) => onProgress?.('encoding captions', done, total),
        });
      } catch (error) {
        await dispose();
        throw error;
      }
      return { notes: () => [truncationNote(own, dataset.captions!, 'caption') ?? []].flat(), dispose };
    },
    task: denoisingTask({
      network,
      process,
      objective: { ...objectiveDefaults, ...weighing },
      batchSize: train.batchSize,
      seed: train.seed,
      examples: seen(captioned, train.seed),
      dropouts: [
        { names: textual.map(({ name }) => name), probability: isEmptied ? 0 : text.dropout },
        ...fields.map(({ name }) => ({ names: [name], probability: text.fieldDropout })),
      ],
      nothing,
    }),
    async writeModel(dir, weights) {
      await includeFiles(encoderDir, encoderPaths, join(dir, textEncoderFolder));
      await writePipelineFolder(dir, {
        className: textToImageClass,
        parts: {
          unet: part(unet2DConditionComponent, { network: unet, weights }),
          scheduler: part(schedulerComponent, scheduler),
          [textEncoderFolder]: {
            className: encoder.network.className,
            library: 'transformers',
            file: 'config.json',
            files: () => [],
          },
        },
        facts: { settings: textToImageSettings(facts), sampling: { sample: sampling } },
        card: textToImageCardText({
          ...facts,
          network: unet,
          scheduler,
          enlarges: facts.superResolution !== undefined,
        }),
      });
      return weights.keys();
    },
    readWeights: async (dir) => new Map((await unet2DConditionComponent.read(folderFiles(dir), 'unet')).weights),
    use: superResolution
      ? { what: 'enlarge an image', command: (out) => `kuosan edit ${out} --image small.png --out large.png` }
      : {
          what: 'sample from it',
          command: (out) => `kuosan sample ${out} --prompt ${quoteWord(prompts[0] ?? dataset.captions![0]!)}`,
        },
    watch: async (executor, store) =>
      watchImages(executor, store, {
        network,
        scheduler,
        train,
        dataset,
        imageShape: shownShape,
        features,
        async conditionsOf(count) {
          const { conditions = {} } = await seen(captioned, gridSeed).batch(0, count);
          if (prompts.length === 0) return conditions;
          const texts = Array.from({ length: count }, (_, i) => prompts[i % prompts.length]!);
          return { ...conditions, ...textConditions(await encoded(texts), textual, fields) };
        },
        ...(facts.guidance && {
          guided: { nothing: isEmptied ? textConditions(await encoded(['']), textual) : nothing, sampling },
        }),
      }),
  };
}

/** @throws if there is no such network, or it does not take images of this size */
function checkBuilds(
  asked: ImagenConfig,
  imageShape: ImageShape,
  encoder: LoadedTextEncoder,
  process: NetworkProcess,
): void {
  const { text, data } = asked;
  const fields = data.fields.map((name) => ({ name, values: [''] }));
  const { model } = completed(
    { ...asked, model: { ...asked.model, projectionClassEmbeddingsInputDim: undefined } },
    imageShape,
    encoder,
    fields,
    process,
  );
  const network = textToImageNetwork(new UNet2DConditionModel(model), {
    maxTokens: text.maxTokens,
    pooledWidth: text.pooled && takesVector(model) ? pooledWidthOf(encoder) : undefined,
    fields,
    channels: imageShape[0],
    sampleSize: croppedSize(data.randomCrop, asked),
  });
  const ctx = bind(network.module);
  try {
    network.denoise(ctx, input('xt', [1, ...network.sample]), input('t', [1]), conditionTensors(network, 1));
  } catch (error) {
    // Blocks that resample by convolutions take any size.
    checkHalves(model, imageShape.slice(1) as [number, number]);
    throw new Error(`config.model: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws if diffusers' pipelines of DeepFloyd IF have no place for what the network is conditioned on */
function checkReading({ text, model }: ImagenConfig): void {
  if (takesVector(model))
    throw new Error(
      `config.model.classEmbedType: with text.reading "deepfloyd-if" the network is conditioned on hidden states alone, got ${JSON.stringify(model.classEmbedType)}; leave it out, or take text.reading "masked"`,
    );
  if (text.maxTokens !== ifTokens)
    throw new Error(
      `config.text.maxTokens: with text.reading "deepfloyd-if" texts have ${ifTokens} tokens, got ${text.maxTokens}; set it to ${ifTokens}`,
    );
}

function takesVector({ classEmbedType }: Pick<ImagenConfig['model'], 'classEmbedType'>): boolean {
  return classEmbedType === 'projection' || classEmbedType === 'simple_projection';
}

/** @throws if the process has no steps, by which the noise on an image of low resolution is counted */
function stepsOf({ schedule }: NetworkProcess): Schedule {
  if (!hasSteps(schedule))
    throw new Error(
      'config.objective.superResolution: noise levels are times of a discrete process; leave scheduler.process out',
    );
  return schedule;
}

/**
 * The configuration with what data and encoder say of the network.
 *
 * @throws if it says something else
 */
function completed(
  asked: ImagenConfig,
  [channels, ...size]: ImageShape,
  encoder: LoadedTextEncoder,
  fields: readonly FieldCondition[],
  { varianceType }: NetworkProcess,
): ImagenConfig & { readonly model: UNet2DConditionConfig } {
  const { superResolution } = asked.objective;
  const { classEmbedType } = asked.model;
  const width = conditionVectorWidth({ pooledWidth: asked.text.pooled ? pooledWidthOf(encoder) : 0, fields });
  if (superResolution && classEmbedType !== 'timestep')
    throw new Error(
      `config.model.classEmbedType: with objective.superResolution the network is conditioned on the noise level, "timestep"; got ${JSON.stringify(classEmbedType)}`,
    );
  if (asked.text.reading === 'deepfloyd-if') checkReading(asked);
  if (fields.length > 0 && !takesVector(asked.model))
    throw new Error(
      `config.data.fields: they need model.classEmbedType "projection" or "simple_projection", got ${JSON.stringify(classEmbedType)}`,
    );
  const divisor = superResolution?.factor ?? 1;
  if (size.some((side) => side % divisor !== 0))
    throw new Error(
      `config.objective.superResolution.factor: ${divisor} does not divide config.data.size ${size.join('x')}`,
    );
  const attended = [asked.model.crossAttentionDim].flat();
  if (asked.model.encoderHidDim === null && attended.some((own) => own !== encoder.network.width))
    throw new Error(
      `config.model.crossAttentionDim is ${JSON.stringify(asked.model.crossAttentionDim)}, and the text encoder's hidden states have ${encoder.network.width} values; leave encoderHidDim out, which projects them`,
    );
  const expected = {
    inChannels: superResolution ? 2 * channels : channels,
    outChannels: varianceType === 'learned_range' ? 2 * channels : channels,
    sampleSize: size[0] === size[1] ? size[0]! : (size as [number, number]),
    // Null attends to the hidden states as they are.
    encoderHidDim: asked.model.encoderHidDim === null ? null : encoder.network.width,
    projectionClassEmbeddingsInputDim: takesVector(asked.model) ? width : null,
  };
  const model = Object.fromEntries(
    Object.entries(expected).map(([key, value]) => {
      const said = asked.model[key as keyof typeof expected];
      if (said !== undefined && said !== null && JSON.stringify(said) !== JSON.stringify(value))
        throw new Error(
          `config.model.${key} is ${JSON.stringify(said)}, and data and text encoder make it ${JSON.stringify(value)}; leave it out`,
        );
      return [key, value];
    }),
  );
  return { ...asked, model: unet2DConditionConfigSchema.parse({ ...asked.model, ...model }) };
}
