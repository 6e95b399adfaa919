/** A DDPM of a thousand weights on three kinds of waves: every part of a real one, small enough for a card in software. */
import { float32, RandomStream, sizeOf, type HostArray, type HostArrays } from '../src/core/index.ts';
import { classConditions, drawTrainingNoise, linearSchedule } from '../src/diffusion/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { denoisingLoss, type ImageShape } from '../src/pipelines/index.ts';
import { trainSchema, type TrainerState, type TrainingTask } from '../src/train/index.ts';

export const imageShape: ImageShape = [3, 8, 8];

export const unet = new UNet2DModel({
  sampleSize: 8,
  layersPerBlock: 1,
  normNumGroups: 4,
  attentionHeadDim: 4,
  blockOutChannels: [8, 16],
  numClassEmbeds: 3,
  downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D'],
  upBlockTypes: ['AttnUpBlock2D', 'UpBlock2D'],
});

const noiseSchedule = linearSchedule();
const batchSize = 3;

/** Batches are pure functions of their number; every class is in each. */
export const task: TrainingTask = {
  module: unet,
  loss: (ctx) => denoisingLoss(unet, ctx, batchSize),
  inputs(batch): Record<string, HostArray> {
    const random = new RandomStream(3, 'waves', batch);
    const shape = [batchSize, ...imageShape];
    const size = sizeOf(imageShape);
    const x0 = float32(
      shape,
      Float32Array.from({ length: batchSize * size }, (_, i) =>
        Math.sin(batch + ((1 + Math.floor(i / size)) * (i % 8)) / 2 + Math.floor((i % size) / 8)),
      ),
    );
    const { t, noise, signalScale, noiseScale } = drawTrainingNoise(noiseSchedule, shape, random);
    return { x0, noise, timestep: float32([batchSize], t), signalScale, noiseScale, ...classConditions([0, 1, 2]) };
  },
};

export const config = trainSchema.parse({ steps: 1000, batchSize, warmupSteps: 0, learningRate: 1e-3 });

/** The output layer of a fresh network is almost zero, and most gradients with it. */
export const weights: HostArrays = new Map(
  [...initialValues(unet, 1)].map(([name, value]) => [
    name,
    name === 'conv_out.weight'
      ? float32(
          value.shape,
          new RandomStream(1, 'output').fillNormal(new Float32Array(value.data.length)).map((z) => z / 8),
        )
      : value,
  ]),
);

export const start: TrainerState = {
  step: 0,
  training: new Map([...weights].map(([name, value]) => [`params/${name}`, value])),
  ema: new Map(weights),
};
