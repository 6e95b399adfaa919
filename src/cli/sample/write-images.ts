/** Follows a drawing to its end and writes what it gives: a grid, single pictures, the way as an animation. */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  checkExtension,
  checkWritable,
  gridDefaults,
  layGrid,
  toPixels,
  writeGif,
  writePng,
  type GridOptions,
  type Pixels,
} from '../../data/index.ts';
import type { SampleProgress } from '../../pipelines/index.ts';
import { createProgress, type Progress } from '../progress.ts';

/** Where a command writes pictures. */
export interface PictureFiles {
  readonly out: string;
  readonly images?: string;
  readonly gif?: string;
}

/** Frames of the animation: enough to look fluid, few enough to load quickly. */
const gifFrames = 40;

/** Pixels that an animation is wide at most, if its pictures allow it. */
const gifSide = 512;

/** @throws before any work if one of the files cannot be written */
export async function checkPictureFiles({ out, images, gif }: PictureFiles): Promise<void> {
  checkExtension(out, '.png');
  await checkWritable(out);
  if (gif) {
    checkExtension(gif, '.gif');
    await checkWritable(gif);
  }
  if (images) await checkWritable(picturePath(images, 0));
}

/** Follows a drawing with progress, and returns the finished pictures. */
export async function followDrawing(
  drawing: AsyncIterable<SampleProgress>,
  count: number,
  each: (state: SampleProgress) => void = () => {},
): Promise<Pixels[]> {
  const finished: Pixels[] = [];
  let progress: Progress | undefined;
  try {
    for await (const state of drawing) {
      progress ??= createProgress('drawing', state.stepsTotal);
      progress.update(state.stepsDone, `${described(state.indices)} of ${count}`);
      each(state);
      if (state.finished) finished.push(...toPixels(state.xt));
      // An exact denoiser never waits for anything, and Ctrl-C has to be heard.
      await setImmediate();
    }
  } finally {
    progress?.stop();
  }
  return finished;
}

/** Pictures that are computed together, counted from 1. */
function described(indices: readonly number[]): string {
  const [first, last] = [indices[0]! + 1, indices.at(-1)! + 1];
  return first === last ? `picture ${first}` : `pictures ${first}–${last}`;
}

/**
 * Draws `count` pictures, in batches of `batchSize`, and writes them as asked.
 *
 * @param grid  how the grid is laid
 */
export async function writeDrawing(
  drawing: AsyncIterable<SampleProgress>,
  { out, images, gif }: PictureFiles,
  { count, batchSize, grid = {} }: { readonly count: number; readonly batchSize: number; readonly grid?: GridOptions },
): Promise<void> {
  const frames = new FrameCollector(gif ? gifFrames : 0);
  const finished = await followDrawing(drawing, count, (state) => frames.add(state, Math.ceil(count / batchSize)));
  await writePng(out, layGrid(finished, grid));
  if (images) await writeEach(images, finished);
  if (gif) await writeGif(gif, frames.grids(grid));
}

/** Writes every picture on its own: `00000.png` and on. */
export async function writeEach(folder: string, pictures: readonly Pixels[]): Promise<void> {
  for (const [i, pixels] of pictures.entries()) await writePng(picturePath(folder, i), pixels);
}

function picturePath(folder: string, index: number): string {
  return join(folder, `${String(index).padStart(5, '0')}.png`);
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

  grids({ columns }: GridOptions): Pixels[] {
    const [first] = this.#frames.values();
    if (!first) return [];
    // Half the side of the still picture: noise hardly compresses, and forty frames of it are megabytes.
    const wide = columns ?? Math.ceil(Math.sqrt(first.length));
    const scale = Math.max(1, Math.floor(gifSide / (wide * (first[0]!.width + gridDefaults.gap))));
    return [...this.#frames.entries()]
      .sort(([a], [b]) => a - b)
      .map(([, pictures]) => layGrid(pictures, { columns, scale }));
  }
}
