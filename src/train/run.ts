/** What all training runs share: steps, looks at the model on the way, logs, checkpoints, and going on after a stop. */
import { dirname } from 'node:path';
import type { Environment, Executor, FloatArray, HostArrays, Store } from '../core/index.ts';
import {
  openRun,
  readTrainingState,
  saveCheckpoint,
  writeTrainingState,
  type Change,
  type Checkpoint,
  type ModelKind,
} from '../checkpoint/index.ts';
import type { NetworkTimes } from '../diffusion/index.ts';
import { quoteJson, quoteWord } from '../formats/quote.ts';
import { WriteError, type Dataset, type Bitmap } from '../data/index.ts';
import { bind, countParameters } from '../nn/index.ts';
import { optimizerOptions, type TrainConfig } from './steps/train-config.ts';
import { BestSoFar, type Judgement } from './best.ts';
import { RunLog } from './log/log.ts';
import { lossContext } from './steps/loss-context.ts';
import { learningRateAt, warmupNote } from './steps/lr-schedule.ts';
import { memoryNeed, type MemoryNeed } from './steps/memory.ts';
import type { MetricsLine } from './log/metrics.ts';
import { lossByNoise, type LossByNoise } from './log/noise-levels.ts';
import { trainedParameters } from './steps/programs.ts';
import { startingState } from './start.ts';
import { DivergedError, Trainer, type TrainerState, type TrainingTask } from './steps/trainer.ts';

/** What is said and recorded of a run's data: images, or whatever else is trained on. */
export type RunData = Pick<Dataset, 'name' | 'fingerprint' | 'count'> &
  Partial<Pick<Dataset, 'width' | 'height' | 'skipped' | 'notes'>>;

/** A training run before it begins: everything that can be wrong with it has been found, nothing has been written. */
export interface RunPlan {
  /** What decides the result, as `run.json` records it; JSON values. */
  readonly config: object;
  readonly train: TrainConfig;
  /** What `train.init` names one of. */
  readonly kind: ModelKind;
  readonly dataset: RunData;
  readonly task: TrainingTask;
  /** Makes what batches ask, on the executor that trains: a frozen encoder. */
  readonly prepare?: (executor: Executor, options: PrepareOptions) => Promise<Prepared>;
  /** What to know before it begins, one sentence each. */
  readonly notes?: readonly string[];
  /** Whether the table of docs/train-your-own.md says what comes out after how many images seen. */
  readonly isInTable?: boolean;
  /** The range of times that the network is conditioned on, in a run that has noise: the log then has the loss by noise level. */
  readonly times?: NetworkTimes;
  /** The irreducible loss by noise level, where it can be computed; plotted with the run's own. */
  readonly irreducibleLoss?: () => Promise<LossByNoise>;
  /**
   * Writes the model, with its averaged weights, into a checkpoint's new folder.
   *
   * @returns names of the weights that it wrote; the averages of the others are saved with the training state
   */
  readonly writeModel: (dir: string, weights: HostArrays) => Promise<Iterable<string>>;
  /** Reads the weights that `writeModel` wrote. */
  readonly readWeights: (dir: string) => Promise<HostArrays>;
  /**
   * A configuration that an earlier version recorded, with what it did not know yet at the defaults, which change nothing.
   *
   * @throws if it has what there is no more
   */
  readonly complete?: (recorded: Readonly<Record<string, unknown>>) => object;
  /** Paths of the settings that may be others when the run goes on: how long and how often, nothing that changes a step. */
  readonly mayChange?: readonly string[];
  /** What can be done with the result, and the command that does, from the run's folder as a shell takes it: `sample from it`, `kuosan sample runs/a`. */
  readonly use: { readonly what: string; readonly command: (out: string) => string };
  /** What progress says of the loss and of what it measures, both averaged over the last steps; default `loss 0.0421`. */
  readonly describe?: (loss: number, measures: Readonly<Record<string, number>>) => string;
  /** Opens what looks at the model on the way; the store has its averaged weights under `ema/`. */
  readonly watch?: (executor: Executor, store: Store) => Promise<RunWatch>;
}

