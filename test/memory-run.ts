/** Trains a tiny network in a process of its own and prints its memory as it goes on; see memory.test.ts. */
import { add, float32, input, meanSquaredError, mul, RandomStream, reshape } from '../src/core/index.ts';
import { drawTrainingNoise, linearSchedule } from '../src/diffusion/index.ts';
import { Linear } from '../src/nn/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { Trainer, trainSchema } from '../src/train/index.ts';

// One layer: what could be kept is the trainer's and the engine's, and a step of few operators takes little time.
const shape = [8, 192] as const;
const [batchSize, width] = shape;
const layer = new Linear(width, width);
const schedule = linearSchedule();
const executor = createNodeExecutor({ threads: 1 });
const trainer = await Trainer.open(
  executor,
  {
    module: layer,
    loss(ctx) {
      const column = (name: string) => reshape(input(name, [batchSize]), [batchSize, 1]);
      const noise = input('noise', shape);
      const xt = add(mul(column('signalScale'), input('x0', shape)), mul(column('noiseScale'), noise));
      return meanSquaredError(layer.forward(ctx, xt), noise);
    },
    inputs(batch) {
      const random = new RandomStream(0, 'memory', batch);
      const x0 = float32(shape, random.fillNormal(new Float32Array(batchSize * width)));
      const { t: _, ...drawn } = drawTrainingNoise(schedule, shape, random);
      return { x0, ...drawn };
    },
  },
  trainSchema.parse({ steps: 9000 }),
);

const megabytes: number[] = [];
while (trainer.step < 9000) {
  await trainer.advance();
  if (trainer.step % 100 !== 0) continue;
  // What is garbage counts for nothing: only what stays is asked for.
  globalThis.gc!();
  megabytes.push(process.memoryUsage.rss() / 2 ** 20);
}
console.log(JSON.stringify(megabytes));
await trainer.dispose();
await executor.dispose();
