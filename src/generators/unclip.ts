/** DALL·E 2: a text becomes a CLIP image embedding by the prior, the embedding an image by the decoder. */
import { z } from 'zod';
import {
  autoregressivePriorComponent,
  frozenClipFolder,
  isPart,
  priorTransformerComponent,
  readFacts,
  readImageEncoder,
  readPart,
  readTextEncoder,
  textEncoderFolder,
  unclipSampling,
  unclipSchedulerComponent,
  unclipTextProjComponent,
  unet2DConditionComponent,
  type ModelFiles,
  type NetworkPart,
} from '../checkpoint/browser.ts';
import { float32, type FloatArray } from '../core/index.ts';
import {
  ddimInversion,
  fullSampling,
  takeRows,
  type Conditions,
  type Sampling,
  type SchedulerConfig,
} from '../diffusion/index.ts';
import type { JsonObject } from '../formats/json-object.ts';
import {
  imageConditionNames,
  imageTowerConfig,
  parseConfig,
  textConditionNames,
  UnCLIPDecoder,
  unclipDecoderNetwork,
  type AutoregressivePrior,
  type PriorTransformer,
} from '../models/index.ts';
import {
  chosenSampler,
  checkTextWidths,
  defaultSimilarityQuantile,
  imageEmbeddingConditions,
  noImageEmbedding,
  openAutoregressivePriorSampler,
  openClipImageEncoder,
  openPriorSampler,
  openSampler,
  openTextEncoder,
  sampleStreams,
  statisticsOf,
  textConditions,
  towerImages,
  truncationNote,
  type ClipImageEncoder,
  type DecoderCondition,
  type FrozenTextEncoder,
  type ImageSampler,
  type PriorSampler,
} from '../pipelines/index.ts';
import { diffusionGenerator, samplingOf } from './diffusion.ts';
import type { GeneratorContext } from './generator-context.ts';
import type { GeneratorClip, GenerateRequest, ImageGenerator, RequestConditions } from './image-generator.ts';
import { fullRequest, type FullRequest } from './request.ts';

const factsSchema = z.strictObject({
  /** Embeddings that the prior draws for each image; the one nearest to the text's is kept. */
  candidates: z.number().int().min(1).default(1),
  /** Whether the prior was trained without captions, too: guidance needs it. */
  priorGuidance: z.boolean().default(true),
  /** Of an autoregressive prior: the share of similarities of text and image that are not asked for, the lowest. */
  similarityQuantile: z.number().min(0).lt(1).default(defaultSimilarityQuantile),
  /** Whether the decoder was trained without embedding or caption. */
  decoderGuidance: z.boolean().default(true),
  /** Whose embeddings the decoder was trained on. */
  decoderCondition: z.enum(['image', 'text']).default('image'),
});

/** What a folder of DALL·E 2 says of its own, in the `settings` of kuosan.json. What is absent is as diffusers' pipelines have it. */
export type UnCLIPFacts = z.output<typeof factsSchema>;

/** The facts as JSON. */
export function unclipSettings(facts: Partial<UnCLIPFacts>): JsonObject {
  return { unclip: facts };
}

/**
 * The facts of a folder.
 *
 * @throws one line if they are none
 */
export function unclipFacts(settings: JsonObject | undefined, where: string): UnCLIPFacts {
  return parseConfig(factsSchema, settings?.['unclip'] ?? {}, `${where}: settings.unclip`);
}

/** The stages of the chain. */
export const unclipStages = { prior: 'prior', decoder: 'decoder' } as const;

/** How diffusers' pipelines sample when nobody says. */
const pipelineSampling = {
  prior: { ...unclipSampling, steps: 25, guidanceScale: 4 },
  decoder: { ...unclipSampling, steps: 25, guidanceScale: 8 },
} as const satisfies Record<string, Sampling>;

/** Opens a prior's folder, which is a part of a model. */
export async function openPriorAlone({ files }: GeneratorContext): Promise<never> {
  throw new Error(
    `checkpoint ${files.name('')}: holds a prior, which makes embeddings and no images; put it together with a decoder: kuosan assemble ${files.name('')} runs/decoder --out models/dalle-2`,
  );
}

/** What to know of a decoder alone, by what it was trained on. */
const withoutPrior: Readonly<Record<DecoderCondition, string>> = {
  image: "there is no prior: where no embedding is given, the text's own stands for that of an image",
  text: 'the decoder was trained on embeddings of texts (clip.condition text): it needs no prior, and has never seen the embedding of an image',
};

