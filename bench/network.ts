import { RandomStream, float32, sizeOf, type Executor, type HostArray } from '../src/core/index.ts';
import { heightAndWidth, imagesInMemory, type Dataset } from '../src/data/index.ts';
import { classConditions, classLabelsName, networkProcess } from '../src/diffusion/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { denoisingTask, imageExamples, type ImageShape } from '../src/pipelines/index.ts';
import { parseDdpmConfig, type DdpmConfig } from '../src/systems/index.ts';
import { Trainer } from '../src/train/index.ts';

/**
 * DDPM's network in small, for images of 3 × 32 × 32: `width` · (1, 2, 2) channels, two layers a block, attention at
 * 16 × 16 and in the middle. Width 64 has 6,472,195 parameters.
 */
export function unetConfig(width: number, batchSize: number): DdpmConfig {
  return parseDdpmConfig({
    data: { source: 'noise' },
    model: {
      sampleSize: 32,
      blockOutChannels: [width, 2 * width, 2 * width],
      layersPerBlock: 2,
      attentionHeadDim: null,
      downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D'],
      upBlockTypes: ['UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
      normEps: 1e-6,
      downsamplePadding: 0,
      freqShift: 1,
      flipSinToCos: false,
    },
    train: { steps: 1_000_000, batchSize },
  });
}

/** Images of noise: what a step costs does not depend on what is in them. */
export function noiseImages(batch: number, imageShape: ImageShape): HostArray {
  const shape = [batch, ...imageShape];
  return float32(shape, new RandomStream(0, 'bench').fillNormal(new Float32Array(sizeOf(shape))));
}

/** The shape of the images that a configuration trains on. */
export function imageOf({ model, data }: DdpmConfig): ImageShape {
  return [model.inChannels, ...heightAndWidth(data.size)];
}

/** The network of a configuration, for the images that it trains on. */
export function networkOf({ model, data }: DdpmConfig): UNet2DModel {
  return new UNet2DModel({ ...model, sampleSize: [...heightAndWidth(data.size)] });
}

/** The trainer of a configuration, as `kuosan train` makes it; without a data set it trains on noise. */
export function openTrainer(
  executor: Executor,
  config: DdpmConfig,
  dataset: Dataset = noiseDataset(config),
): Promise<Trainer> {
  const unet = networkOf(config);
  const { batchSize, seed } = config.train;
  const classes = config.model.numClassEmbeds;
  return Trainer.open(
    executor,
    denoisingTask({
      network: unet,
      process: networkProcess(config.scheduler),
      objective: config.objective,
      batchSize,
      seed,
      examples: imageExamples(dataset, { seed, horizontalFlip: config.data.horizontalFlip }),
      dropouts: [{ names: [classLabelsName], probability: config.objective.labelDropout }],
      ...(classes && { nothing: classConditions([classes - 1]) }),
    }),
    config.train,
  );
}

/** Some batches of noise, with classes if the network takes them: what a step costs does not depend on the images. */
function noiseDataset(config: DdpmConfig): Dataset {
  const [channels, height, width] = imageOf(config);
  const count = 4 * config.train.batchSize;
  const random = new RandomStream(0, 'bench pictures');
  const classes = config.model.numClassEmbeds;
  return {
    name: 'noise',
    fingerprint: '',
    fromCache: false,
    ids: [],
    skipped: [],
    notes: [],
    count,
    height,
    width,
    channels: channels as 1 | 3,
    images: imagesInMemory(
      Uint8Array.from({ length: count * channels * height * width }, () => 256 * random.uniform()),
      channels * height * width,
    ),
    ...(classes && { labels: Int32Array.from({ length: count }, (_, i) => i % classes) }),
  };
}
