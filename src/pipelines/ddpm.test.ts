import { describe, expect, test } from 'vitest';
import { createInterpreter } from '../core/index.ts';
import { schedulerConfig } from '../diffusion/index.ts';
import { UNet2DModel, type UNet2DOptions } from '../models/index.ts';
import { bind } from '../nn/index.ts';
import { ddpmLoss } from './ddpm.ts';
import { openSampler } from './network-sampler.ts';

describe('a network that DDPM cannot train or ask', () => {
  const oneLevel: UNet2DOptions = {
    blockOutChannels: [8],
    layersPerBlock: 1,
    normNumGroups: 4,
    downBlockTypes: ['DownBlock2D'],
    upBlockTypes: ['UpBlock2D'],
    attentionHeadDim: null,
  };

  test.each<[UNet2DOptions, string]>([
    [
      { timeEmbeddingType: 'fourier' },
      'ddpm: a network with timeEmbeddingType "fourier" takes noise levels above zero, DDPM\'s times begin at 0; take "positional" or "learned"',
    ],
    [
      { classEmbedType: 'timestep' },
      'ddpm: a network with classEmbedType "timestep" takes a number for each image, here are only classes',
    ],
    [
      { classEmbedType: 'identity', numClassEmbeds: 3 },
      'ddpm: a network with classEmbedType "identity" takes a vector for each image, here are only classes',
    ],
    [
      { outChannels: 4 },
      "ddpm: a prediction has the image's 3 channels, with a learned variance twice as many; this network's outChannels is 4",
    ],
  ])('is refused before anything is computed: %j', async (options, message) => {
    const unet = new UNet2DModel({ ...oneLevel, ...options });
    expect(() => ddpmLoss(unet, bind(unet), 1, [3, 8, 8])).toThrow(message);
    await expect(
      openSampler(createInterpreter(), {
        unet,
        scheduler: schedulerConfig(),
        imageShape: [3, 8, 8],
        weights: new Map(),
      }),
    ).rejects.toThrow(message);
  });
});