/** What looks at a model while it is trained. */
export interface RunWatch {
  /** Images of the model so far, and how often to make them. */
  readonly draw?: {
    readonly every: number;
    readonly images: (onStep?: OnSampling) => Promise<{ readonly images: FloatArray; readonly grid: Bitmap }>;
    /** Images of a grid times the evaluations of the network for each, for estimates of time. */
    readonly evaluations: number;
  };
  /** Numbers about the model so far by name, every `train.evaluateEvery` steps. */
  readonly evaluate?: () => Promise<Readonly<Record<string, number>>>;
  /** Which of these numbers makes a checkpoint the best. */
  readonly best?: Judgement;
  dispose(): Promise<void>;
}

/** What batches ask. */
export interface Prepared {
  /** What to know before it begins, one sentence each; asked of a new run. */
  notes(): readonly string[];
  dispose(): Promise<void>;
}

/** How a plan is prepared. */
export interface PrepareOptions {
  /** When it aborts, preparing ends with its reason; what was computed is kept where there is a cache. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnPreparing | undefined;
}

/** Called while something is computed before the first step: what, how much of it, and how much there is. */
export type OnPreparing = (what: string, done: number, total: number) => void;

/** Called while the images of a grid are made. */
export type OnSampling = (stepsDone: number, stepsTotal: number) => void;

/** Where a run is, and how it is begun. */
export interface RunOptions {
  /** The run's folder. */
  readonly out: string;
  readonly executor: Executor;
  /** Go on from the newest checkpoint in `out`. */
  readonly resume?: boolean;
  readonly skipBad?: boolean;
  /** When it aborts, the run saves a checkpoint after the step under way and ends. */
  readonly signal?: AbortSignal;
  /** Called while the images of a grid are made, which is no step of the run. */
  readonly onSampling?: OnSampling;
  readonly onPreparing?: OnPreparing;
}

/** How a run is laid out. */
export interface PlanOptions extends Pick<RunOptions, 'skipBad' | 'signal'> {
  /** Called after every image of the data that is decoded, which may take minutes; never when it comes from the cache. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** The folder of the run that goes on: what it learned before its first step, as a vocabulary, is taken from its newest checkpoint. */
  readonly resumeFrom?: string;
}

/** Events of a run. */
export type RunEvent =
  | {
      readonly type: 'ready';
      readonly dataset: RunData;
      readonly parameters: number;
      readonly step: number;
      readonly device: string;
      readonly memory: MemoryNeed | undefined;
      readonly notes: readonly string[];
      /** The grids on the way: steps between two, and images of one times evaluations of the network for each. */
      readonly grids: { readonly every: number; readonly evaluations: number } | undefined;
    }
  | ({ readonly type: 'step' } & MetricsLine)
  | { readonly type: 'samples'; readonly step: number; readonly images: FloatArray; readonly path: string }
  /** `best` is what makes it the best of the run so far, if it is. */
  | { readonly type: 'checkpoint'; readonly step: number; readonly path: string; readonly best?: string }
  /** `noise` has the loss by level of noise in the last quarter of the run that was reached; the figure shows all. */
  | {
      readonly type: 'end';
      readonly step: number;
      readonly reason: 'finished' | 'interrupted';
      readonly noise?: { readonly losses: LossByNoise; readonly figure: string };
    };

/**
 * Trains what is planned, and reports what happens.
 *
 * @throws if it cannot be built, the folder holds another run, another process trains it, or training diverges
 */
export async function* trainingRun(
  plan: RunPlan,
  { out, executor, resume = false, signal, onSampling, onPreparing }: RunOptions,
): AsyncGenerator<RunEvent, void, undefined> {
  const { train, dataset, task } = plan;
  checkTask(task, train);
  let from: SavedState | undefined;
  let start: TrainerState | undefined;
  const { latest, changes, release } = await openRun(out, {
    config: { ...plan.config },
    data: { fingerprint: dataset.fingerprint },
    resume,
    mayChange: plan.mayChange ?? [],
    ...(plan.complete && { complete: plan.complete }),
    // A run that cannot go on stays as it is: what is saved is read before the folder is written to.
    async begin(latest) {
      if (latest) from = await readState(latest.path, plan.readWeights);
      else start = await startingState(plan);
      if (from && from.step >= train.steps)
        throw new Error(
          `${out}: is finished at step ${from.step}; ${plan.use.what} with ${plan.use.command(quoteWord(out))}, or give more --steps to train on`,
        );
    },
  });
  try {
    yield* trained(plan, {
      out,
      executor,
      latest,
      changes,
      from,
      start,
      ...(signal && { signal }),
      ...(onSampling && { onSampling }),
      ...(onPreparing && { onPreparing }),
    });
  } finally {
    await release();
  }
}

/** An open run, and the state to go on from or, at its start, to begin with; weights are drawn from the seed where there is neither. */
interface OpenedRun extends Pick<RunOptions, 'out' | 'executor' | 'signal' | 'onSampling' | 'onPreparing'> {
  readonly latest: Checkpoint | null;
  readonly changes: readonly Change[];
  readonly from: SavedState | undefined;
  readonly start: TrainerState | undefined;
}

async function* trained(
  plan: RunPlan,
  { out, executor, latest, changes, from, start, signal, onSampling, onPreparing }: OpenedRun,
): AsyncGenerator<RunEvent, void, undefined> {
  const { train, dataset, task, times } = plan;
  const environment = await executor.environment();
  const log = await RunLog.open(
    out,
    { step: from?.step ?? 0, steps: train.steps, ...(times && { times }) },
    plan.irreducibleLoss,
  ).catch((error: unknown) => {
    throw explain(error, out, latest);
  });

  const prepared = await plan.prepare?.(executor, { signal, onProgress: onPreparing });
  const notes = [
    // Whoever resumes has read it.
    ...(from ? [] : (dataset.notes ?? [])),
    ...(from ? [] : [warmupNote(plan.train) ?? []].flat()),
    ...(plan.notes ?? []),
    ...(from ? [] : (prepared?.notes() ?? [])),
    ...changeNotes(changes, train, from?.step ?? 0),
    ...(from ? differences(from.environment, environment) : []),
  ];
  const trainer = await Trainer.open(executor, task, train, from ?? start);
  const watch = await plan.watch?.(executor, trainer.store);
  const bestSoFar = watch?.best && (await BestSoFar.open(out, watch.best));
  let saved: Checkpoint | null = latest;
  const save = async (best?: string): Promise<RunEvent> => {
    await log.flush();
    const { step } = trainer;
    saved = await saveCheckpoint(
      out,
      step,
      async (dir) => {
        const written = await plan.writeModel(dir, await trainer.averages());
        const tensors = trainer.training(written);
        await writeTrainingState(dir, { step, tensors, meta: { seed: train.seed, environment } });
      },
      { keep: train.keepCheckpoints, best },
    );
    await log.noise?.draw();
    return { type: 'checkpoint', ...saved, ...(best !== undefined && { best }) };
  };

  try {
    yield {
      type: 'ready',
      dataset,
      parameters: countParameters(task.module),
      step: trainer.step,
      device: executor.device,
      memory: memoryNeed(trainer.peaks),
      notes,
      grids: watch?.draw,
    };
    while (trainer.step < train.steps && !signal?.aborted) {
      const start = performance.now();
      const { samples = [], ...report } = await trainer.advance();
      const imagesPerSecond = (train.batchSize * train.gradientAccumulation * 1000) / (performance.now() - start);
      const last = trainer.step === train.steps;
      const isDue = (every: number | null) => every !== null && (last || trainer.step % every === 0);
      const evaluation = watch?.evaluate && isDue(train.evaluateEvery) ? await watch.evaluate() : undefined;
      const line = {
        ...report,
        ...(times && { lossByNoise: lossByNoise(samples, times) }),
        imagesPerSecond: Math.round(imagesPerSecond * 10) / 10,
        ...(evaluation && { evaluation }),
      };
      await log.add(line);
      yield { type: 'step', ...line };
      if (watch?.draw && isDue(watch.draw.every)) {
        const { images, grid } = await watch.draw.images(onSampling);
        const path = await log.addSamples(trainer.step, grid);
        await log.flush();
        yield { type: 'samples', step: trainer.step, images, path };
      }
      const best = evaluation && bestSoFar?.take(evaluation);
      if (isDue(train.checkpointEvery) || best !== undefined) yield await save(best);
    }
    if ((saved?.step ?? 0) !== trainer.step) yield await save();
    await log.finish();
    yield {
      type: 'end',
      step: trainer.step,
      reason: trainer.step === train.steps ? 'finished' : 'interrupted',
      ...(log.noise && { noise: { losses: log.noise.losses, figure: log.noise.path } }),
    };
  } catch (error) {
    throw explain(error, out, saved);
  } finally {
    // What ended the run early is the error to hear of.
    await log.finish().catch(() => {});
    await watch?.dispose();
    await trainer.dispose();
    await prepared?.dispose();
  }
}

/** Whatever cannot be built must be said before the folder is taken: a graph is checked as it is made. */
function checkTask({ module, others = {}, ...first }: TrainingTask, train: TrainConfig): void {
  const optimizer = optimizerOptions(train, module);
  for (const objective of [first, ...Object.values(others)]) {
    trainedParameters({ module, optimizer, ...(objective.trainable && { trainable: objective.trainable }) });
    objective.loss(lossContext(bind(module, { training: true }), train.gradientAccumulation));
  }
}

/** What ended a run, with what is left of it. */
function explain(error: unknown, out: string, saved: Checkpoint | null): unknown {
  const whole = saved ? `${saved.path} is whole` : 'there is no checkpoint yet';
  if (error instanceof DivergedError) return new DivergedError(error.step, error.what, whole);
  if (error instanceof WriteError)
    return new Error(
      `${out}: ${JSON.stringify(error.path)} cannot be written, ${error.reason}; ${whole}${saved ? ', and --resume continues from it' : ''}`,
      { cause: error },
    );
  return error;
}

/** What a checkpoint holds of a run, and what it was computed with. */
interface SavedState extends TrainerState {
  readonly environment: unknown;
}

async function readState(checkpoint: string, readWeights: RunPlan['readWeights']): Promise<SavedState> {
  const { step, tensors, meta } = await readTrainingState(checkpoint);
  const weights = await readWeights(checkpoint).catch((error: Error) => {
    throw new Error(
      `${error.message}; or move ${checkpoint} out of ${dirname(checkpoint)} and --resume continues from the checkpoint before it`,
      { cause: error },
    );
  });
  return { step, training: tensors, ema: weights, environment: meta['environment'] };
}

/** A jump of the learning rate that is worth a word, as a part of its base value. */
const noticeable = 0.01;

/** What a resume changes, a sentence each. */
function changeNotes(changes: readonly Change[], train: TrainConfig, step: number): string[] {
  const notes = changes.map(
    ({ name, before, now }) =>
      `${name} is ${quoteJson(now, 'not set')} from here on, before ${quoteJson(before, 'not set')}`,
  );
  const before = changes.find(({ name }) => name === 'train.steps')?.before;
  if (typeof before !== 'number' || step === 0) return notes;
  const recorded = { ...train, steps: before };
  const next = learningRateAt(train, step + 1);
  if (Math.abs(next - learningRateAt(recorded, step + 1)) < noticeable * train.learningRate) return notes;
  return [
    ...notes,
    `the ${train.lrSchedule} schedule ends at step ${train.steps} now: the learning rate goes from ${learningRateAt(recorded, step).toExponential(1)} to ${next.toExponential(1)}, and what comes is neither the run of ${before} steps nor that of ${train.steps}`,
  ];
}

/** What a resumed run computes with that the saved one did not: results then go on the same but for rounding. */
function differences(recorded: unknown, now: Environment): string[] {
  const before = typeof recorded === 'object' && recorded !== null ? (recorded as Environment) : {};
  // Another provider has other facts, and none of them says more than its name.
  const compared =
    before['provider'] === now['provider'] ? Object.entries(now) : [['provider', now['provider'] ?? null] as const];
  return compared
    .filter(([key, value]) => before[key] !== value)
    .map(
      ([key, value]) =>
        `this run was saved with ${key} ${before[key] ?? 'unknown'}, now ${value ?? 'none'}: the result is the same up to rounding`,
    );
}
