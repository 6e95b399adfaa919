import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { loadModel, type LoadedModel } from '../checkpoint/index.ts';
import { checkExtension, checkWritable, layGrid, toPixels, writeGif, writePng, type Pixels } from '../data/index.ts';
import { samplers } from '../diffusion/index.ts';
import { openSampler, type PictureShape, type SampleProgress } from '../pipelines/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { interruptSignal } from './interrupt.ts';
import { integerOption, numberOption, UsageError } from './options.ts';
import { createProgress, type Progress } from './progress.ts';

interface SampleCommandOptions {
  readonly count: number;
  readonly out: string;
  readonly images?: string;
  readonly gif?: string;
  readonly sampler: string;
  readonly steps?: number;
  readonly eta?: number;
  readonly seed: number;
  readonly class?: number;
  readonly batchSize: number;
  readonly threads: number;
}

/** Frames of the animation: enough to look fluid, few enough to load quickly. */
const gifFrames = 40;

export function register(program: Command): void {
  program
    .command('sample')
    .description('draw pictures from a trained model')
    .argument('<run | model dir | name>', 'a run\'s folder, one checkpoint, a model folder, or a model that comes with kuosan (noto-32)')
    .option('--count <n>', 'pictures', integerOption('--count', 1, 100_000), 64)
    .option('--out <grid.png>', 'the grid to write', 'grid.png')
    .option('--images <dir>', 'also write every picture on its own')
    .option('--gif <reverse.gif>', 'also write the reverse process as an animation of the grid')
    .option('--sampler <name>', 'ddpm (Algorithm 2) or ddim', 'ddim')
    .option('--steps <n>', 'steps of the reverse process; default 50 for ddim, all for ddpm', integerOption('--steps', 1))
    .option('--eta <x>', 'noise of ddim: 0 is deterministic, 1 has the variance of ddpm', numberOption('--eta', 0, 1))
    .option('--class <n>', 'the class to draw, for a model with classes; default: all in turn', integerOption('--class', 0))
    .option('--seed <n>', 'picture i of a seed is the same at any count', integerOption('--seed', 0), 0)
    .option('--batch-size <n>', 'pictures computed together', integerOption('--batch-size', 1, 1024), 16)
    .option('--threads <n>', 'threads of the engine', integerOption('--threads', 1, 1024), availableParallelism())
    .action(sample);
}

async function sample(source: string, options: SampleCommandOptions): Promise<void> {
  const { count, out, images, gif, sampler, eta, seed } = options;
  if (!Object.hasOwn(samplers, sampler)) throw new Error(`unknown sampler "${sampler}"; one of ${Object.keys(samplers).join(', ')}`);
  if (eta !== undefined && sampler !== 'ddim') throw new UsageError(`--eta belongs to ddim; ${sampler} has no η`);
  checkExtension(out, '.png');
  await checkWritable(out);
  if (gif) {
    checkExtension(gif, '.gif');
    await checkWritable(gif);
  }
  if (images) await mkdir(images, { recursive: true });

  const model = await loadModel(source);
  const interrupt = interruptSignal(() => process.stderr.write('\nstopping\n'));
  const executor = createNodeExecutor({ threads: options.threads });
  try {
    const picture = pictureShape(model);
    const opened = await openSampler(executor, { unet: model.unet, scheduler: model.scheduler, picture, weights: model.weights, batchSize: options.batchSize });
    const classLabels = classesFor(model, options);
    const start = performance.now();
    const finished: Pixels[] = [];
    const frames = new FrameCollector(gif ? gifFrames : 0);
    let progress: Progress | undefined;
    for await (const state of opened.sample({ seed, count, sampler, signal: interrupt.signal, ...(options.steps !== undefined && { steps: options.steps }), ...(eta !== undefined && { eta }), ...(classLabels && { classLabels }) })) {
      progress ??= createProgress('drawing', state.stepsTotal);
      progress.update(state.stepsDone, `picture ${state.indices[0]! + 1} of ${count}`);
      frames.add(state, Math.ceil(count / options.batchSize));
      if (state.t === -1) finished.push(...toPixels(state.xt));
    }
    progress?.stop();
    await writePng(out, layGrid(finished));
    if (images) for (const [i, pixels] of finished.entries()) await writePng(join(images, `${String(i).padStart(5, '0')}.png`), pixels);
    if (gif) await writeGif(gif, frames.grids());
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(`${out}: ${count} ${count === 1 ? 'picture' : 'pictures'} with ${sampler}, seed ${seed}, on ${executor.device} in ${seconds.toFixed(1)} s (${(seconds / count).toFixed(2)} s each)\n`);
  } finally {
    interrupt.release();
    await executor.dispose();
  }
}

/** The extents of a model's pictures, from its configuration. */
function pictureShape({ unet, path }: LoadedModel): PictureShape {
  const { inChannels, sampleSize } = unet.config;
  if (sampleSize === null) throw new Error(`${path}: its configuration has no sample_size, so the size of its pictures is unknown`);
  const [height, width] = typeof sampleSize === 'number' ? [sampleSize, sampleSize] : sampleSize;
  return [inChannels, height, width];
}

/** A class for each picture: the one asked for, or all in turn. */
function classesFor({ unet }: LoadedModel, { class: wanted, count }: SampleCommandOptions): number[] | undefined {
  const classes = unet.config.numClassEmbeds;
  if (classes === null) {
    if (wanted !== undefined) throw new UsageError('--class: this model has no classes');
    return undefined;
  }
  if (wanted !== undefined && wanted >= classes) throw new UsageError(`--class: this model has classes 0 to ${classes - 1}, got ${wanted}`);
  return Array.from({ length: count }, (_, i) => wanted ?? i % classes);
}

/** Keeps evenly spaced states of the reverse process, for all pictures together. */
class FrameCollector {
  readonly #count: number;
  readonly #frames = new Map<number, Pixels[]>();

  constructor(count: number) {
    this.#count = count;
  }

  add({ step, xt, stepsTotal }: SampleProgress, batches: number): void {
    const steps = stepsTotal / batches;
    const frame = Math.floor(((step + 1) * this.#count) / steps);
    const isFirstOfFrame = frame > Math.floor((step * this.#count) / steps);
    if (!isFirstOfFrame) return;
    const pictures = this.#frames.get(frame) ?? [];
    pictures.push(...toPixels(xt));
    this.#frames.set(frame, pictures);
  }

  grids(): Pixels[] {
    return [...this.#frames.entries()].sort(([a], [b]) => a - b).map(([, pictures]) => layGrid(pictures));
  }
}
