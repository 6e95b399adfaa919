import type { Executor, HostArrays } from '../src/core/index.ts';
import type { Dataset } from '../src/data/index.ts';
import { classConditions, type SamplerChoice } from '../src/diffusion/index.ts';
import { openSampler } from '../src/pipelines/index.ts';
import { openNodeService } from '../src/runtime/create-node-executor.ts';
import type { NodeExecutorOptions } from '../src/runtime/node.ts';
import type { DdpmConfig } from '../src/systems/index.ts';
import type { Trainer } from '../src/train/index.ts';
import { networkOf, openTrainer } from './network.ts';
import { traced, type TracedNode } from './trace.ts';

/** Something done over and over, with everything of ours that belongs to it. */
export interface Stepper {
  step(): Promise<unknown>;
  /** Milliseconds spent in ONNX Runtime's runs so far. */
  engineMs(): Promise<number>;
  /** Milliseconds spent in runs of programs so far, as the loop sees them: from the call to its result. */
  runMs(): number;
  dispose(): Promise<void>;
}

/** Optimizer steps, as `kuosan train` does them; on noise if there is no data set. */
export function trainingSteps(config: DdpmConfig, options: NodeExecutorOptions, dataset?: Dataset): Promise<Stepper> {
  return trainerSteps((executor) => openTrainer(executor, config, dataset), options);
}

/** Optimizer steps of any trainer. */
export async function trainerSteps(
  open: (executor: Executor) => Promise<Trainer>,
  options: NodeExecutorOptions,
): Promise<Stepper> {
  const { executor, ...clocks } = countedExecutor(options);
  const trainer = await open(executor);
  return {
    ...clocks,
    step: () => trainer.advance(),
    dispose: async () => (await trainer.dispose(), executor.dispose()),
  };
}

/** Steps of a sampler, as `kuosan sample` does them, with constant weights; default Algorithm 2's. */
export async function samplingSteps(
  config: DdpmConfig,
  weights: HostArrays,
  options: NodeExecutorOptions,
  choice: SamplerChoice = { sampler: 'ddpm' },
): Promise<Stepper> {
  const { executor, ...clocks } = countedExecutor(options);
  const { batchSize } = config.train;
  const sampler = await openSampler(executor, {
    network: networkOf(config),
    scheduler: config.scheduler,
    weights,
    batchSize,
  });
  const classes = config.model.numClassEmbeds;
  const states = sampler.sample({
    seed: 0,
    count: batchSize,
    ...choice,
    ...(classes && { conditions: classConditions(Array.from({ length: batchSize }, (_, i) => i % classes)) }),
  });
  return { ...clocks, step: () => states.next(), dispose: async () => (await sampler.dispose(), executor.dispose()) };
}

/** An executor as users have it, and the clocks of a `Stepper`. */
function countedExecutor(
  options: NodeExecutorOptions,
): Pick<Stepper, 'engineMs' | 'runMs'> & { readonly executor: Executor } {
  const { executor, service } = openNodeService(options);
  let runMs = 0;
  const compile: Executor['compile'] = async (program) => {
    const executable = await executor.compile(program);
    return {
      ...executable,
      run: async (store, inputs) => {
        const start = performance.now();
        try {
          return await executable.run(store, inputs);
        } finally {
          runMs += performance.now() - start;
        }
      },
    };
  };
  return { executor: { ...executor, compile }, engineMs: () => service.engineMs(), runMs: () => runMs };
}

/** Runs that size the engine's buffers and do not count. */
const warmup = 2;

/** Milliseconds of each step that counts. */
export interface StepTimes {
  /** From the call to its result, as users see it. */
  readonly whole: readonly number[];
  /** In ONNX Runtime's runs, by the clock of the thread that they are on. */
  readonly engine: readonly number[];
  /** In runs of programs, messages to that thread and back among it. */
  readonly run: readonly number[];
}

/** Times one kind of step on an executor as users have it: on a thread of its own, without the profiler. */
export async function timeSteps(open: () => Promise<Stepper>, steps: number): Promise<StepTimes> {
  const stepper = await open();
  const [whole, engine, run]: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i < warmup + steps; i++) {
    const [engineBefore, runBefore] = [await stepper.engineMs(), stepper.runMs()];
    const start = performance.now();
    await stepper.step();
    whole.push(performance.now() - start);
    run.push(stepper.runMs() - runBefore);
    engine.push((await stepper.engineMs()) - engineBefore);
  }
  await stepper.dispose();
  return { whole: whole.slice(warmup), engine: engine.slice(warmup), run: run.slice(warmup) };
}

/** One kind of step, run with the profiler off and then on: milliseconds of each step that counts. */
export interface StepProfile {
  /** With the profiler off: the engine's run and everything of ours around it, as users see it. */
  readonly plain: readonly number[];
  /** With the profiler on: the engine's runs. */
  readonly engine: readonly number[];
  readonly nodes: readonly (TracedNode & { readonly calls: number })[];
}

/** @param open  makes the steps on an executor with these options */
export async function profileSteps(
  open: (options: NodeExecutorOptions) => Promise<Stepper>,
  steps: number,
): Promise<StepProfile> {
  const { whole: plain } = await timeSteps(() => open({}), steps);
  const traces = await traced(async (profileDir) => void (await timeSteps(() => open({ profileDir }), steps)), {
    warmup,
    steps,
  });
  return {
    plain,
    engine: plain.map((_, step) => traces.reduce((total, { stepMs }) => total + stepMs[step]!, 0)),
    nodes: traces.flatMap(({ nodes, runsPerStep }) => nodes.map((node) => ({ ...node, calls: runsPerStep }))),
  };
}
