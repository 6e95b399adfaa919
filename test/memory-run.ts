/** Trains a tiny network in a process of its own and prints its memory as it goes on; see memory.test.ts. */
import { float32, RandomStream, sizeOf } from '../src/core/index.ts';
import { drawTrainingNoise, linearSchedule } from '../src/diffusion/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { denoisingLoss, type ImageShape } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { Trainer, trainSchema } from '../src/train/index.ts';

const imageShape: ImageShape = [3, 8, 8];
const batchSize = 8;
const shape = [batchSize, ...imageShape];
const unet = new UNet2DModel({
  sampleSize: 8,
  blockOutChannels: [8],
  layersPerBlock: 1,
  normNumGroups: 4,
  downBlockTypes: ['DownBlock2D'],
  upBlockTypes: ['UpBlock2D'],
  addAttention: false,
});
const schedule = linearSchedule();
const executor = createNodeExecutor({ threads: 1 });
const trainer = await Trainer.open(
  executor,
  {
    module: unet,
    loss: (ctx) => denoisingLoss(unet, ctx, batchSize),
    inputs(batch) {
      const random = new RandomStream(0, 'memory', batch);
      const x0 = float32(shape, random.fillNormal(new Float32Array(sizeOf(shape))));
      const { t, ...drawn } = drawTrainingNoise(schedule, shape, random);
      return { x0, timestep: float32([batchSize], t), ...drawn };
    },
  },
  trainSchema.parse({ steps: 6000 }),
);

const megabytes: number[] = [];
while (trainer.step < 6000) {
  await trainer.advance();
  if (trainer.step % 100 !== 0) continue;
  // What is garbage counts for nothing: only what stays is asked for.
  globalThis.gc!();
  megabytes.push(process.memoryUsage.rss() / 2 ** 20);
}
console.log(JSON.stringify(megabytes));
await trainer.dispose();
await executor.dispose();
