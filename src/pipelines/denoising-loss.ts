/**
 * Denoising diffusion: the loss that a network is trained with, its inputs, and the network as a program.
 *
 * @see Ho, Jain & Abbeel 2020 — https://arxiv.org/abs/2006.11239
 */
import {
  add,
  float32,
  input,
  meanSquaredError,
  mul,
  program,
  RandomStream,
  reshape,
  split,
  type FloatArray,
  type HostArray,
  type Program,
  type Shape,
  type Tensor,
} from '../core/index.ts';
import {
  drawTrainingNoise,
  hasSteps,
  lossWeight,
  networkProcess,
  objectiveDefaults,
  schedulerDefaults,
  type Conditions,
  type NetworkProcess,
  type Objective,
  type VarianceType,
} from '../diffusion/index.ts';
import { concatenating, conditionTensors, type DenoisingNetwork } from '../models/index.ts';
import { bind, type Context } from '../nn/index.ts';
import { variationalInputs, variationalTerm } from './variational-bound.ts';

/** The input by which samples' losses are multiplied to make up for how often their times are drawn; their own losses are reported without it. */
export const importanceInput = 'importance';

/** What a network is trained to predict, and how its errors are weighted. */
export interface DenoisingTarget {
  /** With the variance `learned_range` the network has twice the channels, and the variational bound trains the second half. */
  readonly process: NetworkProcess;
  readonly objective: Objective;
}

/** Ho's: ε with L_simple. */
export function plainTarget(): DenoisingTarget {
  return { process: networkProcess(schedulerDefaults), objective: objectiveDefaults };
}

/**
 * A network seen from its samples: their channels are those of its output, or half of them where it learns the variance;
 * what it takes beyond these is an image that it is conditioned on.
 *
 * @param varianceType  the scheduler's; default as the channels suggest
 * @throws if the network's configuration does not say how large its samples are
 */
export function denoisingNetwork(network: DenoisingNetwork, varianceType?: VarianceType): DenoisingNetwork {
  const {
    sample: [taken = 0],
    outputs: [predicted = 0],
  } = network;
  const learned = (varianceType ?? (predicted === 2 * taken ? 'learned_range' : 'fixed_small')) === 'learned_range';
  const channels = learned && predicted % 2 === 0 ? predicted / 2 : predicted;
  return taken > channels ? concatenating(network, taken - channels) : network;
}

/** What stands in the place of inputs of a program: what frozen networks make of others. */
export interface GivenTensors {
  /** [B, ...sample] */
  readonly x0?: Tensor;
  readonly conditions?: Readonly<Record<string, Tensor>>;
}

/**
 * Algorithm 1's loss, L_simple (eq. 14), of each sample: the mean over its values of (ε − ε_θ(√ᾱ_t x_0 + √(1−ᾱ_t) ε, t))², or
 * the same with what else the process asks for in the place of ε (x_0, v, a flow's velocity, EDM's mixture of x_0 and ε),
 * times the sample's weight. With a learned variance the variational bound is added (L_hybrid). Trained is the mean over
 * the batch.
 *
 * The program's inputs are `x0`, `noise` [B, ...sample], `timestep`, `signalScale`, `noiseScale` [B], the last two times c_in
 * where the process has one; `targetSignal` and `targetNoise` [B] unless ε is asked for; the network's conditions by their
 * names; `lossWeight` [B] unless the weights are uniform; `importance` [B] where times are drawn by it; and those of
 * `variationalTerm` if the variance is learned: what `denoisingInputs` draws.
 *
 * @param given  tensors in the place of the inputs `x0` and of conditions
 * @returns [B]
 * @throws if the network does not predict samples of its own shape, or takes noise levels for times
 * @see Ho, Jain & Abbeel 2020, Algorithm 1 — https://arxiv.org/abs/2006.11239; Nichol & Dhariwal 2021, eq. 16 — https://arxiv.org/abs/2102.09672
 */
