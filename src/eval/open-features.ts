import { basename } from 'node:path';
import { isClipFolder, readClassifierFolder, readInception, resolveModel } from '../checkpoint/index.ts';
import { freeze, input, program, resize, type HostArrays, type Program } from '../core/index.ts';
import { inceptionSize, type ImageClassifier, type InceptionV3 } from '../models/index.ts';
import { bind } from '../nn/index.ts';
import type { ImageShape } from '../pipelines/index.ts';
import { classHead } from './class-head.ts';
import { readClipFeatures } from './clip-features.ts';
import { describeShape, featuresName, inColor, type FeatureSource } from './feature-source.ts';
import { programFeatures } from './program-features.ts';

/** How images are brought to the size of an Inception: by clean-fid's antialiased cubic, or by pytorch-fid's bilinear. FIDs of the two differ. */
export const inceptionResizes = ['bicubic', 'bilinear'] as const;
/** One of `inceptionResizes`. */
export type InceptionResize = (typeof inceptionResizes)[number];

/** Enough to keep the engine busy, small enough for any machine. */
const classifierBatch = 50;
const inceptionBatch = 8;

/**
 * Reads the network that a person means: a CLIP or a classifier by its name, its run or its folder, or an Inception v3 by
 * its file.
 *
 * @param options.resize  of an Inception; default bicubic
 * @throws one line that names the file or the folder and what is wrong with it
 * @example
 * import { readFeatures } from 'kuosan/eval';
 *
 * const { name, imageShape } = await readFeatures('fashion-mnist-classifier');
 * console.log(imageShape); // [ 1, 32, 32 ]
 */
export async function readFeatures(
  source: string,
  { resize = 'bicubic' }: { readonly resize?: InceptionResize } = {},
): Promise<FeatureSource> {
  if (source.endsWith('.safetensors')) return readInceptionFeatures(source, resize);
  const dir = await resolveModel(source, { kind: ['clip', 'network'] });
  return (await isClipFolder(dir)) ? readClipFeatures(source, dir) : readClassifierFeatures(source, dir);
}

/** What comes with the package: a CLIP of emoji for images of any kind, a classifier of clothes for those that it takes. */
const bundled = { clip: 'emoji-clip', classifier: 'fashion-mnist-classifier' } as const;

/**
 * The network that images are measured with when nobody names one: `emoji-clip`, or for gray images of 32×32
 * `fashion-mnist-classifier`.
 *
 * @param imageShape  of the images; undefined where it is not known yet, for color
 */
export async function defaultFeatures(imageShape?: ImageShape): Promise<FeatureSource> {
  if (imageShape?.[0] === 1) {
    const classifier = await readFeatures(bundled.classifier);
    if (classifier.imageShape!.join() === imageShape.join()) return classifier;
  }
  return readFeatures(bundled.clip);
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

async function readClassifierFeatures(source: string, dir: string): Promise<FeatureSource> {
  const { model, weights } = await readClassifierFolder(dir);
  const { inChannels, sampleSize, classNames } = model.config;
  const own: ImageShape = [inChannels, sampleSize, sampleSize];
  const about = { name: featuresName(source), isFid: false };
  const check = (imageShape: ImageShape) => {
    const [channels, height, width] = imageShape;
    if (height !== sampleSize || width !== sampleSize || (channels !== inChannels && channels !== 1)) {
      throw new Error(
        `features ${about.name}: takes images of ${describeShape(own)}, these are ${describeShape(imageShape)}; choose another network, or train one on such images (kuosan train with "task": "classifier")`,
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
