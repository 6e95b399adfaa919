import {
  randomKey,
  storeSpec,
  type Executable,
  type Executor,
  type HostArray,
  type HostArrays,
  type Program,
  type Store,
} from '../../core/index.ts';
import type { TensorSource } from '../../formats/index.ts';
import { initialValues, randomKeyInput, type Module } from '../../nn/index.ts';
import type { SampleLoss } from '../../pipelines/index.ts';
import { optimizerOptions, type TrainConfig } from './train-config.ts';
import { emaDecay } from './ema.ts';
import { learningRateAt } from './lr-schedule.ts';
import { measurePrefix, gradCacheInputs } from './loss-context.ts';
import { adamCorrections, firstMoment, secondMoment, type AdamOptions } from './optimizer.ts';
import {
  entries,
  initialState,
  scalarInput,
  trainedParameters,
  trainingPrograms,
  type TrainingObjective,
  type TrainingPrograms,
} from './programs.ts';

/** What a trainer trains: a module, its loss and where its batches come from. */
export interface TrainingTask extends TrainingObjective {
  readonly module: Module;
  /** The inputs of one batch, a pure function of its number and of what `history` holds, so that a resumed run sees the same batches. It may wait for files or for a frozen encoder: the next one is prepared while the engine computes. */
  readonly inputs: (batch: number) => Record<string, HostArray> | Promise<Record<string, HostArray>>;
  /** Where the loss is one for each sample: the losses at the times that were drawn for them. */
  readonly sampleLosses?: (
    inputs: Readonly<Record<string, HostArray>>,
    losses: ArrayLike<number>,
  ) => readonly SampleLoss[];
  /** What batches depend on of those before them; with it none is prepared before the one before it has been computed. */
  readonly history?: BatchHistory;
  /** Further losses over the same batches by name, whose updates follow in every step: a discriminator's after its generator's. */
  readonly others?: Readonly<Record<string, FurtherObjective>>;
}

/** What a task remembers of its batches from step to step, and a checkpoint with it. */
export interface BatchHistory {
  /** Takes in what came of a batch, in the order of the batches. */
  observe(samples: readonly SampleLoss[]): void;
  /** Copies of all that it holds, by name. */
  state(): ReadonlyMap<string, HostArray>;
  /** @throws if the state is another task's */
  restore(state: ReadonlyMap<string, HostArray>): void;
}

/** A further objective with an optimizer of its own. No two train the same parameter. */
export interface FurtherObjective extends TrainingObjective {
  /** What differs from the run's optimizer. */
  readonly optimizer?: Partial<Pick<AdamOptions, 'betas' | 'eps' | 'weightDecay'>>;
}

/** A program and the bytes that the executor says its values take. */
export interface ProgramPeak {
  readonly program: Program;
  readonly peakBytes: number;
}

/** What one objective's update did. */
export interface ObjectiveReport {
  readonly loss: number;
  /** Global norm of its gradients before clipping. */
  readonly gradNorm: number;
  /** The loss's further measurements, by name, before the update. */
  readonly measures?: Readonly<Record<string, number>>;
}

/** What one step did. */
export interface StepReport extends ObjectiveReport {
  /** Steps done, counted from 1. */
  readonly step: number;
  readonly learningRate: number;
  /** The same of the task's other objectives, by name. */
  readonly others?: Readonly<Record<string, ObjectiveReport>>;
  /** The loss of every sample and its time t, where the task has `sampleLosses`. */
  readonly samples?: readonly SampleLoss[];
}

/** Everything a run needs to go on bit for bit, by store entry. */
export interface TrainerState {
  readonly step: number;
  /** Weights, buffers and moments. */
  readonly training: Map<string, HostArray>;
  /** The averaged weights, and the buffers, under their checkpoint names. */
  readonly ema: HostArrays;
}

/** The loss, a gradient or a weight is not a number any more: what is in the store is lost, the last checkpoint is not. */
export class DivergedError extends Error {
  readonly step: number;
  /** What is not finite: `the loss is NaN`. */
  readonly what: string;

  /** @param kept  what is left of the run, for the message's end */
  constructor(step: number, what: string, kept?: string) {
    const hint =
      'start again in another folder with a lower learning rate (--train.learningRate), clipped gradients (--train.clipNorm 1) or a longer warm-up (--train.warmupSteps)';
    super(`training: ${what} at step ${step}; ${hint}${kept ? `; ${kept}` : ''}`);
    this.step = step;
    this.what = what;
  }
}

