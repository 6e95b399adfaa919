import { join } from 'node:path';
import { unknownName } from '../core/suggest.ts';
import { loadModel, type LoadedModel } from '../checkpoint/index.ts';
import { checkExtension, checkWritable, gridDefaults, layGrid, toPixels, writeGif, writePng, type Pixels } from '../data/index.ts';
import { samplerNamed, samplers, type SamplerDefinition, type TimeSpacing } from '../diffusion/index.ts';
import { openSampler, pictureShape, type SampleOptions, type SampleProgress } from '../pipelines/index.ts';
import type { DeviceOptions } from './device-options.ts';
import { interruptSignal } from './interrupt.ts';
import { openExecutor } from './open-executor.ts';
import { UsageError } from './options.ts';
import { createProgress, type Progress } from './progress.ts';

/** The options of `kuosan sample`. */
export interface SampleCommandOptions extends DeviceOptions {
  readonly count: number;
  readonly out: string;
  readonly images?: string;
  readonly gif?: string;
  readonly sampler: string;
  readonly steps?: number;
  readonly spacing?: TimeSpacing;
  readonly eta?: number;
  readonly churn?: number;
  readonly seed: number;
  readonly class?: string;
  readonly guidanceScale?: number;
  readonly guidanceRescale?: number;
  readonly dynamicThreshold?: number;
  readonly variant?: string;
  readonly batchSize: number;
}

/**
 * A tenth of Algorithm 2's usual thousand steps: on small models pictures of 100 and of 250 steps look alike, and both
 * look better than DDIM's, whose noise-free steps mend no errors.
 */
const ddpmSteps = 100;

/** Frames of the animation: enough to look fluid, few enough to load quickly. */
const gifFrames = 40;

/** Pixels that an animation is wide at most, if its pictures allow it. */
const gifSide = 512;

export async function drawSamples(source: string, options: SampleCommandOptions): Promise<void> {
  const { count, out, images, gif, sampler, spacing, eta, churn, seed } = options;
  const definition = samplerNamed(sampler);
  for (const option of ['eta', 'churn'] as const) {
    if (options[option] === undefined || definition.takes?.includes(option)) continue;
    const owners = Object.entries<SamplerDefinition>(samplers).filter(([, { takes }]) => takes?.includes(option)).map(([name]) => name);
    throw new UsageError(`--${option}: ${sampler} has no such option; add --sampler ${owners.join(' or ')}`);
  }
  checkExtension(out, '.png');
  await checkWritable(out);
  if (gif) {
    checkExtension(gif, '.gif');
    await checkWritable(gif);
  }
  if (images) await checkWritable(picturePath(images, 0));

  const model = await loadModel(source, { variant: options.variant });
  for (const note of model.notes) process.stderr.write(`note: ${note}\n`);
  const executor = await openExecutor(options);
  const interrupt = interruptSignal(() => process.stderr.write('\nstopping\n'));
  try {
    const picture = pictureShape(model.unet, model.scheduler.varianceType);
    if (picture[0] !== 1 && picture[0] !== 3) throw new Error(`${source}: makes pictures of ${picture[0]} channels, and what is drawn has 1 or 3; its values are to be had from the library, with drawPictures`);
    const opened = await openSampler(executor, { unet: model.unet, scheduler: model.scheduler, picture, weights: model.weights, nullClass: model.classes?.nullClass ?? null, batchSize: options.batchSize });
    const classLabels = classesFor(model, options);
    const steps = options.steps ?? (sampler === 'ddpm' ? Math.min(ddpmSteps, model.scheduler.numTrainTimesteps) : undefined);
    const start = performance.now();
    const finished: Pixels[] = [];
    const frames = new FrameCollector(gif ? gifFrames : 0);
    let progress: Progress | undefined;
    const { guidanceScale, guidanceRescale, dynamicThreshold } = options;
    const asked: SampleOptions = {
      seed, count, sampler, steps, spacing, eta, churn, classLabels, guidanceScale, guidanceRescale, signal: interrupt.signal,
      dynamicThresholding: dynamicThreshold === undefined ? undefined : { ratio: dynamicThreshold },
    };
    for await (const state of opened.sample(asked)) {
      progress ??= createProgress('drawing', state.stepsTotal);
      progress.update(state.stepsDone, `picture ${state.indices[0]! + 1} of ${count}`);
      frames.add(state, Math.ceil(count / options.batchSize));
      if (state.t === -1) finished.push(...toPixels(state.xt));
    }
    progress?.stop();
    await writePng(out, layGrid(finished));
    if (images) for (const [i, pixels] of finished.entries()) await writePng(picturePath(images, i), pixels);
    if (gif) await writeGif(gif, frames.grids());
    const seconds = (performance.now() - start) / 1000;
    process.stdout.write(`${out}: ${count} ${count === 1 ? 'picture' : 'pictures'} with ${sampler}, seed ${seed}, on ${executor.device} in ${seconds.toFixed(1)} s (${(seconds / count).toFixed(2)} s each)\n`);
  } finally {
    interrupt.release();
    await executor.dispose();
  }
}

function picturePath(folder: string, index: number): string {
  return join(folder, `${String(index).padStart(5, '0')}.png`);
}

/** A class for each picture: the one asked for by number or name, or all in turn. */
function classesFor({ unet, classes }: LoadedModel, { class: wanted, count }: SampleCommandOptions): number[] | undefined {
  const all = unet.config.numClassEmbeds;
  if (all === null) {
    if (wanted !== undefined) throw new UsageError('--class: this model has no classes');
    return undefined;
  }
  // The class that stands for "any" is none of those in turn, but may be asked for.
  const named = classes?.names.length ?? all;
  if (wanted === undefined) return Array.from({ length: count }, (_, i) => i % named);
  const index = /^\d+$/.test(wanted) ? Number(wanted) : classes?.names.indexOf(wanted) ?? -1;
  if (index < 0 && classes) throw new UsageError(unknownName('class', wanted, classes.names));
  if (index < 0 || index >= all) throw new UsageError(`--class: this model has classes 0 to ${all - 1}, got ${wanted}`);
  return Array<number>(count).fill(index);
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
    const [first] = this.#frames.values();
    if (!first) return [];
    // Half the side of the still picture: noise hardly compresses, and forty frames of it are megabytes.
    const columns = Math.ceil(Math.sqrt(first.length));
    const scale = Math.max(1, Math.floor(gifSide / (columns * (first[0]!.width + gridDefaults.gap))));
    return [...this.#frames.entries()].sort(([a], [b]) => a - b).map(([, pictures]) => layGrid(pictures, { scale }));
  }
}
