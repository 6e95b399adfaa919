/** Models of a few thousand weights, with random ones: what tests write, read and measure with. */
import { writeClassifierFolder, writeModelFolder } from '../src/checkpoint/index.ts';
import { schedulerConfig } from '../src/diffusion/index.ts';
import {
  ImageClassifier,
  parseConfig,
  unet2DConfigSchema,
  UNet2DModel,
  type UNet2DOptions,
} from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { tinyModel } from './kuosan.ts';

/** A tower of a CLIP with one layer. */
const tower = { hiddenSize: 8, intermediateSize: 16, numHiddenLayers: 1, numAttentionHeads: 2 } as const;

/** Towers of a CLIP: texts of six of twenty tokens, the last of which ends them, and images of 8×8. */
export const tinyTextConfig = { ...tower, vocabSize: 20, maxPositionEmbeddings: 6, eosTokenId: 19 } as const;
export const tinyVisionConfig = { ...tower, imageSize: 8, patchSize: 4 } as const;

/** A U-Net of one level without attention, for images of 4×4. */
export const oneLevelUnet: UNet2DOptions = {
  sampleSize: 4,
  blockOutChannels: [8],
  layersPerBlock: 1,
  normNumGroups: 4,
  downBlockTypes: ['DownBlock2D'],
  upBlockTypes: ['UpBlock2D'],
  attentionHeadDim: null,
  addAttention: false,
};

/** Writes a classifier of images of 8×8 in color, whose features measure others. */
export async function writeTinyClassifier(folder: string): Promise<void> {
  const model = new ImageClassifier({ sampleSize: 8, inChannels: 3, blockOutChannels: [8], classNames: ['a', 'b'] });
  await writeClassifierFolder(folder, { model, weights: initialValues(model, 1) });
}

/** Writes a diffusion model of images of 8×8 in color. */
export async function writeTinyDiffusion(folder: string): Promise<void> {
  const network = new UNet2DModel(parseConfig(unet2DConfigSchema, tinyModel, 'tinyModel'));
  await writeModelFolder(folder, { network, weights: initialValues(network, 1), scheduler: schedulerConfig() });
}
