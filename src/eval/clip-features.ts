/** The image embeddings of a CLIP as features. */
import { readImageTower } from '../checkpoint/index.ts';
import { clip, freeze, input, program, resize, type HostArrays, type Program } from '../core/index.ts';
import { clipPixels, imageTowerConfig, openAIPreprocessing } from '../models/index.ts';
import type { CLIPImageTower, ClipPreprocessing } from '../models/index.ts';
import { bind } from '../nn/index.ts';
import { encoderBatchSize, type ImageShape } from '../pipelines/index.ts';
import { describeShape, featuresName, inColor, type FeatureSource } from './feature-source.ts';
import { programFeatures } from './program-features.ts';

/**
 * Reads the image tower of a CLIP. Its features are the projected embeddings before they are made unit vectors, as
 * transformers' `get_image_features` gives them. Images of another size are resized whole to the tower's by an
 * antialiased cubic filter, and clipped to −1 … 1.
 *
 * @param source  how a person named it
 * @param dir     its folder
 * @throws one line if the folder has no image tower with a projection
 * @see Kynkäänniemi et al. 2023 — https://arxiv.org/abs/2203.06026, who measure with CLIP next to Inception
 */
export async function readClipFeatures(source: string, dir: string): Promise<FeatureSource> {
  const { model, weights, preprocessing } = await readImageTower(dir);
  const { imageSize, numChannels } = imageTowerConfig(model);
  const about = { name: `CLIP image embeddings (${featuresName(source)})`, isFid: false };
  const check = (imageShape: ImageShape) => {
    const [channels] = imageShape;
    if (channels !== numChannels && channels !== 1)
      throw new Error(
        `features ${about.name}: takes ${numChannels === 1 ? 'gray' : 'color'} images, these are ${describeShape(imageShape)}; choose another network`,
      );
  };
  return {
    ...about,
    imageShape: null,
    decode: { size: imageSize, resample: preprocessing?.resample },
    check,
    async open(executor, imageShape, { batchSize = encoderBatchSize } = {}) {
      check(imageShape);
      const extracted = imageFeatures(model, weights, preprocessing ?? openAIPreprocessing, batchSize, imageShape);
      return programFeatures(executor, extracted, about);
    },
  };
}

function imageFeatures(
  model: CLIPImageTower,
  weights: HostArrays,
  preprocessing: ClipPreprocessing,
  batchSize: number,
  [channels, height, width]: ImageShape,
): Program {
  const { imageSize, numChannels } = imageTowerConfig(model);
  const images = input('images', [batchSize, channels, height, width]);
  const seen = channels === numChannels ? images : inColor(images);
  const resized = clip(resize(seen, [imageSize, imageSize], { mode: 'bicubic', antialias: true }), -1, 1);
  const features = model.imageFeatures(bind(model), clipPixels(resized, preprocessing));
  return freeze(program({ outputs: { features } }), weights);
}