/** The networks of a folder, compiled. */
interface OpenedParts {
  readonly prior: PriorSampler | undefined;
  readonly decoder: ImageSampler;
  readonly text: FrozenTextEncoder;
  readonly image: { readonly encoder: ClipImageEncoder; readonly channels: number } | undefined;
  readonly guidance: boolean;
  readonly condition: DecoderCondition;
}

/** Opens what makes images of CLIP image embeddings, and with a prior of texts. */
export async function openUnCLIP(context: GeneratorContext): Promise<ImageGenerator> {
  const { executor, stage = unclipStages.decoder } = context;
  return unclipGenerator(await openParts(context), { stage, device: executor.device });
}

async function openParts({
  executor,
  files,
  index,
  batchSize,
  variant,
  stage,
}: GeneratorContext): Promise<OpenedParts> {
  const isWhole = await files.has(`${frozenClipFolder}/config.json`);
  const textFolder = isWhole ? frozenClipFolder : textEncoderFolder;
  const { network: unet, weights } = await readPart(files, index!, 'decoder', unet2DConditionComponent, { variant });
  const { network: textProj, weights: projected } = await readPart(
    files,
    index!,
    'text_proj',
    unclipTextProjComponent,
    { variant },
  );
  const scheduler = await readPart(files, index!, 'decoder_scheduler', unclipSchedulerComponent);
  const { sampling = {}, settings } = await readFacts(files);
  const facts = unclipFacts(settings, `checkpoint ${files.name('kuosan.json')}`);
  const prior = await readPrior(files, index!, variant);
  if (prior && facts.decoderCondition === 'text')
    throw new Error(
      `checkpoint ${files.name('kuosan.json')}: settings.unclip.decoderCondition is "text", and a decoder of texts takes no prior; leave one of the two out`,
    );
  const loaded = await readTextEncoder(files, { folder: textFolder });
  const maxTokens = prior?.network.config.numEmbeddings ?? loaded.maxLength;
  const text = await openTextEncoder(executor, loaded, { maxLength: maxTokens });
  const width = textProj.config.clipEmbeddingsDim;
  const fit = { width, pooledWidth: width };
  checkTextWidths(text, fit, `checkpoint ${files.name('text_proj')}`);
  const empty = await text.encode(['']);
  const common = batchSize === undefined ? {} : { batchSize };

  const module = new UnCLIPDecoder(unet, textProj);
  const network = unclipDecoderNetwork(module, { maxTokens });
  const decoder = await openSampler(executor, {
    network,
    scheduler,
    weights: new Map([
      ...[...weights].map(([name, value]) => [`decoder.${name}`, value] as const),
      ...[...projected].map(([name, value]) => [`text_proj.${name}`, value] as const),
    ]),
    ...(facts.decoderGuidance && {
      nothing: { ...textConditions(empty, network.conditions), ...noImageEmbedding(width) },
    }),
    sampling: sampling[stage ?? unclipStages.decoder] ?? sampling[unclipStages.decoder] ?? pipelineSampling.decoder,
    ...common,
  });
  return {
    decoder,
    text,
    image: await openImage(),
    guidance: facts.decoderGuidance,
    condition: facts.decoderCondition,
    prior: prior && (await openPrior(prior)),
  };

  async function openPrior(read: ReadPrior): Promise<PriorSampler> {
    const { embeddingDim } = read.network.config;
    if (embeddingDim !== width)
      throw new Error(
        `checkpoint ${files.name('prior')}: draws embeddings of ${embeddingDim} values, and the decoder takes ${width}; take parts that were trained with one CLIP`,
      );
    const shared = {
      weights: read.weights,
      candidates: facts.candidates,
      ...(facts.priorGuidance && { nothing: textConditions(empty, network.conditions) }),
      ...common,
    };
    const said = sampling[unclipStages.prior];
    if (read.kind === 'autoregressive')
      return openAutoregressivePriorSampler(executor, {
        ...shared,
        prior: read.network,
        sampling: said,
        similarityQuantile: facts.similarityQuantile,
      });
    return openPriorSampler(executor, {
      ...shared,
      prior: read.network,
      scheduler: read.scheduler,
      statistics: statisticsOf(read.weights),
      sampling: said ?? pipelineSampling.prior,
    });
  }

  async function openImage(): Promise<OpenedParts['image']> {
    const folder = isWhole ? frozenClipFolder : 'image_encoder';
    if (!(await files.has(`${folder}/config.json`))) return undefined;
    const read = await readImageEncoder(files, folder, isWhole ? folder : 'feature_extractor');
    const { projectionDim, numChannels } = imageTowerConfig(read.model);
    if (projectionDim !== width)
      throw new Error(
        `checkpoint ${files.name(folder)}: embeddings of images have ${projectionDim} values, and the decoder takes ${width}; take the CLIP that it was trained with`,
      );
    const encoder = openClipImageEncoder(executor, { ...read, ...common, normalize: false });
    return { encoder, channels: numChannels };
  }
}

