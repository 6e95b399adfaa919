/** A training run of a diffusion model: its data, its network, and its sample grids. */
import { join } from 'node:path';
import { RandomStream } from '../core/index.ts';
import {
  folderFiles,
  modelClass,
  readFacts,
  readModelFolder,
  readTrainedPart,
  unclipSchedulerComponent,
  unet2DComponent,
  wholeUnCLIPClasses,
  writeModelFolder,
  type LoadedModel,
} from '../checkpoint/index.ts';
import { fromBitmaps, heightAndWidth, openDataset, imagesAt, type Dataset } from '../data/index.ts';
import {
  classConditions,
  classLabelsName,
  describeProcess,
  imageName,
  networkProcess,
  type Conditions,
  type NetworkProcess,
  type SuperResolution,
} from '../diffusion/index.ts';

import { ofSize, UNet2DModel } from '../models/index.ts';
import {
  denoisingNetwork,
  denoisingTask,
  imageExamples,
  lowResolution,
  croppedExamples,
  lowResolutionExamples,
  type ImageShape,
} from '../pipelines/index.ts';
import type { AskedDdpmConfig, DdpmConfig } from './ddpm-config.ts';
import { irreducibleLossOf } from './irreducible-loss.ts';
import { countParameters } from '../nn/index.ts';
import type { PlanOptions, RunPlan } from '../train/run.ts';
import type { ShippedModel } from './system.ts';
import { startingModel } from '../train/start.ts';
import { checkHalves } from './check-halves.ts';
import { croppedSize } from './cropped-size.ts';
import { predictionNotes } from './start-notes.ts';
import { featuresFor, gridSeed, watchImages } from './watch-images.ts';
import { withClasses } from './with-classes.ts';

/**
 * Lays out the run.
 *
 * @throws if the configuration contradicts itself or the data
 */
export async function planDdpm(
  asked: AskedDdpmConfig,
  { skipBad = false, signal, onProgress, resumeFrom }: PlanOptions,
): Promise<RunPlan> {
  const { train, scheduler } = asked;
  const { superResolution } = asked.objective;
  const window = croppedSize(asked.data.randomCrop, asked);
  // What is wrong with the network is said before its data is read.
  checkHalves(new UNet2DModel(withSampleSize(asked)).config, heightAndWidth(asked.data.size));
  const channels = imageChannels(asked);
  const diffusion = networkProcess(scheduler);
  checkOutputs(asked.model, channels, diffusion);
  const { source, size, crop, horizontalFlip } = asked.data;
  const imageShape: ImageShape = [channels, ...heightAndWidth(size)];
  const features = await featuresFor(train, imageShape);
  features?.check(imageShape);
  const dataset = await openDataset(source, { size, crop, channels, skipBad, signal, onProgress });
  const { config, notes } = withClasses(asked, dataset);
  const unet = new UNet2DModel(withSampleSize(config));
  const nullClass = checkClasses(unet, dataset, config.objective.labelDropout);
  const images = imageExamples(dataset, { seed: train.seed, horizontalFlip });
  // What is trained on crops is applied to whole images: the network is the same at either size.
  const seen = window ? croppedExamples(images, window, train.seed) : images;
  const network = denoisingNetwork(unet, diffusion.varianceType);
  // Only for the plain squared error and no conditioning but classes: weighting, offset noise and image conditioning change it.
  const takesClasses = unet.conditions.length > 0;
  const isPlain =
    diffusion.varianceType !== 'learned_range' &&
    config.objective.weighting === 'uniform' &&
    config.objective.offsetNoise === 0 &&
    !superResolution;
  const irreducibleLoss = isPlain
    ? irreducibleLossOf(dataset, diffusion, {
        horizontalFlip,
        labelDropout: takesClasses ? config.objective.labelDropout : undefined,
      })
    : undefined;
  const shown = !takesClasses ? null : (dataset.classNames?.length ?? unet.config.numClassEmbeds);
  const classes =
    !takesClasses || !dataset.classNames ? null : { names: dataset.classNames, nullClass: nullClass ?? null };

  return {
    config,
    train,
    kind: 'model',
    isInTable: !superResolution,
    dataset,
    times: diffusion.networkTimes,
    notes: resumeFrom === undefined ? [...notes, ...(await startNotes(config, diffusion))] : [],
    ...(irreducibleLoss && { irreducibleLoss }),
    task: denoisingTask({
      network: window ? denoisingNetwork(ofSize(unet, window), diffusion.varianceType) : network,
      process: diffusion,
      objective: config.objective,
      batchSize: train.batchSize,
      seed: train.seed,
      examples: superResolution ? lowResolutionExamples(seen, superResolution, train.seed) : seen,
      dropouts: [{ names: [classLabelsName], probability: config.objective.labelDropout }],
      ...(nullClass !== undefined && { nothing: classConditions([nullClass]) }),
    }),
    writeModel: async (dir, weights) => {
      await writeModelFolder(dir, {
        network: unet,
        weights,
        scheduler: config.scheduler,
        classes,
        superResolution: superResolution ? enlargingOf(superResolution) : null,
      });
      return weights.keys();
    },
    readWeights: async (dir) => (await trainedModel(dir)).weights,
    use: superResolution
      ? { what: 'enlarge an image', command: (out) => `kuosan edit ${out} --image small.png --out large.png` }
      : { what: 'sample from it', command: (out) => `kuosan sample ${out}` },
    watch: (executor, store) =>
      watchImages(executor, store, {
        network,
        scheduler: config.scheduler,
        train,
        dataset,
        imageShape,
        features,
        conditionsOf: (count) => shownConditions(dataset, count, shown, superResolution),
        labelsOf: (count) =>
          shown === null || superResolution
            ? undefined
            : { labels: Array.from({ length: count }, (_, i) => i % shown), names: dataset.classNames },
      }),
  };
}

