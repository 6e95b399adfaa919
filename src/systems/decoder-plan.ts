/** A training run of DALL·E 2's decoder: images under their own CLIP embeddings and captions. */
import {
  decoderClass,
  frozenClipFolder,
  part,
  readTrainedPart,
  unclipSampling,
  unclipSchedulerComponent,
  unclipSchedulerToJson,
  unclipTextProjComponent,
  unet2DConditionComponent,
  writePipelineFolder,
} from '../checkpoint/index.ts';
import { input, type HostArrays } from '../core/index.ts';
import { captionsOf, heightAndWidth, openDataset, takeListed, type Dataset } from '../data/index.ts';
import { networkProcess, objectiveDefaults, type Conditions, type Sampling } from '../diffusion/index.ts';
import { unclipSettings, unclipStages } from '../generators/index.ts';
import {
  conditionTensors,
  imageConditionNames,
  UnCLIPDecoder,
  unclipDecoderNetwork,
  UnCLIPTextProjModel,
  UNet2DConditionModel,
} from '../models/index.ts';
import { bind } from '../nn/index.ts';
import {
  decoderExamples,
  denoisingTask,
  noImageEmbedding,
  textConditions,
  type Examples,
  type ImageShape,
} from '../pipelines/index.ts';
import type { PlanOptions, RunPlan } from '../train/run.ts';
import { checkHalves } from './check-halves.ts';
import type { DecoderConfig } from './decoder-config.ts';
import { encodePairs, openForClip, readFrozenClip, type EncodedPairs, type FrozenClip } from './frozen-clip.ts';
import { unclipStartNotes } from './start-notes.ts';
import { featuresFor, gridSeed, watchImages } from './watch-images.ts';

/** The parts that a decoder's weights are kept in, by their prefix. */
const parts = { decoder: 'decoder', textProj: 'text_proj' } as const;

/**
 * Lays out the run.
 *
 * @throws if the configuration contradicts itself, the data or the CLIP, or images have no captions
 */
export async function planDecoder(config: DecoderConfig, options: PlanOptions): Promise<RunPlan> {
  const { data, train, scheduler, sampling } = config;
  const { skipBad = false, signal, onProgress, resumeFrom } = options;
  const clip = await readFrozenClip(config.clip.model);
  const process = networkProcess(scheduler);
  unclipSchedulerToJson(scheduler, 'config.scheduler');
  const notes =
    resumeFrom === undefined ? await unclipStartNotes(train, clip, { scheduler: 'decoder_scheduler', process }) : [];
  const imageShape: ImageShape = [data.channels, ...heightAndWidth(data.size)];
  const module = decoderModule(config, clip, imageShape, process.varianceType === 'learned_range');
  const network = unclipDecoderNetwork(module, { maxTokens: clip.tokens });
  try {
    network.denoise(bind(module), input('xt', [1, ...network.sample]), input('t', [1]), conditionTensors(network, 1));
  } catch (error) {
    // Blocks that resample by convolutions take any size.
    checkHalves(module.decoder.config, imageShape.slice(1) as [number, number]);
    throw new Error(`config.model: ${(error as Error).message}`, { cause: error });
  }
  const features = await featuresFor(train, imageShape);
  features?.check(imageShape);

  const { source, size, crop, channels, files } = data;
  const whole = await openDataset(source, { size, crop, channels, skipBad, signal, onProgress });
  const listed = files === null ? whole : await takeListed(whole, files);
  const dataset: Dataset = { ...listed, captions: captionsOf(listed) };
  const seen = await openForClip(clip, data, { skipBad, signal, onProgress });
  if (seen.ids.join('\n') !== dataset.ids.join('\n'))
    throw new Error(`internal: the images of ${dataset.name} are not the same at both sizes`);

  const textNames = network.conditions.map(({ name }) => name).filter((name) => !imageNames.includes(name));
  const isGuided = config.clip.imageDropout > 0 || config.clip.textDropout > 0;
  // A network that was never without its conditions cannot be guided.
  const shown: Sampling = isGuided ? { guidanceScale: train.sampleGuidance } : {};
  let pairs: EncodedPairs | undefined;
  const encoded = () => {
    if (!pairs) throw new Error('internal: the pairs are not encoded yet');
    return pairs;
  };
  // The empty text is encoded when the run is prepared.
  const nothing: Record<string, Conditions[string]> = {
    ...Object.fromEntries(
      network.conditions.map(({ name, shape }) => [
        name,
        {
          dtype: 'f32' as const,
          shape: [1, ...shape],
          data: new Float32Array(shape.reduce((size, extent) => size * extent, 1)),
        },
      ]),
    ),
    ...noImageEmbedding(clip.width),
  };
  const examples = (seed: number): Examples =>
    decoderExamples(dataset, {
      seed,
      inputs: network.conditions,
      encoding: { encode: (texts) => encoded().text.encode(texts) },
      embeddings: () => encoded().embeddings,
    });

  return {
    config: { task: 'decoder', ...config },
    train,
    kind: 'model',
    dataset,
    notes,
    times: process.networkTimes,
    async prepare(executor, how) {
      pairs = await encodePairs(executor, clip, { images: seen, captions: dataset.captions! }, how);
      Object.assign(nothing, textConditions(await pairs.text.encode(['']), network.conditions));
      const { notes, dispose } = pairs;
      return { notes: () => notes, dispose };
    },
    task: denoisingTask({
      network,
      process,
      objective: { ...objectiveDefaults, ...config.objective },
      batchSize: train.batchSize,
      seed: train.seed,
      examples: examples(train.seed),
      dropouts: [
        { names: imageNames, probability: config.clip.imageDropout },
        { names: textNames, probability: config.clip.textDropout },
      ],
      nothing,
    }),
    async writeModel(dir, weights) {
      await clip.include(dir);
      await writePipelineFolder(dir, {
        className: decoderClass,
        parts: {
          decoder: part(unet2DConditionComponent, {
            network: module.decoder,
            weights: weightsOf(weights, parts.decoder),
          }),
          text_proj: part(unclipTextProjComponent, {
            network: module.textProj,
            weights: weightsOf(weights, parts.textProj),
          }),
          decoder_scheduler: part(unclipSchedulerComponent, scheduler),
          [frozenClipFolder]: clip.part,
        },
        facts: {
          settings: unclipSettings({ decoderGuidance: isGuided }),
          sampling: {
            [unclipStages.decoder]: {
              ...unclipSampling,
              steps: Math.min(sampling.steps, scheduler.numTrainTimesteps),
              ...(isGuided && { guidanceScale: sampling.guidanceScale }),
            },
          },
        },
      });
      return weights.keys();
    },
    async readWeights(dir) {
      const [unet, projection] = [
        await readTrainedPart(dir, 'decoder', unet2DConditionComponent),
        await readTrainedPart(dir, 'text_proj', unclipTextProjComponent),
      ];
      return new Map([
        ...[...unet.weights].map(([name, value]) => [`${parts.decoder}.${name}`, value] as const),
        ...[...projection.weights].map(([name, value]) => [`${parts.textProj}.${name}`, value] as const),
      ]);
    },
    use: {
      what: 'put it together with a prior',
      command: (out) => `kuosan assemble runs/prior ${out} --out models/dalle-2`,
    },
    watch: (executor, store) =>
      watchImages(executor, store, {
        network,
        scheduler,
        train,
        dataset,
        imageShape,
        features,
        async conditionsOf(count) {
          const { conditions = {} } = await examples(gridSeed).batch(0, count);
          return conditions;
        },
        ...(isGuided && { guided: { nothing, sampling: shown } }),
      }),
  };
}

