import { randomKey, storeSpec, type Executable, type Executor, type HostArray, type HostArrays, type Store, type Tensor } from '../core/index.ts';
import { initialValues, randomKeyInput, type Binding, type Module } from '../nn/index.ts';
import type { TrainConfig } from './config.ts';
import { emaDecay } from './ema.ts';
import { learningRateFactor } from './lr-schedule.ts';
import { adamCorrections, firstMoment, secondMoment } from './optimizer.ts';
import { entries, initialState, scalar, trainingPrograms } from './programs.ts';

/** What a trainer trains: a module, its loss and where its batches come from. */
export interface TrainingTask {
  readonly module: Module;
  /** A scalar, or [B] for each sample, of which the mean is trained. */
  readonly loss: (ctx: Binding) => Tensor;
  /** The inputs of one batch, a pure function of its number, so that a resumed run sees the same batches. */
  readonly inputs: (batch: number) => Record<string, HostArray>;
}

/** What one step did. */
export interface StepReport {
  /** Steps done, counted from 1. */
  readonly step: number;
  readonly loss: number;
  /** Global norm of the gradients before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  /** The loss of every sample beside its time t, where the task's loss is one for each sample and its inputs have a `timestep`. */
  readonly samples?: readonly SampleLoss[];
}

/** The loss of one sample at the time that was drawn for it. */
export interface SampleLoss {
  readonly t: number;
  readonly loss: number;
}

/** Everything a run needs to go on bit for bit, by store entry. */
export interface TrainerState {
  readonly step: number;
  /** Weights and moments. */
  readonly training: Map<string, HostArray>;
  /** The averaged weights under their checkpoint names. */
  readonly ema: Map<string, HostArray>;
}

/** The loss, a gradient or a weight is not a number any more: what is in the store is lost, the last checkpoint is not. */
export class DivergedError extends Error {
  readonly step: number;
  /** What is not finite: `the loss is NaN`. */
  readonly what: string;

  /** @param kept  what is left of the run, for the message's end */
  constructor(step: number, what: string, kept?: string) {
    const wayOut = 'start again in another folder with a lower learning rate (--train.learningRate), clipped gradients (--train.clipNorm 1) or a longer warm-up (--train.warmupSteps)';
    super(`training: ${what} at step ${step}; ${wayOut}${kept ? `; ${kept}` : ''}`);
    this.step = step;
    this.what = what;
  }
}

type Executables = { step?: Executable; accumulate?: Executable; apply?: Executable };

/** Trains one module step by step. The store is shared: the same entries serve the sampler of the averaged weights. */
export class Trainer {
  readonly store: Store;
  readonly #task: TrainingTask;
  readonly #config: TrainConfig;
  readonly #executables: Executables;
  readonly #names: readonly string[];
  #step: number;
  /** The next batch, made while the engine computes. */
  #prepared: { batch: number; inputs: Record<string, HostArray> } | undefined;

  private constructor(task: TrainingTask, config: TrainConfig, store: Store, executables: Executables, names: readonly string[], step: number) {
    this.#task = task;
    this.#config = config;
    this.store = store;
    this.#executables = executables;
    this.#names = names;
    this.#step = step;
  }

