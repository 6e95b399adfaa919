/**
 * Denoising diffusion probabilistic models: the loss they are trained with, and pictures from a trained one.
 *
 * @see Ho, Jain & Abbeel 2020 — https://arxiv.org/abs/2006.11239
 */
import {
  add, float32, freeze, input, meanSquaredError, mul, program, RandomStream, reshape, sizeOf,
  type Executor, type FloatArray, type HostArray, type HostArrays, type Program, type Store, type Tensor,
} from '../core/index.ts';
// Not the layer's index: what draws batches runs in a browser too, what reads files does not.
import { batchAt } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import {
  drawTrainingNoise, fromPrediction, initialNoise, samplerNamed, samplerTimesteps, schedule,
  type AnySamplerOptions, type Predict, type SamplerState, type Schedule, type SchedulerConfig, type TimeSpacing,
} from '../diffusion/index.ts';
import type { UNet2DModel } from '../models/index.ts';
import { bind, type Context } from '../nn/index.ts';

/** The extents of one picture: channels, height, width. */
export type PictureShape = readonly [channels: number, height: number, width: number];

/**
 * The extents of the pictures that a network was trained on.
 *
 * @throws if its configuration does not say
 */
export function pictureShape({ config: { inChannels, sampleSize } }: UNet2DModel): PictureShape {
  if (sampleSize === null) throw new Error('unet: the configuration has no sample_size, so the size of its pictures is unknown');
  const [height, width] = typeof sampleSize === 'number' ? [sampleSize, sampleSize] : sampleSize;
  return [inChannels, height, width];
}

/**
 * Algorithm 1's loss, L_simple (eq. 14), of each sample: the mean over its pixels of (ε − ε_θ(√ᾱ_t x_0 + √(1−ᾱ_t) ε, t))². Trained
 * is the mean over the batch.
 *
 * The program's inputs are `x0`, `noise` [B, C, H, W], `timestep`, `signalScale`, `noiseScale` [B], and
 * `classLabels` [B] if the network takes them: what `trainingInputs` draws.
 *
 * @returns [B]
 * @throws if the network takes something else than times from 0 and class labels
 */
export function ddpmLoss(unet: UNet2DModel, ctx: Context, batchSize: number, picture: PictureShape): Tensor {
  checkNetwork(unet);
  const shape = [batchSize, ...picture];
  const x0 = input('x0', shape);
  const noise = input('noise', shape);
  const scale = (name: string) => reshape(input(name, [batchSize]), [batchSize, 1, 1, 1]);
  const xt = add(mul(scale('signalScale'), x0), mul(scale('noiseScale'), noise));
  const eps = unet.forward(ctx, xt, input('timestep', [batchSize]), labelsInput('classLabels', unet, batchSize));
  return meanSquaredError(eps, noise, [1, 2, 3]);
}

function labelsInput(name: string, unet: UNet2DModel, batchSize: number): Tensor | undefined {
  return unet.classInput ? input(name, [batchSize, ...unet.classInput.shape], unet.classInput.dtype) : undefined;
}

/** @throws if the network needs what neither Algorithm 1 nor Algorithm 2 has to give */
function checkNetwork({ config, classInput }: UNet2DModel): void {
  if (config.timeEmbeddingType === 'fourier') throw new Error('ddpm: a network with timeEmbeddingType "fourier" takes noise levels above zero, DDPM\'s times begin at 0; take "positional" or "learned"');
  if (classInput && classInput.kind !== 'labels') throw new Error(`ddpm: a network with classEmbedType "${config.classEmbedType}" takes ${classInput.kind === 'values' ? 'a number' : 'a vector'} for each picture, here are only classes; call its forward yourself, or take numClassEmbeds without classEmbedType`);
}

/** What one training batch is drawn from. */
export interface BatchDraw {
  readonly seed: number;
  /** The number of the batch, from 0; with accumulation a step takes several. */
  readonly batch: number;
  readonly batchSize: number;
  readonly flip: boolean;
}

/** The inputs of `ddpmLoss` for one batch, a pure function of (seed, batch): lines 2 to 4 of Algorithm 1. */
export function trainingInputs(dataset: Dataset, noiseSchedule: Schedule, { seed, batch, batchSize, flip }: BatchDraw): Record<string, HostArray> {
  const { images, labels } = batchAt(dataset, { seed, step: batch, batchSize, flip });
  const draw = drawTrainingNoise(noiseSchedule, images.shape, new RandomStream(seed, 'training noise', batch));
  return {
    x0: images,
    noise: draw.noise,
    timestep: float32([batchSize], draw.t),
    signalScale: draw.signalScale,
    noiseScale: draw.noiseScale,
    ...(labels && { classLabels: int64(labels) }),
  };
}

function int64(labels: ArrayLike<number>): HostArray {
  return { dtype: 'i64', shape: [labels.length], data: BigInt64Array.from({ length: labels.length }, (_, i) => BigInt(labels[i]!)) };
}

/** ε_θ as a program under diffusers' names: inputs `sample` [B, C, H, W], `timestep` [B] (and `class_labels` [B]), output `out_sample`. */
export function denoiserProgram(unet: UNet2DModel, batchSize: number, picture: PictureShape, prefix = ''): Program {
  const ctx = bind(unet, { prefix });
  const sample = input('sample', [batchSize, ...picture]);
  return program({ outputs: { out_sample: unet.forward(ctx, sample, input('timestep', [batchSize]), labelsInput('class_labels', unet, batchSize)) } });
}