/** How a model enlarges: what it was blurred by in training is no part of it. */
function enlargingOf({ factor, upsampling, noiseAugmentation }: SuperResolution): SuperResolution {
  return { factor, upsampling, noiseAugmentation };
}

/** What to know of the model that the run begins with. */
async function startNotes({ train }: DdpmConfig, process: NetworkProcess): Promise<string[]> {
  const dir = await startingModel(train, 'model');
  if (dir === undefined) return [];
  try {
    const { scheduler, notes } = await trainedModel(dir);
    return [...notes, ...predictionNotes(dir, scheduler, process)];
  } catch (error) {
    throw new Error(`config.train.init: ${(error as Error).message}`, { cause: error });
  }
}

/** The network of a model folder; of a whole DALL·E 2 it is the upsampler. */
async function trainedModel(dir: string): Promise<Pick<LoadedModel, 'weights' | 'scheduler' | 'notes'>> {
  if (!wholeUnCLIPClasses.includes((await modelClass(dir)) as string))
    return { ...(await readModelFolder(dir)), notes: [] };
  const { weights } = await readTrainedPart(dir, 'super_res_first', unet2DComponent);
  const scheduler = await readTrainedPart(dir, 'super_res_scheduler', unclipSchedulerComponent);
  const { settings } = await readFacts(folderFiles(dir));
  const notes =
    settings?.['super_res_last'] === 'super_res_first'
      ? []
      : [`${dir} takes its last step with another network, super_res_last; the run begins with super_res_first`];
  return { weights, scheduler, notes };
}

/** What samples on the way are conditioned on: all classes in turn; or for a network that enlarges images some of the data, chosen at random, each with its own class. */
function shownConditions(
  dataset: Dataset,
  count: number,
  classes: number | null,
  superResolution: SuperResolution | undefined,
): Conditions {
  if (!superResolution)
    return classes === null ? {} : classConditions(Array.from({ length: count }, (_, i) => i % classes));
  const order = new RandomStream(gridSeed, 'enlarged images', 0).permutation(dataset.count);
  const places = Array.from({ length: count }, (_, i) => order[i % dataset.count]!);
  return {
    [imageName]: lowResolution(fromBitmaps(imagesAt(dataset, places)), superResolution),
    ...(classes !== null && classConditions(places.map((place) => dataset.labels![place]!))),
  };
}

/**
 * The network's configuration with the size of the images it is trained on, which its checkpoints have to say.
 *
 * @throws if it says another
 */
