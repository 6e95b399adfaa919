/** Follows sampling to its end and writes the results: a grid, single images, the reverse process as an animation. */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import {
  checkExtension,
  checkWritable,
  gridDefaults,
  layGrid,
  toBitmaps,
  writeGif,
  writePng,
  type Bitmap,
} from '../../data/index.ts';
import type { GenerateProgress } from '../../generators/index.ts';
import { checkOutside } from '../check-apart.ts';
import { isImage } from '../../data/sets/list-images.ts';
import { createProgress, type Progress } from '../progress.ts';

/** Where a command writes images. */
export interface ImageOutputs {
  readonly out: string;
  readonly images?: string;
  readonly gif?: string;
}

/** Frames of the animation: enough to look fluid, few enough to load quickly. */
const gifFrames = 40;

/** The largest width of an animation in pixels, where its images allow it. */
const gifSide = 512;

/**
 * Checks before any work that the files can be written and do not get between others.
 *
 * @param count  of images that are written one by one
 * @param exact  a data set that is read
 * @throws one line that says which
 */
export async function checkImageFiles(
  { out, images, gif, exact }: ImageOutputs & { readonly exact?: string },
  count: number,
): Promise<void> {
  await checkOutside({ '--out': out, '--images': images, '--gif': gif }, [exact]);
  checkExtension(out, '.png');
  await checkWritable(out);
  if (gif) {
    checkExtension(gif, '.gif');
    await checkWritable(gif);
  }
  if (images) {
    await checkWritable(imagePath(images, 0));
    await checkNoOthers(
      '--images',
      images,
      Array.from({ length: count }, (_, i) => imagePath(images, i)),
    );
  }
}

/**
 * @param option  that names the folder
 * @param paths   of the images to be written
 * @throws if images would stay in the folder that are not of this command: whoever reads it next takes all for one set
 */
export async function checkNoOthers(option: string, folder: string, paths: readonly string[]): Promise<void> {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) return;
  const own = new Set(paths);
  const others = (await imagesIn(folder)).filter((path) => !own.has(path));
  if (others.length === 0) return;
  const held = others.length === 1 ? 'an image' : `${others.length} images`;
  throw new Error(
    `${option} ${JSON.stringify(folder)}: holds ${held} that these would not replace (${basename(others[0]!)}); give a new folder, or remove ${others.length === 1 ? 'it' : 'them'}`,
  );
}

/** Images that stand in a folder itself. */
async function imagesIn(folder: string): Promise<string[]> {
  return (await readdir(folder))
    .filter(isImage)
    .sort()
    .map((name) => join(folder, name));
}

/** Follows sampling with progress, and returns the finished images. */
export async function followSampling(
  drawing: AsyncIterable<GenerateProgress>,
  count: number,
  each: (state: GenerateProgress) => void = () => {},
): Promise<Bitmap[]> {
  const finished: Bitmap[] = [];
  let progress: Progress | undefined;
  try {
    for await (const state of drawing) {
      progress ??= createProgress('sampling', state.total);
      progress.update(state.done, `${described(state.places)} of ${count}`);
      each(state);
      if (state.finished) finished.push(...toBitmaps(state.finished));
      // An exact denoiser never waits for anything, and Ctrl-C has to be heard.
      await setImmediate();
    }
  } finally {
    progress?.stop();
  }
  return finished;
}

/** Images that are computed together, counted from 1. */
function described(places: readonly number[]): string {
  const [first, last] = [places[0]! + 1, places.at(-1)! + 1];
  return first === last ? `image ${first}` : `images ${first}–${last}`;
}

/** How many images there are, and how they stand on the sheet. */
export interface SampleLayout {
  readonly count: number;
  readonly lay?: (images: readonly Bitmap[]) => Bitmap | Promise<Bitmap>;
}

/**
 * Follows the generation of `count` images, writes them as asked, and returns them.
 *
 * @param lay  lays the grid; default `layGrid`
 */
export async function writeSamples(
  drawing: AsyncIterable<GenerateProgress>,
  { out, images, gif }: ImageOutputs,
  { count, lay = layGrid }: SampleLayout,
): Promise<readonly Bitmap[]> {
  const frames = new FrameCollector(gif ? gifFrames : 0);
  const finished = await followSampling(drawing, count, (state) => frames.add(state));
  await writePng(out, await lay(finished));
  if (images) await writeEach(images, finished);
  if (gif) await writeGif(gif, frames.grids());
  return finished;
}

/** Writes every image on its own: `00000.png` and on. */
export async function writeEach(folder: string, images: readonly Bitmap[]): Promise<void> {
  for (const [i, pixels] of images.entries()) await writePng(imagePath(folder, i), pixels);
}

function imagePath(folder: string, index: number): string {
  return join(folder, `${String(index).padStart(5, '0')}.png`);
}

/** Keeps evenly spaced states of the reverse process, for all images together. */
class FrameCollector {
  readonly #count: number;
  readonly #frames = new Map<number, Bitmap[]>();
  #stage: string | undefined;

  constructor(count: number) {
    this.#count = count;
  }

  /** Of several stages the last one's are kept: its first frame takes the place of all before. */
  add({ stage, step, steps, xt }: GenerateProgress): void {
    const frame = Math.floor(((step + 1) * this.#count) / steps);
    const isFirstOfFrame = frame > Math.floor((step * this.#count) / steps);
    if (stage !== this.#stage) this.#frames.clear();
    this.#stage = stage;
    if (!isFirstOfFrame || !xt) return;
    const images = this.#frames.get(frame) ?? [];
    images.push(...toBitmaps(xt));
    this.#frames.set(frame, images);
  }

  grids(): Bitmap[] {
    const [first] = this.#frames.values();
    if (!first) return [];
    // Half the side of the still image: noise hardly compresses, and forty frames of it are megabytes.
    const wide = Math.ceil(Math.sqrt(first.length));
    const scale = Math.max(1, Math.floor(gifSide / (wide * (first[0]!.width + gridDefaults.gap))));
    return [...this.#frames.entries()].sort(([a], [b]) => a - b).map(([, images]) => layGrid(images, { scale }));
  }
}
