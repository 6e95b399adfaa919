import { basename, resolve } from 'node:path';
import { readClassifierFolder, resolveModel } from '../checkpoint/index.ts';
import { concat, freeze, type Executor, type HostArrays, input, program, type Program } from '../core/index.ts';
import type { ImageClassifier } from '../models/index.ts';
import { bind } from '../nn/index.ts';
import type { PictureShape } from '../pipelines/index.ts';
import type { FeatureExtractor } from './feature-extractor.ts';
import { programFeatures } from './program-features.ts';

/** Options of `openFeatures`. */
export interface FeatureOptions {
  /** Pictures computed together; default 50. */
  readonly batchSize?: number;
}

/** A network that was read, before it is known what pictures it will see. */
export interface FeatureSource {
  readonly name: string;
  readonly isFid: boolean;
  /** The pictures that it takes; null if they are resized to what it needs. */
  readonly picture: PictureShape | null;
  /** @throws if it cannot see such pictures */
  open(executor: Executor, picture: PictureShape, options?: FeatureOptions): Promise<FeatureExtractor>;
}

/** Enough to keep the engine busy, small enough for any machine. */
const defaultBatch = 50;

/**
 * Reads the network that a person means: a classifier by its name, its run or its folder.
 *
 * @throws one line that names the file or the folder and what is wrong with it
 */
export async function readFeatures(source: string): Promise<FeatureSource> {
  const dir = await resolveModel(source, { kind: 'network' });
  const { model, weights } = await readClassifierFolder(dir);
  const { inChannels, sampleSize } = model.config;
  const own: PictureShape = [inChannels, sampleSize, sampleSize];
  // By what was typed, or by the folder: `.` says nothing.
  const name = /[\\/]|^\.+$/.test(source) ? basename(resolve(source)) : source;
  return {
    name, isFid: false, picture: own,
    open(executor, picture, { batchSize = defaultBatch } = {}) {
      const [channels, height, width] = picture;
      if (height !== sampleSize || width !== sampleSize || (channels !== inChannels && channels !== 1)) {
        throw new Error(`features ${name}: takes pictures of ${describe(own)}, these are ${describe(picture)}; name another network, or train one on such pictures (kuosan train with "task": "classifier")`);
      }
      return programFeatures(executor, classifierFeatures(model, weights, batchSize, channels), { name, isFid: false });
    },
  };
}

function classifierFeatures(model: ImageClassifier, weights: HostArrays, batchSize: number, channels: number): Program {
  const { inChannels, sampleSize } = model.config;
  const images = input('images', [batchSize, channels, sampleSize, sampleSize]);
  const colored = channels === inChannels ? images : concat([images, images, images], 1);
  return freeze(program({ outputs: { features: model.forward(bind(model), colored).features } }), weights);
}

function describe([channels, height, width]: PictureShape): string {
  return `${width}×${height}, ${channels === 1 ? 'gray' : 'color'}`;
}
