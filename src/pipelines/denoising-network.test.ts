import { describe, expect, test } from 'vitest';
import { createInterpreter } from '../core/index.ts';
import { schedulerConfig } from '../diffusion/index.ts';
import { UNet2DModel, type UNet2DOptions } from '../models/index.ts';
import { bind } from '../nn/index.ts';
import { denoisingLoss } from './denoising-loss.ts';
import { openSampler } from './network-sampler.ts';
import { oneLevelUnet } from '../../test/tiny-models.ts';

describe('a network that cannot denoise', () => {
  const oneLevel: UNet2DOptions = { ...oneLevelUnet, sampleSize: 8 };

  test.each<[UNet2DOptions, string]>([
    [
      { timeEmbeddingType: 'fourier' },
      'denoising: a network with timeEmbeddingType "fourier" takes noise levels above zero, and the times here begin at 0; take "positional" or "learned"',
    ],
    [
      { outChannels: 4 },
      "denoising: a prediction has the sample's 3 channels, with a learned variance twice as many; this UNet2DModel has 4 (outChannels)",
    ],
  ])('is refused before anything is computed: %j', async (options, message) => {
    const unet = new UNet2DModel({ ...oneLevel, ...options });
    expect(() => denoisingLoss(unet, bind(unet), 1)).toThrow(message);
    await expect(
      openSampler(createInterpreter(), { network: unet, scheduler: schedulerConfig(), weights: new Map() }),
    ).rejects.toThrow(message);
  });
});