function withSampleSize({ model, data }: AskedDdpmConfig): AskedDdpmConfig['model'] {
  if (model.sampleSize === null)
    return { ...model, sampleSize: typeof data.size === 'number' ? data.size : [...data.size] };
  if (heightAndWidth(model.sampleSize).join() !== heightAndWidth(data.size).join()) {
    throw new Error(
      `config.model.sampleSize is ${JSON.stringify(model.sampleSize)}, config.data.size ${JSON.stringify(data.size)}; they must agree, or leave sampleSize out`,
    );
  }
  return model;
}

/**
 * The channels of the images: all that the network takes, or half of them where it is conditioned on an image.
 *
 * @throws if there is no such image, or none of low resolution
 */
function imageChannels({
  model: { inChannels },
  objective: { superResolution },
  data: { size },
}: AskedDdpmConfig): 1 | 3 {
  const channels = superResolution ? inChannels / 2 : inChannels;
  if (channels !== 1 && channels !== 3)
    throw new Error(
      superResolution
        ? `config.model.inChannels: with objective.superResolution the network is conditioned on an image and takes 2 or 6 channels, got ${inChannels}`
        : `config.model.inChannels: images have 1 or 3 channels, got ${inChannels}`,
    );
  const [height, width] = heightAndWidth(size);
  if (superResolution && (height % superResolution.factor !== 0 || width % superResolution.factor !== 0))
    throw new Error(
      `config.objective.superResolution.factor: ${superResolution.factor} does not divide config.data.size ${JSON.stringify(size)}`,
    );
  return channels;
}

/** The network's channels have to be those of what it predicts, and again as many for a learned variance. */
function checkOutputs(
  { outChannels }: AskedDdpmConfig['model'],
  channels: number,
  { varianceType, preconditioning: { predicts } }: NetworkProcess,
): void {
  const learned = varianceType === 'learned_range';
  const expected = learned ? 2 * channels : channels;
  if (outChannels === expected) return;
  throw new Error(
    learned
      ? `config.model.outChannels: with scheduler.varianceType learned_range the network has ${expected} channels, half of them for the variance; got ${outChannels}`
      : `config.model.outChannels: ${predicts} has the image's ${expected} channels, got ${outChannels}`,
  );
}

/** @returns the null label if there is label dropout: the network's last class */
function checkClasses(unet: UNet2DModel, dataset: Dataset, dropout: number): number | undefined {
  const { numClassEmbeds: classes, classEmbedType } = unet.config;
  if (classEmbedType !== null)
    throw new Error(
      `config.model.classEmbedType: a network with "${classEmbedType}" is conditioned on ${classEmbedType === 'timestep' ? 'a number' : 'a vector'} for each image, and images have classes; take numClassEmbeds without classEmbedType`,
    );
  if (classes === null) {
    if (dropout > 0)
      throw new Error(
        'config.objective.labelDropout: the network takes no classes; set model.numClassEmbeds to one more than there are, or labelDropout to 0',
      );
    return undefined;
  }
  if (!dataset.labels)
    throw new Error(
      `config.model.numClassEmbeds is ${classes}, but ${dataset.name} has no classes; put each class in a folder of its own`,
    );
  const found = dataset.classNames!.length;
  if (found > classes)
    throw new Error(`config.model.numClassEmbeds is ${classes}, but ${dataset.name} has ${found} classes`);
  if (dropout === 0) return undefined;
  if (classes !== found + 1)
    throw new Error(
      `config.objective.labelDropout: ${dataset.name} has ${found} classes, and label dropout needs one more, the null label: set model.numClassEmbeds to ${found + 1}, got ${classes}`,
    );
  return found;
}

/** Writes a model as it is shipped; see `System.ship`. */
export async function shipDdpm(checkpoint: string, out: string): Promise<ShippedModel> {
  const model = await readModelFolder(checkpoint);
  await writeModelFolder(out, { ...model, dtype: 'f16' });
  const { className, module, sample } = model.network;
  return {
    weights: join('unet', 'diffusion_pytorch_model.safetensors'),
    rows: [
      [
        'network',
        `\`${className}\`, ${countParameters(module).toLocaleString('en-US')} parameters, ${sample.join(' × ')}; its configuration is \`unet/config.json\``,
      ],
      ['process', describeProcess(model.scheduler)],
      ...(model.classes ? [['classes', model.classes.names.join(', ')] as const] : []),
    ],
  };
}
