/**
 * Denoising diffusion probabilistic models: the loss they are trained with, and pictures from a trained one.
 *
 * @see Ho, Jain & Abbeel 2020 — https://arxiv.org/abs/2006.11239
 */
import {
  add, float32, freeze, input, meanSquaredError, mul, program, RandomStream, reshape, sizeOf, split, sub,
  type Executor, type FloatArray, type HostArray, type HostArrays, type Program, type Shape, type Store, type Tensor,
} from '../core/index.ts';
// Not the layer's index: what draws batches runs in a browser too, what reads files does not.
import { batchAt } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import { heightAndWidth } from '../data/picture-size.ts';
import {
  classifierFreeGuidance, clipping, drawTrainingNoise, dynamicThresholding, fromPrediction, initialNoise, lossWeight, objectiveDefaults, samplerNamed, samplerTimesteps, schedule, schedulerDefaults,
  type AnySamplerOptions, type Denoiser, type DynamicThresholdOptions, type Objective, type Predict, type Prediction, type PredictionType, type SamplerState, type Schedule, type SchedulerConfig, type TimeSpacing, type VarianceType,
} from '../diffusion/index.ts';
import type { UNet2DModel } from '../models/index.ts';
import { bind, type Context } from '../nn/index.ts';
import { variationalInputs, variationalTerm } from './variational-bound.ts';

/** The extents of one picture: channels, height, width. */
export type PictureShape = readonly [channels: number, height: number, width: number];

/**
 * The extents of the pictures that a network was trained on.
 *
 * @throws if its configuration does not say
 */
export function pictureShape({ config: { inChannels, sampleSize } }: UNet2DModel): PictureShape {
  if (sampleSize === null) throw new Error('unet: the configuration has no sample_size, so the size of its pictures is unknown');
  return [inChannels, ...heightAndWidth(sampleSize)];
}

/** What a network is trained to say, and how its errors are weighed. */
export interface DdpmTarget {
  readonly predictionType: PredictionType;
  /** With `learned_range` the network has 2C output channels, and the variational bound trains the second half. */
  readonly varianceType: VarianceType;
  /** The number of the schedule's steps: the bound is a sum over them. */
  readonly numTrainTimesteps: number;
  readonly objective: Objective;
}

/** Ho's: ε with L_simple. */
const plainTarget: DdpmTarget = { ...schedulerDefaults, objective: objectiveDefaults };

/**
 * Algorithm 1's loss, L_simple (eq. 14), of each sample: the mean over its pixels of (ε − ε_θ(√ᾱ_t x_0 + √(1−ᾱ_t) ε, t))², or
 * the same with x_0 or v in the place of ε, times the sample's weight. With a learned variance the variational bound is
 * added (L_hybrid). Trained is the mean over the batch.
 *
 * The program's inputs are `x0`, `noise` [B, C, H, W], `timestep`, `signalScale`, `noiseScale` [B]; `classLabels` [B] if
 * the network takes them; `lossWeight` [B] unless the weights are uniform; and those of `variationalTerm` if the variance
 * is learned: what `trainingInputs` draws.
 *
 * @returns [B]
 * @throws if the network takes something else than times from 0 and class labels
 * @see Ho, Jain & Abbeel 2020, Algorithm 1 — https://arxiv.org/abs/2006.11239; Nichol & Dhariwal 2021, eq. 16 — https://arxiv.org/abs/2102.09672
 */
export function ddpmLoss(unet: UNet2DModel, ctx: Context, batchSize: number, picture: PictureShape, { predictionType, varianceType, numTrainTimesteps, objective }: DdpmTarget = plainTarget): Tensor {
  checkNetwork(unet);
  const shape = [batchSize, ...picture];
  const x0 = input('x0', shape);
  const noise = input('noise', shape);
  const scale = (name: string) => reshape(input(name, [batchSize]), [batchSize, 1, 1, 1]);
  const signalScale = scale('signalScale');
  const noiseScale = scale('noiseScale');
  const xt = add(mul(signalScale, x0), mul(noiseScale, noise));
  const timestep = input('timestep', [batchSize]);
  const output = unet.forward(ctx, xt, timestep, labelsInput('classLabels', unet, batchSize));
  const learned = varianceType === 'learned_range';
  const [prediction, variance] = learned ? split(output, [picture[0], picture[0]], 1) as [Tensor, Tensor] : [output, undefined];
  const target = predictionType === 'epsilon' ? noise
    : predictionType === 'sample' ? x0
    : predictionType === 'v_prediction' ? sub(mul(signalScale, noise), mul(noiseScale, x0))
    : sub(noise, x0);
  const simple = meanSquaredError(prediction, target, [1, 2, 3]);
  const weighted = objective.weighting === 'uniform' ? simple : mul(simple, input('lossWeight', [batchSize]));
  return variance ? add(weighted, mul(variationalTerm({ x0, prediction, target, variance, timestep }), objective.vlbWeight * numTrainTimesteps)) : weighted;
}