/** An objective, compiled. */
interface Turn {
  /** Undefined for the first. */
  readonly name: string | undefined;
  readonly betas: readonly [number, number];
  readonly programs: TrainingPrograms;
  readonly executables: { readonly [kind in keyof TrainingPrograms]?: Executable };
}

/** Trains one module step by step. The store is shared: the same entries serve the sampler of the averaged weights. */
export class Trainer {
  readonly store: Store;
  readonly #task: TrainingTask;
  readonly #config: TrainConfig;
  readonly #turns: readonly Turn[];
  /** What a checkpoint holds next to the averages: every other entry but gradients. */
  readonly #saved: readonly string[];
  readonly #averaged: readonly string[];
  #step: number;
  /** Batches made while the engine computes, by number, until all objectives have seen them. */
  readonly #batches = new Map<number, Promise<Record<string, HostArray>>>();

  private constructor(
    task: TrainingTask,
    config: TrainConfig,
    store: Store,
    turns: readonly Turn[],
    names: readonly string[],
    step: number,
  ) {
    this.#task = task;
    this.#config = config;
    this.store = store;
    this.#turns = turns;
    this.#saved = names
      .flatMap((name) => [`${entries.parameter}${name}`, firstMoment(name), secondMoment(name)])
      .filter((entry) => entry in store.spec);
    this.#averaged = names.map((name) => `${entries.ema}${name}`);
    this.#step = step;
  }

  /**
   * @param from  a saved state to go on from, or weights to begin with at step 0; without it weights are drawn from the seed
   * @throws if an objective moves nothing, two move the same parameter, a group of parameters is empty, or the saved state is another run's
   */
  static async open(
    executor: Executor,
    task: TrainingTask,
    config: TrainConfig,
    from?: TrainerState,
  ): Promise<Trainer> {
    const { gradientAccumulation: accumulation, clipNorm, recompute, seed } = config;
    const { module, others = {} } = task;
    const weights = initialValues(module, seed);
    const optimizer = optimizerOptions(config, module);
    const objectives: readonly [string | undefined, FurtherObjective][] = [
      [undefined, task],
      ...Object.entries(others),
    ];
    const movedBy = new Map<string, string>();
    const plans = objectives.map(([name, { optimizer: own, ...objective }]) => {
      const setup = {
        module,
        ...objective,
        optimizer: { ...optimizer, ...own },
        clipNorm,
        accumulation,
        recompute,
        ...(name !== undefined && { sites: `${name} ` }),
      };
      const by = name ?? 'loss';
      for (const parameter of trainedParameters(setup).keys()) {
        const earlier = movedBy.get(parameter);
        if (earlier !== undefined)
          throw new Error(
            `training: ${parameter} is moved by both ${earlier} and ${by}; select the one that trains it (trainable)`,
          );
        movedBy.set(parameter, by);
      }
      return { name, betas: setup.optimizer.betas, programs: trainingPrograms(setup) };
    });
    const content = initialState(weights, new Set(movedBy.keys()), accumulation);
    const restore = (entry: string, value: HostArray) => {
      if (!content.has(entry))
        throw new Error(
          `training: the saved state holds ${entry}, which this run does not have; resume it with the model and the groups that it was started with`,
        );
      content.set(entry, value);
    };
    const [remembered, training] = partitioned(
      from?.training ?? new Map<string, HostArray>(),
      (entry) => task.history !== undefined && entry.startsWith(entries.history),
    );
    // A run that begins with a trained model has weights and no past.
    if (from && from.step > 0) task.history?.restore(withoutPrefix(remembered, entries.history));
    for (const [entry, value] of training) restore(entry, value);
    for (const [name, value] of from?.ema ?? []) restore(`${entries.ema}${name}`, value);
    if (from && from.step > 0) {
      const lost = [...weights.keys()].find((name) => !from.ema.has(name) && !training.has(`${entries.ema}${name}`));
      if (lost !== undefined)
        throw new Error(
          `training: the saved state holds no average of ${lost}; resume it with the version that it was started with`,
        );
    }
    // Frozen parameters and buffers too, whether or not a program touches them.
    const spec = Object.fromEntries([...content].map(([entry, { shape, dtype }]) => [entry, { shape, dtype }]));
    const store = await executor.createStore(
      { ...spec, ...storeSpec(plans.flatMap(({ programs }) => Object.values(programs))) },
      content,
    );
    const turns: Turn[] = [];
    for (const { name, betas, programs } of plans) {
      const executables: Record<string, Executable> = {};
      for (const [kind, p] of Object.entries(programs)) executables[kind] = await executor.compile(p);
      turns.push({ name, betas, programs, executables });
    }
    return new Trainer(task, config, store, turns, [...weights.keys()], from?.step ?? 0);
  }