const imageNames: readonly string[] = Object.values(imageConditionNames);

/** The weights of a part, by its own names. */
function weightsOf(weights: HostArrays, prefix: string): HostArrays {
  const start = `${prefix}.`;
  return new Map(
    [...weights].filter(([name]) => name.startsWith(start)).map(([name, value]) => [name.slice(start.length), value]),
  );
}

/**
 * The networks of the configuration, with what data and CLIP say of them.
 *
 * @throws if the configuration says something else, or has blocks that diffusers' pipelines cannot mask the caption in
 */
function decoderModule(
  { model, textProj }: DecoderConfig,
  clip: FrozenClip,
  [channels, height, width]: ImageShape,
  learnsVariance: boolean,
): UnCLIPDecoder {
  const plain = [...model.downBlockTypes, model.midBlockType ?? '', ...model.upBlockTypes].find(
    (type) => type.includes('CrossAttn') && !type.includes('Simple'),
  );
  if (plain !== undefined)
    throw new Error(
      `config.model: ${plain}: diffusers' UnCLIPPipeline masks captions in the blocks called SimpleCrossAttn only; take ${plain.replace(/^(UNetMidBlock2D)?/, '$1Simple')}`,
    );
  const expected = {
    inChannels: channels,
    outChannels: learnsVariance ? 2 * channels : channels,
    sampleSize: height === width ? height : ([height, width] as [number, number]),
  };
  for (const [key, value] of Object.entries(expected)) {
    const said = model[key as keyof typeof expected];
    if (said !== undefined && said !== null && JSON.stringify(said) !== JSON.stringify(value))
      throw new Error(
        `config.model.${key} is ${JSON.stringify(said)}, and the data makes it ${JSON.stringify(value)}; leave it out`,
      );
  }
  try {
    const unet = new UNet2DConditionModel({ ...model, ...expected, classEmbedType: 'identity' });
    const timeEmbedDim = unet.inputs.find(({ name }) => name === 'classLabels')!.shape[0]!;
    return new UnCLIPDecoder(
      unet,
      new UnCLIPTextProjModel({
        ...textProj,
        clipEmbeddingsDim: clip.width,
        timeEmbedDim,
        crossAttentionDim: model.crossAttentionDim,
      }),
    );
  } catch (error) {
    throw new Error(`config.model: ${(error as Error).message}`, { cause: error });
  }
}
