/** The way of images out of noise, kept to be looked at again. */
import type { FloatArray } from '../core/index.ts';
import { unitToByte } from '../data/browser.ts';
import type { GenerateProgress } from '../generators/index.ts';
import type { ImageShape } from '../pipelines/index.ts';

/** An image at one moment: RGBA, [H, W, 4] in 0 … 255. */
export type Rgba = Uint8ClampedArray<ArrayBuffer>;

/** Where an image was after a step. */
interface Frame {
  /** The step, from 1. */
  readonly step: number;
  /** The time it had reached; −1 when finished. */
  readonly t: number;
  readonly xt: Rgba;
  readonly x0: Rgba;
}

/** What a denoiser's generator tells after a step. */
export type ReelState = Required<Pick<GenerateProgress, 'places' | 'step' | 't' | 'xt' | 'preview'>>;

/** Beyond this steps are left out between those that are kept. */
const mostBytes = 160e6;

/** The frames of every image of one sampling run. */
export class Reel {
  readonly imageShape: ImageShape;
  readonly count: number;
  readonly steps: number;
  readonly #noise: readonly Rgba[];
  readonly #frames: Frame[][];
  /** Of so many steps one is kept. */
  readonly #stride: number;

  /** What an image at a time is multiplied by to be seen. */
  readonly #scale: (t: number) => number;

  /**
   * @param noise  [B, C, H, W] x_T, what the images begin as, in the range of images
   * @param scale  what an image at a time is multiplied by to fit that range; default 1
   */
  constructor(noise: FloatArray, steps: number, scale: (t: number) => number = () => 1) {
    const [count, ...imageShape] = noise.shape as [number, number, number, number];
    this.imageShape = imageShape;
    this.count = count;
    this.#noise = Array.from({ length: count }, (_, i) => toRgba(noise, i));
    this.steps = steps;
    this.#scale = scale;
    this.#frames = Array.from({ length: count }, () => []);
    this.#stride = Math.ceil((imageShape[1] * imageShape[2] * 4 * 2 * count * steps) / mostBytes);
  }

  /** Takes what a sampler has reached with some of the images. */
  add({ places, step, t, xt, preview }: ReelState): void {
    for (const [row, index] of places.entries()) {
      const frames = this.#frames[index]!;
      // The newest is always there, so that progress is seen.
      if (frames.length > 0 && frames.at(-1)!.step % this.#stride !== 0) frames.pop();
      frames.push({ step: step + 1, t, xt: toRgba(xt, row, this.#scale(t)), x0: toRgba(preview, row) });
    }
  }

  /** The last frame of an image up to a step; undefined before its first. */
  frame(index: number, step: number): Frame | undefined {
    return this.#frames[index]!.findLast((frame) => frame.step <= step);
  }

  /** x_t of an image after a step: before the first, the noise it comes out of. */
  xt(index: number, step: number): Rgba {
    return this.frame(index, step)?.xt ?? this.#noise[index]!;
  }

  /** x̂_0 of an image in a step; there is none before the first. */
  x0(index: number, step: number): Rgba | undefined {
    return this.frame(index, step)?.x0;
  }

  /** The furthest step that an image has come to. */
  get furthest(): number {
    return Math.max(...this.#frames.map((frames) => frames.at(-1)?.step ?? 0));
  }
}

/** One image of a batch [B, C, H, W] in [−1, 1], gray repeated. */
function toRgba({ data, shape }: FloatArray, row: number, scale = 1): Rgba {
  const [, channels, height, width] = shape as [number, number, number, number];
  const area = height * width;
  const start = row * channels * area;
  const out = new Uint8ClampedArray(area * 4);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) out[i * 4 + c] = unitToByte(data[start + (channels === 3 ? c : 0) * area + i]! * scale);
    out[i * 4 + 3] = 255;
  }
  return out;
}