  /** @param from  a saved state to go on from; without it weights are drawn from the seed */
  static async open(executor: Executor, task: TrainingTask, config: TrainConfig, from?: TrainerState): Promise<Trainer> {
    const { betas, eps, gradientAccumulation: accumulation, clipNorm } = config;
    const weightDecay = config.optimizer === 'adamw' ? config.weightDecay : 0;
    const programs = trainingPrograms({ module: task.module, loss: task.loss, optimizer: { betas, eps, weightDecay }, clipNorm, accumulation });
    const weights = initialValues(task.module, config.seed);
    const content = initialState(weights, accumulation);
    for (const [name, value] of from?.training ?? []) content.set(name, value);
    for (const [name, value] of from?.ema ?? []) content.set(`${entries.ema}${name}`, value);
    const used = Object.values(programs).filter((p) => p !== undefined);
    const store = await executor.createStore(storeSpec(used), content);
    const executables: Executables = {};
    for (const [kind, p] of Object.entries(programs)) executables[kind as keyof typeof programs] = await executor.compile(p);
    return new Trainer(task, config, store, executables, [...weights.keys()], from?.step ?? 0);
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /**
   * Does one update of the weights.
   *
   * @throws DivergedError if the loss or the gradients are not finite
   */
  async advance(): Promise<StepReport> {
    const { gradientAccumulation: accumulation, learningRate: base, lrSchedule, steps, warmupSteps, betas, ema } = this.#config;
    const update = this.#step + 1;
    // Updates count from 1 and the schedule ends one past the last: neither the first nor the last has rate 0.
    const learningRate = base * learningRateFactor(lrSchedule, update, { totalSteps: steps + 1, warmupSteps });
    const { correction1, correction2 } = adamCorrections(update, betas);
    const scalars = { learningRate: scalar(learningRate), correction1: scalar(correction1), correction2: scalar(correction2), oneMinusEmaDecay: scalar(1 - emaDecay(update, ema)) };

    let loss = 0;
    let gradNorm: HostArray;
    const samples: SampleLoss[] = [];
    if (this.#executables.step) {
      const outputs = await this.#run(this.#executables.step, this.#step, scalars, samples);
      loss = outputs['loss']!.data[0] as number;
      gradNorm = outputs['gradNorm']!;
    } else {
      for (let micro = 0; micro < accumulation; micro++) {
        const outputs = await this.#run(this.#executables.accumulate!, this.#step * accumulation + micro, { keep: scalar(micro === 0 ? 0 : 1) }, samples);
        loss += (outputs['loss']!.data[0] as number) / accumulation;
      }
      gradNorm = (await this.#executables.apply!.run(this.store, scalars))['gradNorm']!;
    }
    this.#step = update;
    const norm = gradNorm.data[0] as number;
    if (!Number.isFinite(loss)) throw new DivergedError(update, `the loss is ${loss}`);
    if (!Number.isFinite(norm)) throw new DivergedError(update, `the norm of the gradients is ${norm}`);
    return { step: update, loss, gradNorm: norm, learningRate, ...(samples.length > 0 && { samples }) };
  }

  async #run(executable: Executable, batch: number, extra: Record<string, HostArray>, samples: SampleLoss[]): Promise<Record<string, HostArray>> {
    const inputs = this.#prepared?.batch === batch ? this.#prepared.inputs : this.#task.inputs(batch);
    // Programs without dropout do not ask for the key; inputs that are not asked for are ignored.
    const running = executable.run(this.store, { ...inputs, ...extra, [randomKeyInput]: randomKey(this.#config.seed, batch) });
    // A rejection must find its handler even if preparing the next batch throws first.
    running.catch(() => {});
    this.#prepared = { batch: batch + 1, inputs: this.#task.inputs(batch + 1) };
    const outputs = await running;
    const [sampleLoss, timestep] = [outputs['sampleLoss']?.data, inputs['timestep']?.data];
    if (sampleLoss && timestep) for (const [b, loss] of sampleLoss.entries()) samples.push({ t: Number(timestep[b]), loss: Number(loss) });
    return outputs;
  }

  /**
   * Copies out what a checkpoint holds.
   *
   * @throws DivergedError if a value is not finite: the last update can break the weights after a loss that was
   */
  async state(): Promise<TrainerState> {
    const trainingNames = this.#names.flatMap((name) => [`${entries.parameter}${name}`, firstMoment(name), secondMoment(name)]);
    const training = await this.store.read(trainingNames);
    const averaged = await this.store.read(this.#names.map((name) => `${entries.ema}${name}`));
    for (const [name, { data }] of [...training, ...averaged]) {
      if (!(data as Float32Array).every(Number.isFinite)) throw new DivergedError(this.#step, `${name} is not finite`);
    }
    return { step: this.#step, training, ema: withoutPrefix(averaged, entries.ema) };
  }

  async dispose(): Promise<void> {
    for (const executable of Object.values(this.#executables)) await executable.dispose();
    await this.store.dispose();
  }
}

function withoutPrefix(values: HostArrays, prefix: string): Map<string, HostArray> {
  return new Map([...values].map(([name, value]) => [name.slice(prefix.length), value]));
}
