/**
 * Denoising diffusion probabilistic models: the loss they are trained with, and the network that images are sampled from.
 *
 * @see Ho, Jain & Abbeel 2020 — https://arxiv.org/abs/2006.11239
 */
import {
  add,
  concat,
  float32,
  input,
  meanSquaredError,
  mul,
  program,
  RandomStream,
  reshape,
  split,
  type HostArray,
  type Program,
  type Tensor,
} from '../core/index.ts';
// Not the layer's index: what draws batches runs in a browser too, what reads files does not.
import { batchAt } from '../data/batches/batches.ts';
import type { Dataset } from '../data/sets/dataset.ts';
import { heightAndWidth } from '../data/images/image-size.ts';
import {
  drawTrainingNoise,
  hasSteps,
  lossWeight,
  networkProcess,
  objectiveDefaults,
  schedulerDefaults,
  type NetworkProcess,
  type Objective,
  type VarianceType,
} from '../diffusion/index.ts';
import type { UNet2DModel } from '../models/index.ts';
import { bind, type Context } from '../nn/index.ts';
import { lowResolution } from './super-resolution.ts';
import { variationalInputs, variationalTerm } from './variational-bound.ts';

/** The input by which samples' losses are multiplied to make up for how often their times are drawn; the reported losses are without it. */
export const importanceInput = 'importance';

/** The extents of one image: channels, height, width. */
export type ImageShape = readonly [channels: number, height: number, width: number];

/**
 * The extents of the images that a network makes: its output's channels, or half of them where it learns the variance.
 * What it takes beyond those is an image that it sees next to x_t.
 *
 * @param varianceType  the scheduler's; default as the channels suggest
 * @throws if its configuration does not say
 */
export function imageShapeOf(
  { config: { inChannels, outChannels, sampleSize } }: UNet2DModel,
  varianceType: VarianceType = outChannels === 2 * inChannels ? 'learned_range' : 'fixed_small',
): ImageShape {
  if (sampleSize === null)
    throw new Error('unet: the configuration has no sample_size, so the size of its images is unknown');
  return [
    varianceType === 'learned_range' && outChannels % 2 === 0 ? outChannels / 2 : outChannels,
    ...heightAndWidth(sampleSize),
  ];
}

/** What a network is trained to say, and how its errors are weighed. */
export interface DdpmTarget {
  /** With the variance `learned_range` the network has 2C output channels, and the variational bound trains the second half. */
  readonly diffusion: NetworkProcess;
  readonly objective: Objective;
}

/** Ho's: ε with L_simple. */
function plainTarget(): DdpmTarget {
  return { diffusion: networkProcess(schedulerDefaults), objective: objectiveDefaults };
}

/**
 * Algorithm 1's loss, L_simple (eq. 14), of each sample: the mean over its pixels of (ε − ε_θ(√ᾱ_t x_0 + √(1−ᾱ_t) ε, t))², or
 * the same with what else the process asks for in the place of ε (x_0, v, a flow's velocity, EDM's mixture of x_0 and ε),
 * times the sample's weight. With a learned variance the variational bound is added (L_hybrid). Trained is the mean over
 * the batch.
 *
 * The program's inputs are `x0`, `noise` [B, C, H, W], `timestep`, `signalScale`, `noiseScale` [B], the last two times c_in where the
 * process has one; `targetSignal` and `targetNoise` [B] unless ε is asked for; `classLabels` [B] if the network takes
 * them; `condition` [B, C, H, W] where it is conditioned on an image; `lossWeight` [B] unless the weights are uniform; `importance` [B] where times are drawn by it; and those of `variationalTerm` if the variance is learned: what
 * `trainingInputs` draws.
 *
 * @returns [B]
 * @throws if the network takes something else than times from 0 and class labels
 * @see Ho, Jain & Abbeel 2020, Algorithm 1 — https://arxiv.org/abs/2006.11239; Nichol & Dhariwal 2021, eq. 16 — https://arxiv.org/abs/2102.09672
 */
export function ddpmLoss(
  unet: UNet2DModel,
  ctx: Context,
  batchSize: number,
  imageShape: ImageShape,
  {
    diffusion: {
      schedule,
      preconditioning: { predicts },
      varianceType,
    },
    objective,
  }: DdpmTarget = plainTarget(),
): Tensor {
  const { superResolution } = objective;
  checkNetwork(unet, superResolution && imageShape[0]);
  const shape = [batchSize, ...imageShape];
  const x0 = input('x0', shape);
  const noise = input('noise', shape);
  const scale = (name: string) => reshape(input(name, [batchSize]), [batchSize, 1, 1, 1]);
  const signalScale = scale('signalScale');
  const noiseScale = scale('noiseScale');
  const xt = add(mul(signalScale, x0), mul(noiseScale, noise));
  const timestep = input('timestep', [batchSize]);
  const output = unet.forward(
    ctx,
    superResolution ? concat([xt, input('condition', shape)], 1) : xt,
    timestep,
    labelsInput('classLabels', unet, batchSize),
  );
  const learned = varianceType === 'learned_range';
  const [prediction, variance] = learned
    ? (split(output, [imageShape[0], imageShape[0]], 1) as [Tensor, Tensor])
    : [output, undefined];
  const target = predicts === 'epsilon' ? noise : add(mul(scale('targetSignal'), x0), mul(scale('targetNoise'), noise));
  const simple = meanSquaredError(prediction, target, [1, 2, 3]);
  const weighted = objective.weighting === 'uniform' ? simple : mul(simple, input('lossWeight', [batchSize]));
  // The bound is a sum over the steps.
  const loss =
    variance && hasSteps(schedule)
      ? add(
          weighted,
          mul(variationalTerm({ x0, prediction, target, variance, timestep }), objective.vlbWeight * schedule.T),
        )
      : weighted;
  return objective.timeSampling === 'importance' ? mul(loss, input(importanceInput, [batchSize])) : loss;
}

