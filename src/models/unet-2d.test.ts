import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { grad, input, mean, program, square, sub, type HostArray, type Tensor } from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bind, countParameters, namedParameters } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { fromHuggingFace, parseConfig } from './config.ts';
import { UNet2DModel } from './unet-2d.ts';
import { unet2DConfigSchema, type UNet2DOptions } from './unet-2d/config.ts';

const fixtures = fileURLToPath(new URL('../../test/golden/unet2d/', import.meta.url));
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

const tensorsOf = (path: string) => readSafetensors(readFileSync(path)).tensors as ReadonlyMap<string, HostArray>;

function largestDifference(a: HostArray, b: HostArray): number {
  const [x, y] = [a.data as Float32Array, b.data as Float32Array];
  return x.reduce((worst, v, i) => Math.max(worst, Math.abs(v - y[i]!)), 0);
}

describe.each(readdirSync(fixtures).filter((name) => !name.includes('.')))('diffusers fixture %s', (name) => {
  const config = fromHuggingFace(
    JSON.parse(readFileSync(`${fixtures}${name}/config.json`, 'utf8')) as Record<string, unknown>,
  );
  const weights = tensorsOf(`${fixtures}${name}/diffusion_pytorch_model.safetensors`);
  const io = tensorsOf(`${fixtures}${name}/io.safetensors`);
  const unet = new UNet2DModel(config as UNet2DOptions);
  const sample = io.get('sample')!;
  const labels = io.get('class_labels');
  const timestep: HostArray = {
    dtype: 'f32',
    shape: io.get('timestep')!.shape,
    data: Float32Array.from(io.get('timestep')!.data as BigInt64Array, Number),
  };
  const inputs = { sample, timestep, ...(labels ? { classLabels: labels } : {}) };
  const x = input('sample', sample.shape);
  const ctx = bind(unet);
  const out = unet.forward(
    ctx,
    x,
    input('timestep', timestep.shape),
    labels && input('classLabels', labels.shape, 'i64'),
  );

  test('has the same parameter names and shapes', () => {
    const ours = new Map([...namedParameters(unet)].map(([key, { shape }]) => [key, [...shape]]));
    expect(new Map([...ours].sort())).toEqual(
      new Map([...weights].map(([key, { shape }]) => [key, [...shape]] as const).sort()),
    );
  });

  test('has the same output within 1e-4', async () => {
    const executable = await executor.compile(program({ outputs: { out } }));
    const store = await executor.createStore(
      Object.fromEntries([...weights].map(([key, { shape, dtype }]) => [key, { shape, dtype }])),
      weights,
    );
    const result = await executable.run(store, inputs);
    expect(largestDifference(result['out']!, io.get('out_sample')!)).toBeLessThan(1e-4);
    await executable.dispose();
  });

  if ([...io.keys()].some((key) => key.startsWith('grad'))) {
    test('has the same gradients, of every parameter and of the sample', async () => {
      const target = input('target', io.get('target')!.shape);
      const parameters = [...ctx.parameters];
      const loss = mean(square(sub(out, target)));
      const gradients = grad(loss, [x, ...parameters.map(([, tensor]) => tensor)]);
      const outputs: Record<string, Tensor> = { 'grad.sample': gradients[0]! };
      parameters.forEach(([key], i) => {
        outputs[`grad.${key}`] = gradients[i + 1]!;
      });
      const executable = await executor.compile(program({ outputs }));
      const store = await executor.createStore(
        Object.fromEntries([...weights].map(([key, { shape, dtype }]) => [key, { shape, dtype }])),
        weights,
      );
      const result = await executable.run(store, { ...inputs, target: io.get('target')! });
      let compared = 0;
      for (const [key, expected] of io) {
        if (!key.startsWith('grad.')) continue;
        expect(largestDifference(result[key]!, expected), key).toBeLessThan(1e-5);
        compared++;
      }
      expect(compared).toBe(parameters.length + 1);
      await executable.dispose();
    });
  }
});

