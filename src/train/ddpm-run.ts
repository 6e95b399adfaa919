/** A whole training run of DDPM: data, network, steps, sample grids, logs and checkpoints. */
import { dirname } from 'node:path';
import type { Environment, Executor, FloatArray } from '../core/index.ts';
import { latestCheckpoint, openRun, readModelFolder, readTrainingState, saveCheckpoint, writeModelFolder, writeTrainingState, type Checkpoint } from '../checkpoint/index.ts';
import { heightAndWidth, layGrid, openDataset, toPixels, WriteError, type Dataset } from '../data/index.ts';
import { schedule } from '../diffusion/index.ts';
import { UNet2DModel } from '../models/index.ts';
import { bind, countParameters } from '../nn/index.ts';
import { ddpmLoss, drawPictures, openSampler, trainingInputs, type PictureShape } from '../pipelines/index.ts';
import { optimizerOptions, type DdpmConfig } from './config.ts';
import { trainedParameters } from './programs.ts';
import { RunLog } from './log.ts';
import type { MemoryNeed } from './memory.ts';
import type { MetricsLine } from './metrics.ts';
import { lossByNoise, type LossByNoise } from './noise-levels.ts';
import { DivergedError, Trainer, type TrainerState } from './trainer.ts';

/** What `trainDdpm` is given. */
export interface DdpmRunOptions {
  readonly config: DdpmConfig;
  /** The run's folder. */
  readonly out: string;
  readonly executor: Executor;
  /** Go on from the newest checkpoint in `out`. */
  readonly resume?: boolean;
  readonly skipBad?: boolean;
  /** When it aborts, the run saves a checkpoint after the step under way and ends. */
  readonly signal?: AbortSignal;
}

/** What a run tells while it goes on. */
export type RunEvent =
  | { readonly type: 'ready'; readonly dataset: Dataset; readonly parameters: number; readonly step: number; readonly device: string; readonly memory: MemoryNeed | undefined; readonly notes: readonly string[] }
  | ({ readonly type: 'step' } & MetricsLine)
  | { readonly type: 'samples'; readonly step: number; readonly pictures: FloatArray; readonly path: string }
  | { readonly type: 'checkpoint'; readonly step: number; readonly path: string }
  /** The loss by level of noise is that of the last quarter of the run that was reached; the figure shows all. */
  | { readonly type: 'end'; readonly step: number; readonly reason: 'finished' | 'interrupted'; readonly lossByNoise: LossByNoise; readonly figure: string };

/** What a resumed run may say differently: how long and how often, nothing that changes a step. */
export const resumable = ['train.steps', 'train.checkpointEvery', 'train.keepCheckpoints', 'train.sampleEvery', 'train.sampleCount', 'train.sampleSteps'] as const;

/** Pictures of one training grid come from this seed, so that grids of a run can be compared. */
const gridSeed = 0;

/**
 * Trains and reports what happens.
 *
 * @throws if the configuration contradicts the data, the folder holds another run, or training diverges
 */