  /** What its programs hold while they compute, for `memoryNeed`; none where the executor does not know. */
  get peaks(): readonly ProgramPeak[] {
    return this.#turns.flatMap(({ programs, executables }) =>
      (Object.entries(programs) as [keyof TrainingPrograms, Program][]).flatMap(([kind, program]) => {
        const { peakBytes } = executables[kind]!;
        return peakBytes === undefined ? [] : [{ program, peakBytes }];
      }),
    );
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /**
   * Does one update of the weights, for each objective in turn.
   *
   * @throws DivergedError if a loss or its gradients are not finite
   */
  async advance(): Promise<StepReport> {
    const { ema } = this.#config;
    const update = this.#step + 1;
    const learningRate = learningRateAt(this.#config, update);
    const scalars = {
      learningRate: scalarInput(learningRate),
      oneMinusEmaDecay: scalarInput(1 - emaDecay(update, ema)),
    };
    const samples: SampleLoss[] = [];
    const reports: [string | undefined, ObjectiveReport][] = [];
    for (const turn of this.#turns) reports.push([turn.name, await this.#take(turn, update, scalars, samples)]);
    this.#step = update;
    for (const [name, { loss, gradNorm }] of reports) {
      const of = name === undefined ? '' : ` of ${name}`;
      if (!Number.isFinite(loss)) throw new DivergedError(update, `the loss${of} is ${loss}`);
      if (!Number.isFinite(gradNorm)) throw new DivergedError(update, `the norm of the gradients${of} is ${gradNorm}`);
    }
    const [[, first], ...others] = reports as [[undefined, ObjectiveReport], ...[string, ObjectiveReport][]];
    return {
      step: update,
      ...first,
      learningRate,
      ...(others.length > 0 && { others: Object.fromEntries(others) }),
      ...(samples.length > 0 && { samples }),
    };
  }

  /** One objective's update; the first also reports the loss of each sample. */
  async #take(
    turn: Turn,
    update: number,
    shared: Record<string, HostArray>,
    samples: SampleLoss[],
  ): Promise<ObjectiveReport> {
    const { gradientAccumulation: accumulation } = this.#config;
    const { correction1, correction2 } = adamCorrections(update, turn.betas);
    const scalars = { ...shared, correction1: scalarInput(correction1), correction2: scalarInput(correction2) };
    const { step, represent, accumulate, apply } = turn.executables;
    if (step) {
      const outputs = await this.#run(turn, step, update - 1, scalars, samples);
      return { loss: number(outputs, 'loss'), gradNorm: number(outputs, 'gradNorm'), ...measuresOf([outputs]) };
    }
    const batches = Array.from({ length: accumulation }, (_, i) => (update - 1) * accumulation + i);
    const contributions = [];
    if (represent)
      for (const batch of batches)
        contributions.push(await represent.run(this.store, { ...(await this.#batch(batch)), ...this.#key(batch) }));
    const { all, own } = gradCacheInputs(contributions);
    const parts = [];
    for (const [i, batch] of batches.entries())
      parts.push(
        await this.#run(turn, accumulate!, batch, { keep: scalarInput(i === 0 ? 0 : 1), ...all, ...own(i) }, samples),
      );
    const loss = parts.reduce((sum, outputs) => sum + number(outputs, 'loss') / accumulation, 0);
    return { loss, gradNorm: number(await apply!.run(this.store, scalars), 'gradNorm'), ...measuresOf(parts) };
  }

  /** Programs without dropout do not ask for it; inputs that are not asked for are ignored. */
  #key(batch: number): Record<string, HostArray> {
    return { [randomKeyInput]: randomKey(this.#config.seed, batch) };
  }

  async #run(
    turn: Turn,
    executable: Executable,
    batch: number,
    extra: Record<string, HostArray>,
    samples: SampleLoss[],
  ): Promise<Record<string, HostArray>> {
    const inputs = await this.#batch(batch);
    const running = executable.run(this.store, { ...inputs, ...extra, ...this.#key(batch) });
    // A rejection must find its handler even if preparing the next batch throws first.
    running.catch(() => {});
    if (!this.#task.history) void this.#batch(batch + 1);
    if (turn === this.#turns.at(-1)) this.#batches.delete(batch);
    const outputs = await running;
    const sampleLoss = outputs['sampleLoss']?.data as Float32Array | undefined;
    if (turn === this.#turns[0] && sampleLoss && this.#task.sampleLosses) {
      const found = this.#task.sampleLosses(inputs, sampleLoss);
      samples.push(...found);
      this.#task.history?.observe(found);
    }
    return outputs;
  }

  #batch(number: number): Promise<Record<string, HostArray>> {
    let inputs = this.#batches.get(number);
    if (!inputs) {
      // What fails is said where the batch is needed, not where it is prepared.
      inputs = (async () => this.#task.inputs(number))();
      inputs.catch(() => {});
      this.#batches.set(number, inputs);
    }
    return inputs;
  }

  /**
   * Copies out what a checkpoint holds.
   *
   * @throws DivergedError if a value is not finite: the last update can break the weights after a loss that was
   */
  async state(): Promise<TrainerState> {
    return {
      step: this.#step,
      training: new Map([...(await this.#read(this.#saved)), ...this.#history()]),
      ema: await this.averages(),
    };
  }

  /**
   * Copies out the averaged weights, and the buffers, under their checkpoint names.
   *
   * @throws as `state`
   */
  async averages(): Promise<Map<string, HostArray>> {
    return withoutPrefix(await this.#read(this.#averaged), entries.ema);
  }

  /**
   * The training state, an entry at a time: it is three times the weights. Reading throws as `state`.
   *
   * @param kept  names of the averages that are kept elsewhere, in the model's own folder: the state holds the others
   */
  training(kept: Iterable<string>): TensorSource {
    const history = this.#history();
    const elsewhere = new Set(Array.from(kept, (name) => `${entries.ema}${name}`));
    const saved = [...this.#saved, ...this.#averaged.filter((entry) => !elsewhere.has(entry))];
    return {
      types: new Map([...saved.map((entry) => [entry, this.store.spec[entry]!] as const), ...history]),
      read: async (entry) => history.get(entry) ?? (await this.#read([entry])).get(entry)!,
    };
  }

  /** What the task remembers, under the names of a checkpoint. */
  #history(): Map<string, HostArray> {
    return new Map(
      [...(this.#task.history?.state() ?? [])].map(([name, value]) => [`${entries.history}${name}`, value]),
    );
  }

  async #read(names: readonly string[]): Promise<Map<string, HostArray>> {
    const values = await this.store.read(names);
    for (const [name, { data }] of values) {
      if (!(data as Float32Array).every(Number.isFinite)) throw new DivergedError(this.#step, `${name} is not finite`);
    }
    return values;
  }

  async dispose(): Promise<void> {
    for (const { executables } of this.#turns)
      for (const executable of Object.values(executables)) await executable.dispose();
    await this.store.dispose();
  }
}

function number(outputs: Record<string, HostArray>, name: string): number {
  return outputs[name]!.data[0] as number;
}

/** Those that fit, and the others. */
function partitioned(
  values: HostArrays,
  fits: (entry: string) => boolean,
): readonly [fitting: Map<string, HostArray>, others: Map<string, HostArray>] {
  const of = (wanted: boolean) => new Map([...values].filter(([entry]) => fits(entry) === wanted));
  return [of(true), of(false)];
}

/** The means over the batches of a step. */
function measuresOf(parts: readonly Record<string, HostArray>[]): Pick<ObjectiveReport, 'measures'> {
  const names = Object.keys(parts[0]!).filter((name) => name.startsWith(measurePrefix));
  if (names.length === 0) return {};
  return {
    measures: Object.fromEntries(
      names.map((name) => [
        name.slice(measurePrefix.length),
        parts.reduce((sum, outputs) => sum + number(outputs, name), 0) / parts.length,
      ]),
    ),
  };
}

function withoutPrefix(values: HostArrays, prefix: string): Map<string, HostArray> {
  return new Map([...values].map(([name, value]) => [name.slice(prefix.length), value]));
}