export function denoisingLoss(
  network: DenoisingNetwork,
  ctx: Context,
  batchSize: number,
  {
    process: {
      schedule,
      preconditioning: { predicts },
      varianceType,
    },
    objective,
  }: DenoisingTarget = plainTarget(),
  given: GivenTensors = {},
): Tensor {
  checkNetwork(network);
  const shape = [batchSize, ...network.sample];
  const x0 = given.x0 ?? input('x0', shape);
  const noise = input('noise', shape);
  const scale = (name: string) => reshape(input(name, [batchSize]), [batchSize, ...network.sample.map(() => 1)]);
  const signalScale = scale('signalScale');
  const noiseScale = scale('noiseScale');
  const xt = add(mul(signalScale, x0), mul(noiseScale, noise));
  const timestep = input('timestep', [batchSize]);
  const conditions = conditionTensors(
    { conditions: network.conditions.filter(({ name }) => given.conditions?.[name] === undefined) },
    batchSize,
  );
  const output = network.denoise(ctx, xt, timestep, { ...conditions, ...given.conditions });
  const learned = varianceType === 'learned_range';
  const channels = network.sample[0]!;
  const [prediction, variance] = learned
    ? (split(output, [channels, channels], 1) as [Tensor, Tensor])
    : [output, undefined];
  const target = predicts === 'epsilon' ? noise : add(mul(scale('targetSignal'), x0), mul(scale('targetNoise'), noise));
  const simple = meanSquaredError(prediction, target, sampleAxes(shape));
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

/** All axes of a batch but the first. */
export function sampleAxes(shape: Shape): number[] {
  return shape.slice(1).map((_, i) => i + 1);
}

/** @throws if the network cannot denoise: its outputs are not its samples', or its times are no times of a process */
export function checkNetwork({
  className,
  sample: [channels = 0, ...rest],
  outputs: [predicted = 0, ...sides],
  takesNoiseLevels = false,
}: DenoisingNetwork): void {
  if (predicted !== channels && predicted !== 2 * channels)
    throw new Error(
      `denoising: a prediction has the sample's ${channels} channels, with a learned variance twice as many; this ${className} has ${predicted} (outChannels)`,
    );
  if (sides.join() !== rest.join())
    throw new Error(
      `denoising: samples are [${[channels, ...rest].join(', ')}], and this ${className} predicts [${[predicted, ...sides].join(', ')}]`,
    );
  if (takesNoiseLevels)
    throw new Error(
      `denoising: a network with timeEmbeddingType "fourier" takes noise levels above zero, and the times here begin at 0; take "positional" or "learned"`,
    );
}

/** What is noised in one batch. */
export interface NoisedBatch {
  /** [B, ...sample]; absent where frozen networks compute it from the conditions. */
  readonly x0?: FloatArray;
  /** Those of the network. */
  readonly conditions?: Conditions;
}

/** What a batch's random numbers are drawn by. */
export interface NoiseDraw {
  readonly seed: number;
  /** The number of the batch, from 0; with accumulation a step takes several. */
  readonly batch: number;
  /** [B, ...sample]; default that of x_0. */
  readonly shape?: Shape | undefined;
  /** What the network is asked for; default Ho's ε with L_simple. */
  readonly target?: DenoisingTarget;
  /** [T] probabilities of the times, where they are drawn by importance and losses are known; default uniform. */
  readonly timeProbabilities?: Float64Array | undefined;
}

/** The inputs of `denoisingLoss` for one batch, a pure function of (batch, seed, probabilities of the times): lines 3 and 4 of Algorithm 1. */
export function denoisingInputs(
  { x0, conditions = {} }: NoisedBatch,
  {
    seed,
    batch,
    shape = x0?.shape ?? [],
    target: { process, objective } = plainTarget(),
    timeProbabilities,
  }: NoiseDraw,
): Record<string, HostArray> {
  const { schedule, preconditioning, varianceType } = process;
  const draw = drawTrainingNoise(
    schedule,
    shape,
    new RandomStream(seed, 'training noise', batch),
    objective,
    timeProbabilities,
  );
  const each = (f: (t: number) => number) => float32([draw.t.length], draw.t.map(f));
  return {
    ...(x0 && { x0 }),
    noise: draw.noise,
    timestep: each(preconditioning.networkTime),
    signalScale: each((t) => preconditioning.inputScale(t) * schedule.alpha(t)),
    noiseScale: each((t) => preconditioning.inputScale(t) * schedule.sigma(t)),
    ...(preconditioning.predicts !== 'epsilon' && {
      targetSignal: each((t) => preconditioning.target(t)[0]),
      targetNoise: each((t) => preconditioning.target(t)[1]),
    }),
    ...(objective.weighting !== 'uniform' && { lossWeight: each((t) => lossWeight(process, t, objective)) }),
    ...(objective.timeSampling === 'importance' && { [importanceInput]: draw.importance }),
    ...(varianceType === 'learned_range' && hasSteps(schedule) && variationalInputs(schedule, draw.t, preconditioning)),
    ...conditions,
  };
}

/** ε_θ as a program under diffusers' names: inputs `sample` [B, ...], `timestep` [B] and the network's conditions, output `out_sample`. */
export function denoiserProgram(network: DenoisingNetwork, batchSize: number, prefix = ''): Program {
  const ctx = bind(network.module, { prefix });
  const sample = input('sample', [batchSize, ...network.sample]);
  return program({
    outputs: {
      out_sample: network.denoise(ctx, sample, input('timestep', [batchSize]), conditionTensors(network, batchSize)),
    },
  });
}
