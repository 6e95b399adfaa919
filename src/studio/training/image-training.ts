/** Trains the demo's model in the page: the network, the schedule and the optimizer of the preset smileys-16. */
import preset from 'virtual:preset/smileys-16';
import { denoisingPipeline, pipelineFiles, type ModelFile } from '../../checkpoint/browser.ts';
import { float32, RandomStream, type FloatArray } from '../../core/index.ts';
import { networkProcess, objectiveDefaults, schedulerConfig } from '../../diffusion/index.ts';
import { UNet2DModel } from '../../models/index.ts';
import { denoisingTask, openSampler, sampleImages, type ImageSampler } from '../../pipelines/index.ts';
import { lossByNoise, Trainer, trainSchema, type LossByNoise, type TrainerState } from '../../train/browser.ts';
import type { StudioDevice } from '../engine/device.ts';
import { openEngine } from '../engine/open-engine.ts';

/** The side of the images that the preset trains on. */
export const trainingSide = preset.data.size;
const scheduler = schedulerConfig(preset.scheduler);
const process = networkProcess(scheduler);
/** Samples that are looked at on the way. */
export const watched = 8;

/** What is asked of a training. */
export interface TrainingOptions {
  /** [N, 3, side, side] in [−1, 1] */
  readonly images: FloatArray;
  readonly steps: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly device: StudioDevice;
  /** To go on from. */
  readonly from?: TrainerState | undefined;
}

/** A step of the training. */
export interface TrainingStep {
  readonly step: number;
  readonly loss: number;
  /** [10] of this step's samples, least noise first. */
  readonly byNoise: LossByNoise;
}

/** A training that is open. */
export interface ImageTraining {
  readonly device: string;
  readonly step: number;
  advance(): Promise<TrainingStep>;
  /** Images of the averaged weights: [8, 3, side, side]. */
  samples(signal: AbortSignal): Promise<FloatArray>;
  state(): Promise<TrainerState>;
  /** The model's folder as files: path and bytes. */
  files(): Promise<Record<string, Uint8Array>>;
}

/** Opens a training: from random weights, or where it was. */
export async function openImageTraining({
  images,
  steps,
  batchSize,
  seed,
  device,
  from,
}: TrainingOptions): Promise<ImageTraining> {
  const executor = await openEngine(device);
  const network = new UNet2DModel(preset.model);
  const count = images.shape[0]!;
  const size = images.data.length / count;
  const task = denoisingTask({
    network,
    process,
    objective: objectiveDefaults,
    examples: {
      batch(number, together) {
        const random = new RandomStream(seed, 'images', number);
        const x0 = new Float32Array(together * size);
        for (let b = 0; b < together; b++) {
          const i = Math.floor(random.uniform() * count);
          x0.set(images.data.subarray(i * size, (i + 1) * size), b * size);
        }
        return { x0: float32([together, ...images.shape.slice(1)], x0) };
      },
    },
    batchSize,
    seed,
  });
  const { learningRate, warmupSteps, ema } = preset.train;
  const trainer = await Trainer.open(
    executor,
    task,
    // The rate stays: a visitor goes on for as long as they like.
    trainSchema.parse({ steps, batchSize, seed, learningRate: learningRate / 2, warmupSteps, ema }),
    from,
  );
  let sampler: ImageSampler | undefined;
  return {
    device: executor.device,
    get step() {
      return trainer.step;
    },
    async advance() {
      const { step, loss, samples = [] } = await trainer.advance();
      return { step, loss, byNoise: lossByNoise(samples, process.networkTimes) };
    },
    async samples(signal) {
      sampler ??= await openSampler(executor, {
        network,
        scheduler,
        weights: { store: trainer.store, prefix: 'ema/' },
        batchSize: watched,
      });
      return sampleImages(sampler, { seed: 0, count: watched, sampler: 'dpmpp-2m', steps: 12, signal });
    },
    state: () => trainer.state(),
    async files() {
      const { ema: weights } = await trainer.state();
      const files = pipelineFiles(denoisingPipeline({ network, weights, scheduler }), { where: 'checkpoint' });
      const whole: Record<string, Uint8Array> = {};
      for (const [path, content] of files) whole[path] = await bytesOf(content);
      return whole;
    },
  };
}

/** The content of a file in one piece. */
async function bytesOf(content: ModelFile[1]): Promise<Uint8Array> {
  if (typeof content === 'string') return new TextEncoder().encode(content);
  if (content instanceof Uint8Array) return content;
  // What is written piece by piece reuses its memory.
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece.slice());
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
