import { RandomStream, float32, sizeOf, type Executor, type HostArray } from '../src/core/index.ts';
import { heightAndWidth, type Dataset } from '../src/data/index.ts';
import { drawTrainingNoise, schedule } from '../src/diffusion/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { ddpmLoss, trainingInputs, type PictureShape } from '../src/pipelines/index.ts';
import { parseDdpmConfig, Trainer, type DdpmConfig } from '../src/train/index.ts';

/**
 * DDPM's network in small, for pictures of 3 × 32 × 32: `width` · (1, 2, 2) channels, two layers a block, attention at
 * 16 × 16 and in the middle. Width 64 has 6,472,195 parameters.
 */
export function unetConfig(width: number, batchSize: number): DdpmConfig {
  return parseDdpmConfig({
    data: { source: 'noise' },
    model: {
      sampleSize: 32, blockOutChannels: [width, 2 * width, 2 * width], layersPerBlock: 2, attentionHeadDim: null,
      downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D'], upBlockTypes: ['UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
      normEps: 1e-6, downsamplePadding: 0, freqShift: 1, flipSinToCos: false,
    },
    train: { steps: 1_000_000, batchSize },
  });
}

/** Pictures of noise: what a step costs does not depend on what is in them. */
export function noisePictures(batch: number, picture: PictureShape): HostArray {
  const shape = [batch, ...picture];
  return float32(shape, new RandomStream(0, 'bench').fillNormal(new Float32Array(sizeOf(shape))));
}

/** The shape of the pictures that a configuration trains on. */
export function pictureOf({ model, data }: DdpmConfig): PictureShape {
  return [model.inChannels, ...heightAndWidth(data.size)];
}

/** The trainer of a configuration, as `kuosan train` makes it; without a data set it trains on noise. */
export function openTrainer(executor: Executor, config: DdpmConfig, dataset?: Dataset): Promise<Trainer> {
  const unet = new UNet2DModel(config.model);
  const { batchSize } = config.train;
  const picture = pictureOf(config);
  const noiseSchedule = schedule(config.scheduler);
  const x0 = noisePictures(batchSize, picture);
  const classes = unet.config.numClassEmbeds;
  return Trainer.open(executor, {
    module: unet,
    loss: (ctx) => ddpmLoss(unet, ctx, batchSize, picture),
    inputs: (number) => {
      if (dataset) return trainingInputs(dataset, noiseSchedule, { seed: config.train.seed, batch: number, batchSize, flip: config.data.flip });
      const { t, noise, signalScale, noiseScale } = drawTrainingNoise(noiseSchedule, x0.shape, new RandomStream(0, 'bench noise', number));
      const classLabels = classes && { classLabels: { dtype: 'i64' as const, shape: [batchSize], data: BigInt64Array.from({ length: batchSize }, (_, i) => BigInt(i % classes)) } };
      return { x0, noise, timestep: float32([batchSize], t), signalScale, noiseScale, ...classLabels };
    },
  }, config.train);
}
