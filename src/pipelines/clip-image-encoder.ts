/** Inference with CLIP's image tower: embeds images as unit vectors. */
import {
  asFloat32,
  float32,
  freeze,
  type Executable,
  type Executor,
  type FloatArray,
  type HostArray,
  type HostArrays,
  type Program,
  type Store,
} from '../core/index.ts';
import { imageTowerConfig, type CLIPImageTower } from '../models/clip.ts';
import type { ClipPreprocessing, ClipResample } from '../models/clip/preprocess.ts';
import { imageProgram } from './clip.ts';
import type { TtaTransform } from './test-time-augmentation.ts';

/** An image tower made ready to embed. */
export interface ClipImageEncoder {
  /** D. */
  readonly dim: number;
  readonly imageSize: number;
  /** The kernel that brings images to that size, as Pillow computes it; undefined where the model's preprocessing does not say. */
  readonly resample: ClipResample | undefined;
  /**
   * @param images  [N, C, imageSize, imageSize] in [−1, 1]
   * @returns       [N, D], unit vectors
   */
  embedImages(images: FloatArray): Promise<FloatArray>;
  dispose(): Promise<void>;
}

/** Values to build in as constants, or a store that holds them under `prefix`. */
export type ClipWeights = HostArrays | { readonly store: Store; readonly prefix: string };

/** What an image tower is opened from. */
export interface ClipImageSource {
  readonly model: CLIPImageTower;
  readonly weights: ClipWeights;
  /** Default OpenAI's. */
  readonly preprocessing?: ClipPreprocessing | null;
  /** Images computed together; default 32. */
  readonly batchSize?: number;
  /** Test-time augmentation: the transforms whose embeddings are averaged; default none. See `ttaTransforms`. */
  readonly transforms?: readonly TtaTransform[] | undefined;
}

/** The default `batchSize` of encoders. */
export const encoderBatchSize = 32;

/** Opens an image tower for embedding. It is compiled when it is first needed. */
export function openClipImageEncoder(
  executor: Executor,
  { model, weights, preprocessing, batchSize = encoderBatchSize, transforms }: ClipImageSource,
): ClipImageEncoder {
  const { imageSize, numChannels, projectionDim } = imageTowerConfig(model);
  const tower = openTower(executor, weights, (prefix) =>
    imageProgram(model, batchSize, {
      prefix,
      ...(preprocessing && { preprocessing }),
      ...(transforms && { transforms }),
    }),
  );
  return {
    dim: projectionDim,
    imageSize,
    resample: preprocessing?.resample,
    dispose: tower.dispose,
    async embedImages({ shape, data }) {
      const [count = 0] = shape;
      const image = [numChannels, imageSize, imageSize];
      if (shape.join() !== [count, ...image].join())
        throw new Error(`embedImages: expected [N, ${image.join(', ')}], got [${shape.join(', ')}]`);
      const size = numChannels * imageSize * imageSize;
      return inBatches(count, batchSize, projectionDim, async (first, here) => {
        const batch = new Float32Array(batchSize * size);
        batch.set(data.subarray(first * size, (first + here) * size));
        return tower.run({ images: float32([batchSize, ...image], batch) });
      });
    },
  };
}

/** A tower that is compiled when it is first run. */
export interface Tower {
  /** The embeddings, its only output. */
  run(inputs: Readonly<Record<string, HostArray>>): Promise<FloatArray>;
  dispose(): Promise<void>;
}

/** Opens the program of a tower over weights wherever they are; it is built for names under the prefix. */
export function openTower(executor: Executor, weights: ClipWeights, build: (prefix: string) => Program): Tower {
  const { store, source } =
    'store' in weights
      ? { store: weights.store, source: () => build(weights.prefix) }
      : { store: null, source: () => freeze(build(''), weights) };
  let compiled: Promise<Executable> | undefined;
  return {
    async run(inputs) {
      const [vectors] = Object.values(await (await (compiled ??= executor.compile(source()))).run(store, inputs));
      return asFloat32(vectors!, 'internal: embeddings');
    },
    async dispose() {
      // What did not compile has nothing to give back, and was reported where it was run.
      await (await compiled?.catch(() => undefined))?.dispose();
    },
  };
}

/**
 * Rows computed in batches of one size, of which the last may be filled in part.
 *
 * @param rows  [batchSize, dim] of which the first `count` are wanted
 * @returns     [count, dim]
 */
export async function inBatches(
  count: number,
  batchSize: number,
  dim: number,
  rows: (first: number, count: number) => Promise<FloatArray>,
): Promise<FloatArray> {
  const all = new Float32Array(count * dim);
  for (let first = 0; first < count; first += batchSize) {
    const here = Math.min(batchSize, count - first);
    all.set((await rows(first, here)).data.subarray(0, here * dim), first * dim);
  }
  return float32([count, dim], all);
}
