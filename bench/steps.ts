import type { HostArrays } from '../src/core/index.ts';
import type { Dataset } from '../src/data/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { openSampler } from '../src/pipelines/index.ts';
import { createNodeExecutor, type NodeExecutorOptions } from '../src/runtime/node.ts';
import type { DdpmConfig } from '../src/train/index.ts';
import { openTrainer, pictureOf } from './network.ts';
import { traced, type TracedNode } from './trace.ts';

/** Something done over and over, with everything of ours that belongs to it. */
export interface Stepper {
  step(): Promise<unknown>;
  dispose(): Promise<void>;
}

/** Optimizer steps, as `kuosan train` does them; on noise if there is no data set. */
export async function trainingSteps(config: DdpmConfig, options: NodeExecutorOptions, dataset?: Dataset): Promise<Stepper> {
  const executor = createNodeExecutor(options);
  const trainer = await openTrainer(executor, config, dataset);
  return { step: () => trainer.advance(), dispose: async () => (await trainer.dispose(), executor.dispose()) };
}

/** Steps of Algorithm 2, as `kuosan sample` does them: one evaluation of the network with constant weights each. */
export async function samplingSteps(config: DdpmConfig, weights: HostArrays, options: NodeExecutorOptions): Promise<Stepper> {
  const executor = createNodeExecutor(options);
  const { batchSize } = config.train;
  const sampler = await openSampler(executor, { unet: new UNet2DModel(config.model), scheduler: config.scheduler, picture: pictureOf(config), weights, batchSize });
  const classes = config.model.numClassEmbeds;
  const states = sampler.sample({ seed: 0, count: batchSize, sampler: 'ddpm', ...(classes && { classLabels: Array.from({ length: batchSize }, (_, i) => i % classes) }) });
  return { step: () => states.next(), dispose: async () => (await sampler.dispose(), executor.dispose()) };
}

/** Runs that size the engine's buffers and do not count. */
const warmup = 2;

/** One kind of step, run with the profiler off and then on: milliseconds of each step that counts. */
export interface StepTimes {
  /** With the profiler off: the engine's run and everything of ours around it, as users see it. */
  readonly plain: readonly number[];
  /** The same with the profiler on … */
  readonly noted: readonly number[];
  /** … and the engine's runs in it. */
  readonly engine: readonly number[];
  readonly nodes: readonly (TracedNode & { readonly calls: number })[];
}

/** @param open  makes the steps on an executor with these options */
export async function timeSteps(open: (options: NodeExecutorOptions) => Promise<Stepper>, steps: number): Promise<StepTimes> {
  const timed = async (options: NodeExecutorOptions): Promise<number[]> => {
    const stepper = await open(options);
    const times: number[] = [];
    for (let i = 0; i < warmup + steps; i++) {
      const start = performance.now();
      await stepper.step();
      times.push(performance.now() - start);
    }
    await stepper.dispose();
    return times.slice(warmup);
  };
  const plain = await timed({});
  let noted: readonly number[] = [];
  const traces = await traced(async (profileDir) => { noted = await timed({ profileDir }); }, { warmup, steps });
  return {
    plain, noted,
    engine: noted.map((_, step) => traces.reduce((total, { stepMs }) => total + stepMs[step]!, 0)),
    nodes: traces.flatMap(({ nodes, runsPerStep }) => nodes.map((node) => ({ ...node, calls: runsPerStep }))),
  };
}
