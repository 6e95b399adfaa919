/** Training a network to denoise: its loss, its batches and what is remembered of them, in one task. */
import { input, RandomStream, type HostArray, type Tensor } from '../core/index.ts';
// Not the layer's index: what draws batches runs in a browser too, what reads files does not.
import { batchAt, type Dataset } from '../data/browser.ts';
import {
  classConditions,
  classLabelsName,
  dropConditions,
  hasSteps,
  LossHistory,
  type ConditionInput,
  type Conditions,
} from '../diffusion/index.ts';
import type { DenoisingNetwork } from '../models/index.ts';
import type { Context, Module } from '../nn/index.ts';
import {
  denoisingInputs,
  denoisingLoss,
  importanceInput,
  plainTarget,
  type DenoisingTarget,
  type GivenTensors,
  type NoisedBatch,
} from './denoising-loss.ts';

/** Where batches come from. */
export interface Examples {
  /**
   * A batch, a pure function of its number: reading files and running frozen encoders may take a while.
   *
   * @param number  from 0
   * @param size    samples of it
   */
  batch(number: number, size: number): NoisedBatch | Promise<NoisedBatch>;
}

/**
 * Images of a data set, with their classes where it has them: `batchAt`.
 *
 * @example
 * import { openDataset } from 'kuosan/data';
 * import { imageExamples } from 'kuosan/pipelines';
 *
 * const dataset = await openDataset('noto-emoji/smileys', { size: 16 });
 * const { x0 } = await imageExamples(dataset, { seed: 0, horizontalFlip: true }).batch(0, 32);
 * console.log(x0!.shape); // [ 32, 3, 16, 16 ]
 */
export function imageExamples(
  dataset: Dataset,
  { seed, horizontalFlip = false }: { readonly seed: number; readonly horizontalFlip?: boolean },
): Examples {
  return {
    batch(number, size) {
      const { images, labels } = batchAt(dataset, { seed, step: number, batchSize: size, horizontalFlip });
      return { x0: images, ...(labels && { conditions: classConditions(labels) }) };
    },
  };
}

/** Frozen networks that are a part of every step, with weights as constants: they are in no store, no average and no checkpoint. */
export interface Given {
  /** What they read of a batch, by name: conditions that the examples have for them. */
  readonly inputs: readonly ConditionInput[];
  /** x_0, and conditions of the network, from these inputs [B, ...]; networks are run with `frozen` contexts. */
  readonly compute: (inputs: Readonly<Record<string, Tensor>>) => GivenTensors;
}

/** Conditions that are dropped in training, so that a model can be guided. */
export interface TaskDropout {
  /** Conditions that are dropped together. */
  readonly names: readonly string[];
  /** The share of samples. */
  readonly probability: number;
}

/** What a network is trained on. */
export interface DenoisingTaskOptions extends Partial<DenoisingTarget> {
  readonly network: DenoisingNetwork;
  readonly examples: Examples;
  readonly batchSize: number;
  /** Of the noise, of what is dropped and of the times. */
  readonly seed: number;
  readonly dropouts?: readonly TaskDropout[];
  /** [1, ...] each: what takes the place of a condition that is dropped. */
  readonly nothing?: Conditions;
  readonly given?: Given;
}

/** The loss of one sample at the time that was drawn for it, whatever it counts for. */
export interface SampleLoss {
  /** As the network is given it. */
  readonly t: number;
  readonly loss: number;
}

/** A task for a trainer. */
export interface DenoisingTask {
  readonly module: Module;
  readonly loss: (ctx: Context) => Tensor;
  /** The inputs of a batch, a pure function of its number and of what `history` holds. */
  readonly inputs: (batch: number) => Promise<Record<string, HostArray>>;
  /** The losses of a batch's samples at their times. */
  readonly sampleLosses: (
    inputs: Readonly<Record<string, HostArray>>,
    losses: ArrayLike<number>,
  ) => readonly SampleLoss[];
  /** The losses that times are drawn by, where the objective draws them by importance. */
  readonly history?: LossHistory;
}