/** A prior that was read, of either kind. */
type ReadPrior =
  | ({ readonly kind: 'diffusion'; readonly scheduler: SchedulerConfig } & NetworkPart<PriorTransformer>)
  | ({ readonly kind: 'autoregressive' } & NetworkPart<AutoregressivePrior>);

async function readPrior(
  files: ModelFiles,
  index: JsonObject,
  variant: string | undefined,
): Promise<ReadPrior | undefined> {
  // A decoder's run has none, and diffusers' image variations do without.
  if (!Array.isArray(index['prior']) || index['prior'][1] === null) return undefined;
  if (isPart(index, 'prior', autoregressivePriorComponent.classNames))
    return {
      kind: 'autoregressive',
      ...(await readPart(files, index, 'prior', autoregressivePriorComponent, { variant })),
    };
  return {
    kind: 'diffusion',
    ...(await readPart(files, index, 'prior', priorTransformerComponent, { variant })),
    scheduler: await readPart(files, index, 'prior_scheduler', unclipSchedulerComponent),
  };
}

/** Makes a generator of the parts. */
function unclipGenerator(
  { prior, decoder, text, image, guidance, condition }: OpenedParts,
  { stage, device }: { readonly stage: string; readonly device: string },
): ImageGenerator {
  const width = text.pooledWidth;
  const takes: ImageGenerator['takes'] = {
    text: { maxTokens: text.maxLength, required: true },
    image: { shape: decoder.shape, use: 'optional' },
    embeddings: { width },
    mask: true,
    guidance,
  };
  const priorSampling = (request: GenerateRequest) =>
    prior!.choose(samplingOf(request.sampling, unclipStages.prior, false));
  const clip: GeneratorClip = {
    width,
    seesImages: image !== undefined,
    embedTexts: async (texts) => (await text.encode(texts)).pooled,
    async embedImages(images) {
      if (!image)
        throw new Error(
          'this model has no image encoder (image_encoder, feature_extractor), so it sees no images; take one that was put together with kuosan assemble',
        );
      const { encoder, channels } = image;
      return encoder.embedImages(towerImages(images, { channels, size: encoder.imageSize }));
    },
  };

  /** The conditions of texts, each different one encoded once. */
  async function captions(texts: readonly string[]): Promise<Conditions> {
    const different = [...new Set(texts)];
    const rows = texts.map((each) => different.indexOf(each));
    const { hidden, mask, pooled } = await text.encode(different);
    return textConditions(
      { hidden: takeRows(hidden, rows), mask: takeRows(mask, rows), pooled: takeRows(pooled, rows) },
      decoder.conditions,
    );
  }

  /** What the decoder is conditioned on: an embedding that is given, or one that the prior draws; without a prior, the text's own. */
  async function* conditionsOf(request: GenerateRequest, full: FullRequest) {
    const { count, prompts, negativePrompts, ids } = full;
    const said = await captions(prompts ?? Array<string>(count).fill(''));
    const negative = negativePrompts && (await captions(negativePrompts));
    let embeddings = full.embeddings ?? (prior ? undefined : (said[textConditionNames.pooled] as FloatArray));
    if (!embeddings) {
      const drawing = prior!.sample({
        ...priorSampling(request),
        ids,
        candidates: request.candidates,
        conditions: said,
        // Without guidance there is nothing to lead away from.
        negative: priorSampling(request).guidanceScale === 1 ? undefined : negative,
        signal: request.signal,
      });
      for await (const progress of drawing) {
        embeddings = progress.embeddings ?? embeddings;
        yield { progress };
      }
    }
    yield {
      given: { conditions: { ...said, ...imageEmbeddingConditions(embeddings!) }, ...(negative && { negative }) },
    };
  }

  /** Steps of the prior for a request. */
  const priorSteps = (request: GenerateRequest, { count, embeddings }: FullRequest) =>
    prior && !embeddings
      ? (request.candidates ?? prior.candidates) * priorSampling(request).steps * Math.ceil(count / prior.batchSize)
      : 0;

  return {
    first: {
      stage,
      model: decoder,
      async conditionsOf(request = {}) {
        let conditions: RequestConditions | undefined;
        for await (const { given } of conditionsOf(request, fullRequest(request, takes)))
          conditions = given ?? conditions;
        return conditions!;
      },
    },
    shape: decoder.shape,
    batchSize: decoder.batchSize,
    takes,
    defaults: {
      // What a request says of no stage in particular is for the decoder.
      [stage]: fullSampling(decoder.process, {}, decoder.sampling),
      ...(prior && { [unclipStages.prior]: prior.defaults }),
    },
    notes: prior ? [] : [withoutPrior[condition]],
    notesOn({ prompts = [], negativePrompts = [] }) {
      const note = truncationNote(text, [...prompts, ...negativePrompts]);
      return note === undefined ? [] : [note];
    },
    clip,
    device,
    check(request = {}) {
      fullRequest(request, takes);
      const { sampling } = chosenSampler(decoder, samplingOf(request.sampling, stage));
      decoder.denoiser(sampling);
      return { [stage]: sampling, ...(prior && { [unclipStages.prior]: priorSampling(request) }) };
    },
    async *generate(request = {}) {
      const full = fullRequest(request, takes);
      const before = priorSteps(request, full);
      let after: number | undefined;
      for await (const { progress, given } of conditionsOf(request, full)) {
        if (progress) {
          const { step, stepsDone, stepsTotal, places, candidate, similarities } = progress;
          // The decoder's steps are known when it begins; until then a step of it is guessed to be one of the prior.
          after ??= decoderSteps(request, full);
          if (candidate || similarities)
            yield {
              stage: unclipStages.prior,
              done: Math.round((before * stepsDone) / stepsTotal),
              total: before + after,
              step: 0,
              steps: 1,
              places,
              ...(candidate && { candidate }),
              ...(similarities && { similarities }),
            };
          else
            yield {
              stage: unclipStages.prior,
              done: stepsDone,
              total: stepsTotal + after,
              step,
              steps: priorSampling(request).steps,
              places,
            };
          continue;
        }
        const inner = diffusionGenerator({ model: decoder, takes, conditions: () => given!, stage, device });
        const asked = { ...request, prompts: undefined, negativePrompts: undefined, embeddings: embeddingsOf(given!) };
        for await (const state of inner.generate(asked))
          yield { ...state, done: before + state.done, total: before + state.total };
      }
    },
    async invert(request) {
      if (!request.image || !request.embeddings) throw new Error('invert: give the image and its embedding');
      const { image: given, embeddings, prompts = [''] } = fullRequest({ ...request, count: 1 }, takes);
      const { options, timesteps, sampling } = chosenSampler(decoder, {
        ...samplingOf(request.sampling, stage),
        sampler: 'ddim',
      });
      const conditions = { ...(await captions(prompts)), ...imageEmbeddingConditions(embeddings!) };
      let noise: FloatArray | undefined;
      for await (const { xt } of ddimInversion(decoder.denoiser({ ...sampling, guidanceScale: 1 }), given!, {
        ...options,
        timesteps,
        conditions,
        streams: sampleStreams(0, [0]),
        signal: request.signal,
      }))
        noise = xt;
      return float32(decoder.shape, noise!.data);
    },
    async dispose() {
      await prior?.dispose();
      await decoder.dispose();
      await text.dispose();
      await image?.encoder.dispose();
    },
  };

  function embeddingsOf({ conditions }: RequestConditions): FloatArray {
    return conditions[imageConditionNames.embeds] as FloatArray;
  }

  function decoderSteps(request: GenerateRequest, { count }: FullRequest): number {
    const { sampling } = chosenSampler(decoder, samplingOf(request.sampling, stage));
    return sampling.steps! * Math.ceil(count / decoder.batchSize);
  }
}