export async function* trainDdpm({ config, out, executor, resume = false, skipBad = false, signal }: DdpmRunOptions): AsyncGenerator<RunEvent, void, undefined> {
  const { train } = config;
  const unet = new UNet2DModel(withSampleSize(config));
  const channels = unet.config.inChannels;
  if (channels !== 1 && channels !== 3) throw new Error(`config.model.inChannels: pictures have 1 or 3 channels, got ${channels}`);
  checkOutputs(unet, config);
  const { source, size, crop, flip } = config.data;
  const picture: PictureShape = [channels, ...heightAndWidth(size)];
  const dataset = await openDataset(source, { size, crop, channels, skipBad, ...(signal && { signal }) });
  const nullClass = checkClasses(unet, dataset, config.objective.classDropout);
  // Whatever cannot be built must be said before the folder is taken: a graph is checked as it is made.
  const noiseSchedule = schedule(config.scheduler);
  const target = { ...config.scheduler, objective: config.objective };
  const classes = unet.classInput === null || !dataset.classNames ? null : { names: dataset.classNames, nullClass: nullClass ?? null };
  ddpmLoss(unet, bind(unet), 1, picture, target);
  trainedParameters({ module: unet, optimizer: optimizerOptions(train, unet) });

  // A run that cannot go on stays as it is: what is saved is read before the folder is opened for writing.
  const latest = resume ? await latestCheckpoint(out) : null;
  const from = latest ? await readState(latest.path) : undefined;
  if (from && from.step >= train.steps) throw new Error(`${out}: is finished at step ${from.step}; draw from it with kuosan sample ${out}, or give more --steps to train on`);
  await openRun(out, { config: { ...config }, data: { fingerprint: dataset.fingerprint }, resume, mayChange: resumable });
  const environment = await executor.environment();
  const notes = from ? differences(from.environment, environment) : [];
  const log = await RunLog.open(out, { step: from?.step ?? 0, steps: train.steps, T: noiseSchedule.T }).catch((error: unknown) => { throw explain(error, out, latest); });

  const trainer = await Trainer.open(executor, {
    module: unet,
    loss: (ctx) => ddpmLoss(unet, ctx, train.batchSize, picture, target),
    inputs: (batch) => trainingInputs(dataset, noiseSchedule, { seed: train.seed, batch, batchSize: train.batchSize, flip, target, ...(nullClass !== undefined && { nullClass }) }),
  }, train, from);
  const sampler = train.sampleEvery === null ? undefined
    : await openSampler(executor, { unet, scheduler: config.scheduler, picture, weights: { store: trainer.store, prefix: 'ema/' } });
  let saved: Checkpoint | null = latest;
  const save = async (): Promise<RunEvent> => {
    await log.flush();
    const { step, training, ema } = await trainer.state();
    saved = await saveCheckpoint(out, step, async (dir) => {
      await writeModelFolder(dir, { unet, weights: ema, scheduler: config.scheduler, classes });
      await writeTrainingState(dir, { step, tensors: training, meta: { seed: train.seed, environment } });
    }, { keep: train.keepCheckpoints });
    await log.drawLossByNoise();
    return { type: 'checkpoint', ...saved };
  };

  try {
    yield { type: 'ready', dataset, parameters: countParameters(unet), step: trainer.step, device: executor.device, memory: trainer.memory(), notes };
    while (trainer.step < train.steps && !signal?.aborted) {
      const start = performance.now();
      const { samples = [], ...report } = await trainer.advance();
      const imagesPerSecond = (train.batchSize * train.gradientAccumulation * 1000) / (performance.now() - start);
      const line = { ...report, lossByNoise: lossByNoise(samples, noiseSchedule.T), imagesPerSecond: Math.round(imagesPerSecond * 10) / 10 };
      await log.add(line);
      yield { type: 'step', ...line };
      const last = trainer.step === train.steps;
      if (sampler && (last || trainer.step % train.sampleEvery! === 0)) {
        const shown = unet.classInput === null ? null : dataset.classNames?.length ?? unet.config.numClassEmbeds;
        const pictures = await drawPictures(sampler, {
          seed: gridSeed, count: train.sampleCount, sampler: 'ddpm', steps: Math.min(train.sampleSteps, noiseSchedule.T),
          ...(shown !== null && { classLabels: Array.from({ length: train.sampleCount }, (_, i) => i % shown) }),
        });
        const path = await log.addSamples(trainer.step, layGrid(toPixels(pictures), classColumns(shown, train.sampleCount)));
        await log.flush();
        yield { type: 'samples', step: trainer.step, pictures, path };
      }
      if (last || trainer.step % train.checkpointEvery === 0) {
        yield await save();
      }
    }
    if ((saved?.step ?? 0) !== trainer.step) yield await save();
    await log.finish();
    yield { type: 'end', step: trainer.step, reason: trainer.step === train.steps ? 'finished' : 'interrupted', lossByNoise: log.lossByNoise, figure: log.lossByNoisePath };
  } catch (error) {
    throw explain(error, out, saved);
  } finally {
    // What ended the run early is the error to hear of.
    await log.finish().catch(() => {});
    await sampler?.dispose();
    await trainer.dispose();
  }
}