/** What dropout draws by: of classes under the name it has had since the first model. */
const dropoutStream = (names: readonly string[]) =>
  names[0] === classLabelsName ? 'class dropout' : `${names.join(' ')} dropout`;

/**
 * The task of training a network to denoise.
 *
 * @throws if a condition is dropped and nothing takes its place; when a batch is made, if the examples lack a condition of the network
 * @see Ho, Jain & Abbeel 2020, Algorithm 1 — https://arxiv.org/abs/2006.11239
 * @example
 * import { openDataset } from 'kuosan/data';
 * import { UNet2DModel } from 'kuosan/models';
 * import { denoisingTask, imageExamples } from 'kuosan/pipelines';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 * import { Trainer, trainSchema } from 'kuosan/train';
 *
 * const network = new UNet2DModel({
 *   sampleSize: 16, blockOutChannels: [8, 16], layersPerBlock: 1, normNumGroups: 4,
 *   downBlockTypes: ['DownBlock2D', 'DownBlock2D'], upBlockTypes: ['UpBlock2D', 'UpBlock2D'],
 * });
 * const examples = imageExamples(await openDataset('noto-emoji/smileys', { size: 16 }), { seed: 0 });
 * const task = denoisingTask({ network, examples, batchSize: 4, seed: 0 });
 * const executor = createNodeExecutor();
 * const trainer = await Trainer.open(executor, task, trainSchema.parse({ steps: 2, batchSize: 4 }));
 * const { step, loss } = await trainer.advance();
 * console.log(step, loss > 0); // 1 true
 * await executor.dispose();
 */
export function denoisingTask({
  network,
  examples,
  batchSize,
  seed,
  process = plainTarget().process,
  objective = plainTarget().objective,
  dropouts = [],
  nothing = {},
  given,
}: DenoisingTaskOptions): DenoisingTask {
  const target: DenoisingTarget = { process, objective };
  for (const { names, probability } of dropouts) {
    const missing = names.find((name) => probability > 0 && nothing[name] === undefined);
    if (missing !== undefined)
      throw new Error(`denoisingTask: ${missing} has dropout, and no null row is given; give it as nothing`);
  }
  const history =
    objective.timeSampling === 'importance' && hasSteps(process.schedule)
      ? new LossHistory(process.schedule.T)
      : undefined;
  const taken = new Set([...network.conditions, ...(given?.inputs ?? [])].map(({ name }) => name));
  return {
    module: network.module,
    loss(ctx) {
      const inputs = Object.fromEntries(
        (given?.inputs ?? []).map(({ name, dtype, shape }) => [name, input(name, [batchSize, ...shape], dtype)]),
      );
      return denoisingLoss(network, ctx, batchSize, target, given?.compute(inputs));
    },
    async inputs(batch) {
      const { x0, conditions = {} } = await examples.batch(batch, batchSize);
      const shape = [batchSize, ...network.sample];
      if (x0 && x0.shape.join() !== shape.join())
        throw new Error(`denoisingTask: the examples are [${x0.shape.join(', ')}], expected [${shape.join(', ')}]`);
      const own = Object.fromEntries(Object.entries(conditions).filter(([name]) => taken.has(name)));
      const shown = dropConditions(
        own,
        nothing,
        dropouts.map(({ names, probability }) => ({
          names,
          probability,
          random: new RandomStream(seed, dropoutStream(names), batch),
        })),
      );
      return denoisingInputs(
        { ...(x0 && { x0 }), conditions: shown },
        { seed, batch, shape, target, timeProbabilities: history?.probabilities() },
      );
    },
    sampleLosses: sampleLossesAt,
    ...(history && { history }),
  };
}

/** Losses next to the network's times of a batch, without the factor by which times that are drawn seldom count more. */
export function sampleLossesAt(
  inputs: Readonly<Record<string, HostArray>>,
  losses: ArrayLike<number>,
): readonly SampleLoss[] {
  const [timestep, importance] = [inputs['timestep']?.data, inputs[importanceInput]?.data];
  return Array.from(losses, (loss, b) => ({
    t: Number(timestep![b]),
    loss: Number(loss) / Number(importance?.[b] ?? 1),
  }));
}
