/** Inference with CLIP's image tower: embeds images as unit vectors. */
import {
  asFloat32,
  type Executable,
  type Executor,
  type FloatArray,
  type HostArray,
  type Program,
} from '../core/index.ts';
import { imageTowerConfig, type CLIPImageTower } from '../models/clip.ts';
import type { ClipPreprocessing, ClipResample } from '../models/clip/preprocess.ts';
import { imageProgram } from './clip.ts';
import { mapInBatches } from './in-batches.ts';
import { overWeights, type ProgramWeights } from './program-weights.ts';
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
   * @returns       [N, D], unit vectors unless it was opened with `normalize: false`
   */
  embedImages(images: FloatArray): Promise<FloatArray>;
  dispose(): Promise<void>;
}

/** What an image tower is opened from. */
export interface ClipImageSource {
  readonly model: CLIPImageTower;
  readonly weights: ProgramWeights;
  /** Default OpenAI's. */
  readonly preprocessing?: ClipPreprocessing | null;
  /** Images computed together; default 32. */
  readonly batchSize?: number;
  /** Test-time augmentation: the transforms whose embeddings are averaged; default none. See `ttaTransforms`. */
  readonly transforms?: readonly TtaTransform[] | undefined;
  /** False gives the projected embeddings as they are; default true, unit vectors. */
  readonly normalize?: boolean;
}

/** The default `batchSize` of encoders. */
export const encoderBatchSize = 32;

/** Opens an image tower for embedding. It is compiled when it is first needed. */
export function openClipImageEncoder(
  executor: Executor,
  { model, weights, preprocessing, batchSize = encoderBatchSize, transforms, normalize = true }: ClipImageSource,
): ClipImageEncoder {
  const { imageSize, numChannels, projectionDim } = imageTowerConfig(model);
  const tower = openTower(executor, weights, (prefix) =>
    imageProgram(model, batchSize, {
      prefix,
      ...(preprocessing && { preprocessing }),
      ...(transforms && { transforms }),
      normalize,
    }),
  );
  return {
    dim: projectionDim,
    imageSize,
    resample: preprocessing?.resample,
    dispose: tower.dispose,
    async embedImages(images) {
      const { shape } = images;
      const [count = 0] = shape;
      const image = [numChannels, imageSize, imageSize];
      if (shape.join() !== [count, ...image].join())
        throw new Error(`embedImages: expected [N, ${image.join(', ')}], got [${shape.join(', ')}]`);
      return mapInBatches(images, batchSize, projectionDim, (batch) => tower.run({ images: batch }));
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
export function openTower(executor: Executor, weights: ProgramWeights, build: (prefix: string) => Program): Tower {
  const { store, program } = overWeights(weights, build);
  let compiled: Promise<Executable> | undefined;
  return {
    async run(inputs) {
      const [vectors] = Object.values(await (await (compiled ??= executor.compile(program()))).run(store, inputs));
      return asFloat32(vectors!, 'internal: embeddings');
    },
    async dispose() {
      // What did not compile has nothing to give back, and was reported where it was run.
      await (await compiled?.catch(() => undefined))?.dispose();
    },
  };
}
