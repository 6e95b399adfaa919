import { basename, resolve } from 'node:path';
import { readClassifierFolder, readInception, resolveModel } from '../checkpoint/index.ts';
import {
  concat,
  freeze,
  input,
  program,
  resize,
  type Executor,
  type HostArrays,
  type Program,
  type Tensor,
} from '../core/index.ts';
import { inceptionSize, type ImageClassifier, type InceptionV3 } from '../models/index.ts';
import { bind } from '../nn/index.ts';
import type { ImageShape } from '../pipelines/index.ts';
import { classHead } from './class-head.ts';
import type { FeatureExtractor } from './feature-extractor.ts';
import { programFeatures } from './program-features.ts';

/** Options of `openFeatures`. */
export interface FeatureOptions {
  /** Images computed together; default 50, or 8 of an Inception. */
  readonly batchSize?: number;
}

/** How images are brought to the size of an Inception: by clean-fid's antialiased cubic, or by pytorch-fid's bilinear. FIDs of the two differ. */
export const inceptionResizes = ['bicubic', 'bilinear'] as const;
/** One of `inceptionResizes`. */
export type InceptionResize = (typeof inceptionResizes)[number];

/** A network that was read, before it is known what images it will see. */
export interface FeatureSource {
  readonly name: string;
  readonly isFid: boolean;
  /** The images that it takes; null if they are resized to what it needs. */
  readonly imageShape: ImageShape | null;
  /** @throws if it cannot see such images */
  check(imageShape: ImageShape): void;
  /** @throws if it cannot see such images */
  open(executor: Executor, imageShape: ImageShape, options?: FeatureOptions): Promise<FeatureExtractor>;
}

/** Enough to keep the engine busy, small enough for any machine. */
const classifierBatch = 50;
const inceptionBatch = 8;

/**
 * Reads the network that a person means: a classifier by its name, its run or its folder, or an Inception v3 by its file.
 *
 * @param options.resize  of an Inception; default bicubic
 * @throws one line that names the file or the folder and what is wrong with it
 */
export async function readFeatures(
  source: string,
  { resize = 'bicubic' }: { readonly resize?: InceptionResize } = {},
): Promise<FeatureSource> {
  return source.endsWith('.safetensors') ? readInceptionFeatures(source, resize) : readClassifierFeatures(source);
}

/** @see Heusel et al. 2017 — https://arxiv.org/abs/1706.08500; Parmar, Zhang & Zhu 2022 (clean-fid) — https://arxiv.org/abs/2104.11222 */
async function readInceptionFeatures(path: string, mode: InceptionResize): Promise<FeatureSource> {
  const { model, weights, variant } = await readInception(path);
  const about = { name: `Inception v3 (${basename(path)}, ${mode})`, isFid: variant === 'fid' };
  return {
    ...about,
    imageShape: null,
    check: () => {},
    open: (executor, imageShape, { batchSize = inceptionBatch } = {}) =>
      programFeatures(executor, inceptionProgram(model, weights, batchSize, imageShape, mode), about),
  };
}

function inceptionProgram(
  model: InceptionV3,
  weights: HostArrays,
  batchSize: number,
  [channels, height, width]: ImageShape,
  mode: InceptionResize,
): Program {
  const images = inColor(input('images', [batchSize, channels, height, width]));
  const resized = resize(images, [inceptionSize, inceptionSize], { mode, antialias: mode === 'bicubic' });
  return freeze(program({ outputs: { features: model.forward(bind(model), resized) } }), weights);
}

async function readClassifierFeatures(source: string): Promise<FeatureSource> {
  const { model, weights } = await readClassifierFolder(await resolveModel(source, { kind: 'network' }));
  const { inChannels, sampleSize, classNames } = model.config;
  const own: ImageShape = [inChannels, sampleSize, sampleSize];
  // By what was typed, or by the folder: `.` says nothing.
  const about = { name: /[\\/]|^\.+$/.test(source) ? basename(resolve(source)) : source, isFid: false };
  const check = (imageShape: ImageShape) => {
    const [channels, height, width] = imageShape;
    if (height !== sampleSize || width !== sampleSize || (channels !== inChannels && channels !== 1)) {
      throw new Error(
        `features ${about.name}: takes images of ${describe(own)}, these are ${describe(imageShape)}; choose another network, or train one on such images (kuosan train with "task": "classifier")`,
      );
    }
  };
  return {
    ...about,
    imageShape: own,
    check,
    async open(executor, imageShape, { batchSize = classifierBatch } = {}) {
      check(imageShape);
      const classes = classHead(classNames, weights.get('classifier.weight')!, weights.get('classifier.bias')!);
      return programFeatures(executor, classifierFeatures(model, weights, batchSize, imageShape[0]), {
        ...about,
        classes,
      });
    },
  };
}

function classifierFeatures(model: ImageClassifier, weights: HostArrays, batchSize: number, channels: number): Program {
  const { inChannels, sampleSize } = model.config;
  const images = input('images', [batchSize, channels, sampleSize, sampleSize]);
  const seen = channels === inChannels ? images : inColor(images);
  return freeze(program({ outputs: { features: model.forward(bind(model), seen).features } }), weights);
}

/** Gray three times. */
function inColor(images: Tensor): Tensor {
  return images.shape[1] === 3 ? images : concat([images, images, images], 1);
}

function describe([channels, height, width]: ImageShape): string {
  return `${width}×${height}, ${channels === 1 ? 'gray' : 'color'}`;
}