function labelsInput(name: string, unet: UNet2DModel, batchSize: number): Tensor | undefined {
  return unet.classInput ? input(name, [batchSize, ...unet.classInput.shape], unet.classInput.dtype) : undefined;
}

/**
 * @param channels  of the images; default all that the network takes
 * @throws if the network needs what neither Algorithm 1 nor Algorithm 2 has to give
 */
export function checkNetwork({ config, classInput }: UNet2DModel, channels: number = config.inChannels): void {
  const { inChannels, outChannels } = config;
  if (outChannels !== channels && outChannels !== 2 * channels)
    throw new Error(
      `ddpm: a prediction has the image's ${channels} channels, with a learned variance twice as many; this network's outChannels is ${outChannels}`,
    );
  if (inChannels < channels)
    throw new Error(`ddpm: the network takes ${inChannels} channels, the images have ${channels}`);
  if (config.timeEmbeddingType === 'fourier')
    throw new Error(
      'ddpm: a network with timeEmbeddingType "fourier" takes noise levels above zero, DDPM\'s times begin at 0; take "positional" or "learned"',
    );
  if (classInput && classInput.kind !== 'labels')
    throw new Error(
      `ddpm: a network with classEmbedType "${config.classEmbedType}" takes ${classInput.kind === 'values' ? 'a number' : 'a vector'} for each image, here are only classes; call its forward yourself, or take numClassEmbeds without classEmbedType`,
    );
}

/** What a training batch depends on. */
export interface BatchDraw {
  readonly seed: number;
  /** The number of the batch, from 0; with accumulation a step takes several. */
  readonly batch: number;
  readonly batchSize: number;
  readonly horizontalFlip: boolean;
  /** What the network is asked for; default Ho's ε with L_simple. */
  readonly target?: DdpmTarget;
  /** The class that stands for "any", for samples whose class is hidden. */
  readonly nullClass?: number;
  /** [T] probabilities of the times, where they are drawn by importance and losses are known; default uniform. */
  readonly timeProbabilities?: Float64Array | undefined;
}

/** The inputs of `ddpmLoss` for one batch, a pure function of (seed, batch, probabilities of the times): lines 2 to 4 of Algorithm 1. */
export function trainingInputs(
  dataset: Dataset,
  {
    seed,
    batch,
    batchSize,
    horizontalFlip,
    target: { diffusion, objective } = plainTarget(),
    nullClass,
    timeProbabilities,
  }: BatchDraw,
): Record<string, HostArray> {
  const { images, labels } = batchAt(dataset, { seed, step: batch, batchSize, horizontalFlip });
  const { schedule, preconditioning, varianceType } = diffusion;
  const draw = drawTrainingNoise(
    schedule,
    images.shape,
    new RandomStream(seed, 'training noise', batch),
    objective,
    timeProbabilities,
  );
  const each = (f: (t: number) => number) => float32([batchSize], draw.t.map(f));
  return {
    x0: images,
    noise: draw.noise,
    timestep: each(preconditioning.networkTime),
    signalScale: each((t) => preconditioning.inputScale(t) * schedule.alpha(t)),
    noiseScale: each((t) => preconditioning.inputScale(t) * schedule.sigma(t)),
    ...(preconditioning.predicts !== 'epsilon' && {
      targetSignal: each((t) => preconditioning.target(t)[0]),
      targetNoise: each((t) => preconditioning.target(t)[1]),
    }),
    ...(objective.weighting !== 'uniform' && { lossWeight: each((t) => lossWeight(diffusion, t, objective)) }),
    ...(objective.superResolution && {
      condition: lowResolution(images, objective.superResolution, new RandomStream(seed, 'condition noise', batch)),
    }),
    ...(objective.timeSampling === 'importance' && { [importanceInput]: draw.importance }),
    ...(varianceType === 'learned_range' && hasSteps(schedule) && variationalInputs(schedule, draw.t, preconditioning)),
    ...(labels && {
      classLabels: int64(
        hideClasses(labels, objective.labelDropout, nullClass, new RandomStream(seed, 'class dropout', batch)),
      ),
    }),
  };
}

/**
 * The classes with some of them replaced by the one that means "any", independently of each other.
 *
 * @see Ho & Salimans 2022, algorithm 1 — https://arxiv.org/abs/2207.12598
 */
function hideClasses(
  labels: ArrayLike<number>,
  probability: number,
  nullClass: number | undefined,
  random: RandomStream,
): ArrayLike<number> {
  if (probability === 0) return labels;
  if (nullClass === undefined) throw new Error('trainingInputs: labelDropout needs a class that stands for "any"');
  return Array.from(labels, (label) => (random.uniform() < probability ? nullClass : label));
}

/** Classes as the network takes them. */
export function int64(labels: ArrayLike<number>): HostArray {
  return {
    dtype: 'i64',
    shape: [labels.length],
    data: BigInt64Array.from({ length: labels.length }, (_, i) => BigInt(labels[i]!)),
  };
}

/** ε_θ as a program under diffusers' names: inputs `sample` [B, C, H, W], `timestep` [B] (and `class_labels` [B]), output `out_sample`. */
export function denoiserProgram(unet: UNet2DModel, batchSize: number, imageShape: ImageShape, prefix = ''): Program {
  const ctx = bind(unet, { prefix });
  const sample = input('sample', [batchSize, unet.config.inChannels, imageShape[1], imageShape[2]]);
  return program({
    outputs: {
      out_sample: unet.forward(
        ctx,
        sample,
        input('timestep', [batchSize]),
        labelsInput('class_labels', unet, batchSize),
      ),
    },
  });
}