/** What pictures are drawn from: the network, its noise, and where its weights are. */
export interface SamplerSource {
  readonly unet: UNet2DModel;
  readonly scheduler: SchedulerConfig;
  readonly picture: PictureShape;
  /** Values to build in as constants (fast, standalone), or a store that holds them under `prefix` (shared with training). */
  readonly weights: HostArrays | { readonly store: Store; readonly prefix: string };
  /** Pictures computed together, default 16. Fixed whatever the count, so that a picture has the same bytes at any count. */
  readonly batchSize?: number;
}

/** Which pictures to draw, and how. */
export interface SampleOptions {
  readonly seed: number;
  readonly count: number;
  /** The number of the first picture; picture i of a seed is always the same. */
  readonly first?: number;
  /** A name of `samplers`; default ddpm (Algorithm 2). */
  readonly sampler?: string;
  /** Steps of the reverse process; default the sampler's own. */
  readonly steps?: number;
  /** How the times of the steps are placed; default the sampler's own way. */
  readonly spacing?: TimeSpacing;
  /** η of the samplers that have it: how much noise their steps add. */
  readonly eta?: number;
  /** Heun's S_churn. */
  readonly churn?: number;
  /** [count] classes, for a network that takes them. */
  readonly classLabels?: readonly number[];
  readonly signal?: AbortSignal;
}

/** A batch of pictures on its way: after each step, and finished when `t` is −1. */
export interface SampleProgress extends SamplerState {
  /** Which pictures these are. */
  readonly indices: readonly number[];
  /** Steps done and to do, over all batches. */
  readonly stepsDone: number;
  readonly stepsTotal: number;
}

/** A compiled network ready to draw pictures. */
export interface PictureSampler {
  /**
   * Draws pictures, a batch at a time.
   *
   * @throws the signal's reason if it aborts between two steps; an unknown sampler or too many steps before the first
   */
  sample(options: SampleOptions): AsyncGenerator<SampleProgress, void, undefined>;
  dispose(): Promise<void>;
}

/**
 * Compiles a network for drawing pictures.
 *
 * @param executor  where it runs; it has to outlive the sampler
 * @throws if weights of the network are missing, in the values given or in the store, or it takes something else than times from 0 and
 *   class labels
 */
export async function openSampler(executor: Executor, { unet, scheduler, picture, weights, batchSize = 16 }: SamplerSource): Promise<PictureSampler> {
  checkNetwork(unet);
  const shared = 'store' in weights ? weights : undefined;
  const network = denoiserProgram(unet, batchSize, picture, shared?.prefix);
  const executable = await executor.compile(shared ? network : freeze(network, weights as HostArrays));
  const noiseSchedule = schedule(scheduler);

  const predict: Predict = async (xt, t, cond) => {
    const padded = (values: ArrayLike<number>, rowSize: number) => {
      const data = new Float32Array(batchSize * rowSize);
      data.set(values);
      return data;
    };
    const out = await executable.run(shared?.store ?? null, {
      sample: float32([batchSize, ...picture], padded(xt.data, sizeOf(picture))),
      timestep: float32([batchSize], padded(t, 1)),
      ...(unet.classInput && { class_labels: int64(padded(cond?.classLabels ?? [], 1)) }),
    });
    return float32(xt.shape, (out['out_sample']!.data as Float32Array).subarray(0, xt.data.length));
  };
  const denoise = fromPrediction(predict, noiseSchedule, scheduler.predictionType, scheduler.clipSample ? { clip: scheduler.clipSampleRange } : {});

  return {
    async *sample({ seed, count, first = 0, sampler = 'ddpm', steps, spacing, eta, churn, classLabels, signal }) {
      const definition = samplerNamed(sampler);
      if (unet.classInput && !classLabels) throw new Error('sample: this model needs a class for each picture');
      const times = samplerTimesteps(definition, noiseSchedule, { steps, spacing });
      const stepsTotal = times.length * Math.ceil(count / batchSize);
      let stepsDone = 0;
      for (let start = 0; start < count; start += batchSize) {
        const indices = Array.from({ length: Math.min(batchSize, count - start) }, (_, i) => first + start + i);
        const streams = indices.map((index) => new RandomStream(seed, 'sample', index));
        const xT = initialNoise([indices.length, ...picture], streams);
        const options: AnySamplerOptions = {
          schedule: noiseSchedule, timesteps: times, streams, varianceType: scheduler.varianceType,
          ...(eta !== undefined && { eta }), ...(churn !== undefined && { churn }), ...(signal && { signal }),
          ...(classLabels && { cond: { classLabels: indices.map((index) => classLabels[index - first]!) } }),
        };
        for await (const state of definition.run(denoise, xT, options)) yield { ...state, indices, stepsDone: ++stepsDone, stepsTotal };
      }
    },
    dispose: () => executable.dispose(),
  };
}

/** Draws all pictures and returns them together: [count, C, H, W] in [−1, 1]. */
export async function drawPictures(sampler: PictureSampler, options: SampleOptions, onStep?: (progress: SampleProgress) => void): Promise<FloatArray> {
  const finished: FloatArray[] = [];
  for await (const progress of sampler.sample(options)) {
    onStep?.(progress);
    if (progress.t === -1) finished.push(progress.xt);
  }
  if (finished.length === 0) throw new Error('sample: count must be at least 1');
  const data = new Float32Array(finished.reduce((total, batch) => total + batch.data.length, 0));
  let at = 0;
  for (const batch of finished) {
    data.set(batch.data, at);
    at += batch.data.length;
  }
  return float32([options.count, ...finished[0]!.shape.slice(1)], data);
}