function labelsInput(name: string, unet: UNet2DModel, batchSize: number): Tensor | undefined {
  return unet.classInput ? input(name, [batchSize, ...unet.classInput.shape], unet.classInput.dtype) : undefined;
}

/** @throws if the network needs what neither Algorithm 1 nor Algorithm 2 has to give */
function checkNetwork({ config, classInput }: UNet2DModel): void {
  const { inChannels, outChannels } = config;
  if (outChannels !== inChannels && outChannels !== 2 * inChannels) throw new Error(`ddpm: a prediction has the picture's ${inChannels} channels, with a learned variance twice as many; this network's outChannels is ${outChannels}`);
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
  /** What the network is asked for; default Ho's ε with L_simple. */
  readonly target?: DdpmTarget;
  /** The class that stands for "any", for samples whose class is hidden. */
  readonly nullClass?: number;
}

/** The inputs of `ddpmLoss` for one batch, a pure function of (seed, batch): lines 2 to 4 of Algorithm 1. */
export function trainingInputs(dataset: Dataset, noiseSchedule: Schedule, { seed, batch, batchSize, flip, target = plainTarget, nullClass }: BatchDraw): Record<string, HostArray> {
  const { images, labels } = batchAt(dataset, { seed, step: batch, batchSize, flip });
  const { predictionType, varianceType, objective } = target;
  const draw = drawTrainingNoise(noiseSchedule, images.shape, new RandomStream(seed, 'training noise', batch), objective);
  return {
    x0: images,
    noise: draw.noise,
    timestep: float32([batchSize], draw.t),
    signalScale: draw.signalScale,
    noiseScale: draw.noiseScale,
    ...(objective.weighting !== 'uniform' && { lossWeight: float32([batchSize], draw.t.map((t) => lossWeight(noiseSchedule, t, predictionType, objective))) }),
    ...(varianceType === 'learned_range' && variationalInputs(noiseSchedule, draw.t, predictionType)),
    ...(labels && { classLabels: int64(hideClasses(labels, objective.classDropout, nullClass, new RandomStream(seed, 'class dropout', batch))) }),
  };
}

/**
 * The classes with some of them replaced by the one that means "any", independently of each other.
 *
 * @see Ho & Salimans 2022, algorithm 1 — https://arxiv.org/abs/2207.12598
 */
function hideClasses(labels: ArrayLike<number>, probability: number, nullClass: number | undefined, random: RandomStream): ArrayLike<number> {
  if (probability === 0) return labels;
  if (nullClass === undefined) throw new Error('trainingInputs: classDropout needs a class that stands for "any"');
  return Array.from(labels, (label) => (random.uniform() < probability ? nullClass : label));
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
  /** The class that stands for "any", for models trained with hidden classes; guidance needs it. */
  readonly nullClass?: number | null;
  /** Pictures computed together, default 16. Fixed whatever the count, so that a picture has the same bytes at any count. */
  readonly batchSize?: number;
}