/** A column for each class, as long as they are few and each has a picture. */
function classColumns(classes: number | null, count: number): { readonly columns?: number } {
  return classes !== null && classes <= 20 && count >= classes ? { columns: classes } : {};
}

/** What ended a run, with what is left of it. */
function explain(error: unknown, out: string, saved: Checkpoint | null): unknown {
  const whole = saved ? `${saved.path} is whole` : 'there is no checkpoint yet';
  if (error instanceof DivergedError) return new DivergedError(error.step, error.what, whole);
  if (error instanceof WriteError) return new Error(`${out}: ${JSON.stringify(error.path)} cannot be written, ${error.reason}; ${whole}${saved ? ', and --resume continues from it' : ''}`, { cause: error });
  return error;
}

async function readState(checkpoint: string): Promise<TrainerState & { readonly environment: unknown }> {
  const { step, tensors, meta } = await readTrainingState(checkpoint);
  const { weights } = await readModelFolder(checkpoint).catch((error: Error) => {
    throw new Error(`${error.message}; or move ${checkpoint} out of ${dirname(checkpoint)} and --resume continues from the checkpoint before it`, { cause: error });
  });
  return { step, training: tensors, ema: weights, environment: meta['environment'] };
}

/** What a resumed run computes with that the saved one did not: results then go on the same but for rounding. */
function differences(recorded: unknown, now: Environment): string[] {
  const before = typeof recorded === 'object' && recorded !== null ? recorded as Environment : {};
  // Another provider has other facts, and none of them says more than its name.
  const compared = before['provider'] === now['provider'] ? Object.entries(now) : [['provider', now['provider'] ?? null] as const];
  return compared.filter(([key, value]) => before[key] !== value)
    .map(([key, value]) => `this run was saved with ${key} ${before[key] ?? 'unknown'}, now ${value ?? 'none'}: it goes on the same but for rounding`);
}

/** The network's channels have to be those of what it predicts, and again as many for a learned variance. */
/**
 * The network's configuration with the size of the pictures it is trained on, which its checkpoints have to say.
 *
 * @throws if it says another
 */
function withSampleSize({ model, data }: DdpmConfig): DdpmConfig['model'] {
  if (model.sampleSize === null) return { ...model, sampleSize: typeof data.size === 'number' ? data.size : [...data.size] };
  if (heightAndWidth(model.sampleSize).join() !== heightAndWidth(data.size).join()) {
    throw new Error(`config.model.sampleSize is ${JSON.stringify(model.sampleSize)}, config.data.size ${JSON.stringify(data.size)}; they must agree, or leave sampleSize out`);
  }
  return model;
}

function checkOutputs({ config: { inChannels, outChannels } }: UNet2DModel, { scheduler: { varianceType, predictionType } }: DdpmConfig): void {
  const learned = varianceType === 'learned_range';
  const expected = learned ? 2 * inChannels : inChannels;
  if (outChannels === expected) return;
  throw new Error(learned
    ? `config.model.outChannels: with scheduler.varianceType learned_range the network has ${expected} channels, half of them for the variance; got ${outChannels}`
    : `config.model.outChannels: ${predictionType} has the picture's ${expected} channels, got ${outChannels}`);
}

/** @returns the class that stands for "any" if some are hidden in training: the network's last */
function checkClasses(unet: UNet2DModel, dataset: Dataset, dropout: number): number | undefined {
  const classes = unet.config.numClassEmbeds;
  if (classes === null) {
    if (dropout > 0) throw new Error('config.objective.classDropout: the network takes no classes; set model.numClassEmbeds to one more than there are, or classDropout to 0');
    return undefined;
  }
  if (!dataset.labels) throw new Error(`config.model.numClassEmbeds is ${classes}, but ${dataset.name} has no classes; put each class in a folder of its own`);
  const found = dataset.classNames!.length;
  if (found > classes) throw new Error(`config.model.numClassEmbeds is ${classes}, but ${dataset.name} has ${found} classes`);
  if (dropout === 0) return undefined;
  if (classes !== found + 1) throw new Error(`config.objective.classDropout: ${dataset.name} has ${found} classes, and hiding them takes one more that stands for "any": model.numClassEmbeds ${found + 1}, got ${classes}`);
  return found;
}
