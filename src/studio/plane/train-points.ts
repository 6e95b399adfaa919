/** Trains a denoiser of points in the page, and samples from it. */
import { float32, RandomStream } from '../../core/index.ts';
import { classConditions, classLabelsName, networkProcess, objectiveDefaults } from '../../diffusion/index.ts';
import { denoisingTask, openSampler, type ImageSampler } from '../../pipelines/index.ts';
import { Trainer, trainSchema } from '../../train/browser.ts';
import { openEngine } from '../engine/open-engine.ts';
import type { CloudPoint } from './clouds.ts';
import { planeProcesses, type PlaneProcess } from './plane-process.ts';
import { anyClass, PointDenoiser } from './point-denoiser.ts';

const batchSize = 256;
/** Points that are asked about together: those that are sampled, or a grid of arrows. */
export const together = 400;

/** A network in training. */
export interface PointTraining {
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly sampler: ImageSampler;
}

/**
 * Algorithm 1 on points: yields after every few steps.
 *
 * The smoothed loss is the mean of the last fifty. The sampler asks the averaged weights as they are.
 */
export async function* trainPoints(
  points: readonly CloudPoint[],
  { process, steps, seed, signal }: { process: PlaneProcess; steps: number; seed: number; signal: AbortSignal },
): AsyncGenerator<PointTraining, void, undefined> {
  const executor = await openEngine('wasm');
  const network = new PointDenoiser();
  const { scheduler } = planeProcesses[process];
  const task = denoisingTask({
    network,
    process: networkProcess(scheduler),
    objective: objectiveDefaults,
    examples: {
      batch(number, size) {
        const random = new RandomStream(seed, 'points', number);
        const chosen = Array.from({ length: size }, () => points[Math.floor(random.uniform() * points.length)]!);
        return {
          // A little off each point: a set of points has no density, and what is learned is one.
          x0: float32(
            [size, 2],
            chosen.flatMap(({ x, y }) => [x + 0.04 * random.normal(), y + 0.04 * random.normal()]),
          ),
          conditions: classConditions(chosen.map(({ label }) => label)),
        };
      },
    },
    batchSize,
    seed,
    dropouts: [{ names: [classLabelsName], probability: 0.3 }],
    nothing: classConditions([anyClass]),
  });
  const config = trainSchema.parse({
    steps,
    batchSize,
    seed,
    learningRate: 3e-3,
    lrSchedule: 'cosine',
    warmupSteps: Math.min(50, Math.floor(steps / 10)),
    ema: { decay: 0.98 },
  });
  const trainer = await Trainer.open(executor, task, config);
  const sampler = await openSampler(executor, {
    network,
    scheduler,
    weights: { store: trainer.store, prefix: 'ema/' },
    nothing: classConditions([anyClass]),
    batchSize: together,
  });
  const losses: number[] = [];
  while (trainer.step < steps) {
    signal.throwIfAborted();
    const { step, loss } = await trainer.advance();
    losses.push(loss);
    if (losses.length > 50) losses.shift();
    if (step % 10 === 0 || step === steps)
      yield { step, steps, loss: losses.reduce((sum, each) => sum + each, 0) / losses.length, sampler };
  }
}