/** Which pictures to draw, and how. */
export interface SampleOptions {
  readonly seed: number;
  readonly count: number;
  /** The number of the first picture; picture i of a seed is always the same. */
  readonly first?: number | undefined;
  /** A name of `samplers`; default ddpm (Algorithm 2). */
  readonly sampler?: string | undefined;
  /** Steps of the reverse process; default the sampler's own. */
  readonly steps?: number | undefined;
  /** How the times of the steps are placed; default the sampler's own way. */
  readonly spacing?: TimeSpacing | undefined;
  /** η of the samplers that have it: how much noise their steps add. */
  readonly eta?: number | undefined;
  /** Heun's S_churn. */
  readonly churn?: number | undefined;
  /** [count] classes, for a network that takes them. */
  readonly classLabels?: readonly number[] | undefined;
  /** Classifier-free guidance in diffusers' convention: 1 is off; default 1. */
  readonly guidanceScale?: number | undefined;
  /** φ of the rescaled guidance; default 0. */
  readonly guidanceRescale?: number | undefined;
  /** Noise levels σ/α between which guidance acts; default everywhere. */
  readonly guidanceInterval?: readonly [number, number] | undefined;
  /** Imagen's thresholding of x̂_0, in the place of clipping. */
  readonly dynamicThresholding?: DynamicThresholdOptions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The random numbers of pictures by their number: first the noise they begin as, then what a sampler draws. */
export function sampleStreams(seed: number, indices: readonly number[]): RandomStream[] {
  return indices.map((index) => new RandomStream(seed, 'sample', index));
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
export async function openSampler(executor: Executor, { unet, scheduler, picture, weights, nullClass = null, batchSize = 16 }: SamplerSource): Promise<PictureSampler> {
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
    return predictionOf(out['out_sample']! as FloatArray, xt.shape);
  };
  const clip = scheduler.clipSample ? scheduler.clipSampleRange : undefined;

  function denoiserFor({ guidanceScale = 1, guidanceRescale, guidanceInterval, dynamicThresholding: threshold }: SampleOptions): Denoiser {
    if (guidanceScale === 1 && !threshold) return fromPrediction(predict, noiseSchedule, scheduler.predictionType, { clip });
    // What is guided is the network's own word; the bounds of pictures are put around the result.
    let denoise = fromPrediction(predict, noiseSchedule, scheduler.predictionType);
    if (guidanceScale !== 1) {
      if (!unet.classInput) throw new Error('guidanceScale: this model takes no classes, so there is nothing to guide towards');
      if (nullClass === null) throw new Error('guidanceScale: this model was trained without hidden classes (objective.classDropout), so it cannot be guided; leave the scale at 1');
      denoise = classifierFreeGuidance(denoise, {
        schedule: noiseSchedule, scale: guidanceScale, predictionType: scheduler.predictionType, uncond: (count) => ({ classLabels: Array<number>(count).fill(nullClass) }),
        ...(guidanceRescale !== undefined && { rescale: guidanceRescale }), ...(guidanceInterval && { interval: guidanceInterval }),
      });
    }
    if (threshold) return dynamicThresholding(denoise, noiseSchedule, threshold);
    return clip === undefined ? denoise : clipping(denoise, noiseSchedule, clip);
  }

  return {
    async *sample(asked) {
      const { seed, count, first = 0, sampler = 'ddpm', steps, spacing, eta, churn, classLabels, signal } = asked;
      const denoise = denoiserFor(asked);
      const definition = samplerNamed(sampler);
      if (unet.classInput && !classLabels) throw new Error('sample: this model needs a class for each picture');
      const times = samplerTimesteps(definition, noiseSchedule, { steps, spacing });
      const stepsTotal = times.length * Math.ceil(count / batchSize);
      let stepsDone = 0;
      for (let start = 0; start < count; start += batchSize) {
        const indices = Array.from({ length: Math.min(batchSize, count - start) }, (_, i) => first + start + i);
        const streams = sampleStreams(seed, indices);
        const xT = initialNoise([indices.length, ...picture], streams);
        const options: AnySamplerOptions = {
          schedule: noiseSchedule, timesteps: times, streams, varianceType: scheduler.varianceType,
          eta, churn, signal,
          ...(classLabels && { cond: { classLabels: indices.map((index) => classLabels[index - first]!) } }),
        };
        for await (const state of definition.run(denoise, xT, options)) yield { ...state, indices, stepsDone: ++stepsDone, stepsTotal };
      }
    },
    dispose: () => executable.dispose(),
  };
}

/**
 * The network's output for the samples asked for, the padding left out.
 *
 * @param output  [batchSize, C, H, W], or 2C channels if it learns the variance
 * @param shape   [B, C, H, W] with B ≤ batchSize
 */
function predictionOf(output: FloatArray, shape: Shape): Prediction {
  const [count, channels] = shape as readonly [number, number];
  const size = sizeOf(shape.slice(1));
  const stride = sizeOf(output.shape.slice(1));
  const half = (first: number) => {
    if (stride === size) return float32(shape, output.data.subarray(0, count * size) as Float32Array);
    const data = new Float32Array(count * size);
    for (let b = 0; b < count; b++) data.set(output.data.subarray(b * stride + first * size, b * stride + (first + 1) * size), b * size);
    return float32(shape, data);
  };
  return { output: half(0), ...(output.shape[1] === 2 * channels && { variance: half(1) }) };
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