describe('published configurations', () => {
  const shared: UNet2DOptions = {
    layersPerBlock: 2,
    normEps: 1e-6,
    freqShift: 1,
    flipSinToCos: false,
    downsamplePadding: 0,
    attentionHeadDim: null,
  };

  test('google/ddpm-cifar10-32 has 35,746,307 parameters', () => {
    expect(
      countParameters(
        new UNet2DModel({
          ...shared,
          sampleSize: 32,
          blockOutChannels: [128, 256, 256, 256],
          downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D'],
          upBlockTypes: ['UpBlock2D', 'UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
        }),
      ),
    ).toBe(35_746_307);
  });

  test("DDPM's model for 256 × 256 has 113,673,219", () => {
    expect(
      countParameters(
        new UNet2DModel({
          ...shared,
          sampleSize: 256,
          blockOutChannels: [128, 128, 256, 256, 512, 512],
          downBlockTypes: [
            'DownBlock2D',
            'DownBlock2D',
            'DownBlock2D',
            'DownBlock2D',
            'AttnDownBlock2D',
            'DownBlock2D',
          ],
          upBlockTypes: ['UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D', 'UpBlock2D', 'UpBlock2D'],
        }),
      ),
    ).toBe(113_673_219);
  });
});

describe('a configuration that cannot build', () => {
  const oneLevel: UNet2DOptions = {
    blockOutChannels: [32],
    downBlockTypes: ['DownBlock2D'],
    upBlockTypes: ['UpBlock2D'],
  };
  test.each<[string, UNet2DOptions, string]>([
    ['lists of different lengths', { blockOutChannels: [32, 32] }, 'blockOutChannels has 2 levels, downBlockTypes 4'],
    [
      'groups that do not divide',
      { ...oneLevel, blockOutChannels: [30] },
      'unet: downBlockTypes[0] (DownBlock2D): 30 channels do not split into 32 groups',
    ],
    [
      'no groups',
      { ...oneLevel, normNumGroups: null },
      'unet: downBlockTypes[0] (DownBlock2D): this block needs normNumGroups',
    ],
    [
      'too few channels for the groups of K blocks',
      { ...oneLevel, blockOutChannels: [16], downBlockTypes: ['KDownBlock2D'] },
      'unet: downBlockTypes[0] (KDownBlock2D): adaGroupNorm: 16 channels do not split into 0 groups',
    ],
    [
      'heads that do not fit',
      { ...oneLevel, downBlockTypes: ['AttnDownBlock2D'], attentionHeadDim: 40 },
      'unet: downBlockTypes[0] (AttnDownBlock2D): attention: a head of 40 is wider than the 32 channels',
    ],
    [
      'a table of times without its length',
      { ...oneLevel, timeEmbeddingType: 'learned' },
      'unet: timeEmbeddingType learned has an embedding for each timestep; set numTrainTimesteps',
    ],
  ])('says what contradicts: %s', (_, options, message) => {
    expect(() => new UNet2DModel(options)).toThrow(message);
  });

  test.each<[Record<string, unknown>, string]>([
    [
      { downBlockTypes: ['CrossAttnDownBlock2D'] },
      'config.downBlockTypes.0: this block attends to a text, and UNet2DModel takes none; expected one of DownBlock2D, AttnDownBlock2D, ResnetDownsampleBlock2D, SkipDownBlock2D, AttnSkipDownBlock2D, KDownBlock2D, KCrossAttnDownBlock2D, got "CrossAttnDownBlock2D"',
    ],
    [
      { upBlockTypes: ['UpBlock2D', 'UpDecoderBlock2D'] },
      'config.upBlockTypes.1: this block belongs to an autoencoder: it has no skip connections between the down path and the up path; expected one of',
    ],
    [{ downBlockTypes: ['UpBlock2D'] }, 'config.downBlockTypes.0: expected one of DownBlock2D, AttnDownBlock2D'],
    [
      { midBlockType: 'UNetMidBlock2DCrossAttn' },
      'config.midBlockType: expected "UNetMidBlock2D", got "UNetMidBlock2DCrossAttn"',
    ],
    [{ actFn: 'elu' }, 'config.actFn: expected one of "silu"|"swish"|"mish"|"gelu"|"relu", got "elu"'],
    [
      { resnetTimeScaleShift: 'spatial' },
      'config.resnetTimeScaleShift: expected one of "default"|"scale_shift", got "spatial"',
    ],
    [
      { timeEmbeddingType: 'rotary' },
      'config.timeEmbeddingType: expected one of "positional"|"fourier"|"learned", got "rotary"',
    ],
    [
      { classEmbedType: 'projection' },
      'config.classEmbedType: expected one of "timestep"|"identity", got "projection"',
    ],
    [{ downsampleType: 'fir' }, 'config.downsampleType: expected one of "conv"|"resnet", got "fir"'],
    [{ downsamplePadding: 2 }, 'config.downsamplePadding: '],
    [{ dropout: 1.5 }, 'config.dropout: too big: expected number to be <=1, got 1.5'],
  ])('says which option is not supported: %j', (options, message) => {
    expect(() => parseConfig(unet2DConfigSchema, options, 'config')).toThrow(message);
  });
});

describe('blocks and inputs that do not fit', () => {
  const two: UNet2DOptions = {
    blockOutChannels: [32, 32],
    layersPerBlock: 1,
    downBlockTypes: ['DownBlock2D', 'DownBlock2D'],
    upBlockTypes: ['UpBlock2D', 'UpBlock2D'],
  };
  const build = (options: UNet2DOptions, labels?: Tensor, shape = [2, 3, 8, 8]) => {
    const unet = new UNet2DModel(options);
    return unet.forward(bind(unet), input('x', shape), input('t', [2]), labels);
  };

  test.each<[string, UNet2DOptions, string]>([
    [
      'K blocks on one side',
      { ...two, upBlockTypes: ['KUpBlock2D', 'KUpBlock2D'] },
      'unet: upBlockTypes[1] (KUpBlock2D): its features are 8×8, its skip connection 4×4; up blocks must be the counterparts of the down blocks',
    ],
    [
      'K blocks on the other side',
      { ...two, downBlockTypes: ['KDownBlock2D', 'KDownBlock2D'] },
      'unet: upBlockTypes[0] (UpBlock2D): its features are 4×4, its skip connection 8×8',
    ],
    [
      'no activation where one is taken',
      { ...two, downBlockTypes: ['DownBlock2D', 'KCrossAttnDownBlock2D'] },
      'unet: upBlockTypes[0] (UpBlock2D): the down path has no skip connection for it',
    ],
    [
      'channels of another kind of block',
      { ...two, blockOutChannels: [32, 64], upBlockTypes: ['UpBlock2D', 'KUpBlock2D'] },
      'unet: upBlockTypes[1] (KUpBlock2D): it takes 64 channels, its features and the skip connection have 64 + 32',
    ],
    [
      'an image that is not taken along',
      {
        ...two,
        blockOutChannels: [32, 32, 32],
        downBlockTypes: ['DownBlock2D', 'SkipDownBlock2D', 'DownBlock2D'],
        upBlockTypes: ['UpBlock2D', 'UpBlock2D', 'UpBlock2D'],
      },
      'unet: downBlockTypes[1] (SkipDownBlock2D): a block above it changes the resolution without taking the image along; begin with Skip blocks',
    ],
    [
      'an image that does not arrive',
      { ...two, upBlockTypes: ['SkipUpBlock2D', 'UpBlock2D'] },
      'unet: the Skip blocks of upBlockTypes collect an image of [2, 3, 4, 4], the output is [2, 3, 8, 8]; take outChannels 3 and end with a Skip block',
    ],
    ['labels that are missing', { ...two, numClassEmbeds: 3 }, 'unet: this model needs class labels'],
  ])('says what does not fit: %s', (_, options, message) => {
    expect(() => build(options)).toThrow(message);
  });

  test('says what does not fit: images of another number of channels', () => {
    expect(() =>
      build({ ...two, inChannels: 1, downBlockTypes: ['SkipDownBlock2D', 'DownBlock2D'] }, undefined, [2, 1, 8, 8]),
    ).toThrow('unet: downBlockTypes[0] (SkipDownBlock2D): it takes images of 3 channels, inChannels is 1');
  });

  test('says what does not fit: class labels', () => {
    expect(() => build(two, input('labels', [2], 'i64'))).toThrow('unet: this model takes no class labels');
    expect(() => build({ ...two, classEmbedType: 'identity' }, input('labels', [2, 64]))).toThrow(
      'unet: the class labels are [2, 64], expected [2, 128]',
    );
    expect(() => build({ ...two, numClassEmbeds: 3 }, input('labels', [3], 'i64'))).toThrow(
      'unet: the class labels are [3], expected [2]',
    );
  });
});
