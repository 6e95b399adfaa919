import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { grad, input, mean, program, randomKey, square, sub, type HostArray, type Tensor } from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bind, namedParameters, randomKeyInput } from '../nn/index.ts';
import { weightValues } from '../../test/golden/named-weights.ts';
import { difference, largest } from '../../test/differences.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { fromHuggingFace, parseConfig } from './config.ts';
import { UNet2DModel } from './unet-2d.ts';
import { asDiffusersRuns } from './unet-2d/as-diffusers-runs.ts';
import { downBlockTypes, presentName, upBlockTypes } from './unet-2d/block-types.ts';
import { unet2DConfigSchema, type UNet2DConfig } from './unet-2d/config.ts';

const fixtures = fileURLToPath(new URL('../../test/golden/unet2d-options/', import.meta.url));
const cases = JSON.parse(readFileSync(`${fixtures}cases.json`, 'utf8')) as Record<
  string,
  { config: Record<string, unknown>; parameters: Record<string, number[]> }
>;
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

describe.each(Object.keys(cases))('diffusers fixture %s', (name) => {
  const { config, parameters } = cases[name]!;
  const io = readSafetensors(readFileSync(`${fixtures}${name}.safetensors`)).tensors;
  const unet = new UNet2DModel(parseConfig(unet2DConfigSchema, asDiffusersRuns(fromHuggingFace(config)), name));
  const weights = new Map(Object.entries(parameters).map(([key, shape]) => [key, weightValues(key, shape)]));
  const given = {
    sample: io.get('sample')!,
    timestep: io.get('timestep')!,
    ...(io.has('class_labels') && { classLabels: io.get('class_labels')! }),
  };
  const [sample, timestep, classLabels] = Object.entries(given).map(([key, { shape, dtype }]) =>
    input(key, shape, dtype),
  );
  const ctx = bind(unet);
  const out = unet.forward(ctx, sample!, timestep!, classLabels);
  const run = async (outputs: Record<string, Tensor>, inputs: Record<string, HostArray> = given) => {
    const executable = await executor.compile(program({ outputs }));
    const store = await executor.createStore(
      Object.fromEntries([...weights].map(([key, { shape, dtype }]) => [key, { shape, dtype }])),
      weights,
    );
    const result = await executable.run(store, inputs);
    await executable.dispose();
    return result;
  };

  test('has the same parameter names and shapes', () => {
    const ours = [...namedParameters(unet)].map(([key, { shape }]) => [key, [...shape]]);
    expect(Object.fromEntries(ours)).toEqual(parameters);
  });

  test('has the same output within 1e-4', async () => {
    const result = await run({ out });
    expect(largest(difference(result['out']!, io.get('out_sample')!))).toBeLessThan(1e-4);
  });

  const trained = io.get('out_training');
  if (trained) {
    test('has the same output in training, where its dropout has the same masks', async () => {
      const training = unet.forward(bind(unet, { training: true }), sample!, timestep!);
      const result = await run({ training }, { ...given, [randomKeyInput]: randomKey(3, 5) });
      expect(largest(difference(result['training']!, trained))).toBeLessThan(1e-4);
      expect(largest(difference(result['training']!, io.get('out_sample')!))).toBeGreaterThan(0.1);
    });
  }

  if (io.has('grad.sample')) {
    test('has the same gradients within 1e-5 of the largest, of every parameter and of the sample', async () => {
      const loss = mean(square(sub(out, input('target', out.shape))));
      const wrt = [...ctx.parameters, ['sample', sample!] as const];
      const gradients = grad(
        loss,
        wrt.map(([, tensor]) => tensor),
      );
      const result = await run(Object.fromEntries(wrt.map(([key], i) => [`grad.${key}`, gradients[i]!])), {
        ...given,
        target: io.get('target')!,
      });
      const expected = [...io.keys()].filter((key) => key.startsWith('grad.'));
      expect(Object.keys(result).sort()).toEqual(expected.sort());
      for (const key of expected) {
        // A bias of all keys alike cancels in the softmax: its gradient is zero, and measured by that of the keys' weights.
        const scale = io.get(key.replace('to_k.bias', 'to_k.weight'))!.data as Float32Array;
        expect(largest(difference(result[key]!, io.get(key)!)) / largest(scale), key).toBeLessThan(1e-5);
      }
    });
  }
});

describe('the fixtures together', () => {
  const configs = Object.entries(cases).map(([name, { config }]) =>
    parseConfig(unet2DConfigSchema, asDiffusersRuns(fromHuggingFace(config)), name),
  );
  const used = (values: (config: UNet2DConfig) => readonly unknown[]) => new Set(configs.flatMap(values));

  test('have every option at two values or more', () => {
    for (const key of Object.keys(unet2DConfigSchema.shape) as (keyof UNet2DConfig)[]) {
      expect(used((config) => [JSON.stringify(config[key])]).size, key).toBeGreaterThan(1);
    }
  });

  test('have every block, activation and kind of embedding', () => {
    expect(used(({ downBlockTypes: types }) => types.map(presentName))).toEqual(new Set(Object.keys(downBlockTypes)));
    expect(used(({ upBlockTypes: types }) => types.map(presentName))).toEqual(new Set(Object.keys(upBlockTypes)));
    expect(used(({ actFn }) => [actFn])).toEqual(new Set(['silu', 'swish', 'mish', 'gelu', 'relu']));
    expect(used(({ timeEmbeddingType }) => [timeEmbeddingType])).toEqual(new Set(['positional', 'fourier', 'learned']));
    expect(used(({ classEmbedType }) => [classEmbedType])).toEqual(new Set([null, 'timestep', 'identity']));
  });
});

describe('what diffusers cannot run', () => {
  const small = { blockOutChannels: [8, 16], layersPerBlock: 1, normNumGroups: 4, attentionHeadDim: 4 };
  const plain = { downBlockTypes: ['DownBlock2D', 'DownBlock2D'], upBlockTypes: ['UpBlock2D', 'UpBlock2D'] };
  const attention = {
    downBlockTypes: ['AttnDownBlock2D', 'AttnDownBlock2D'],
    upBlockTypes: ['AttnUpBlock2D', 'AttnUpBlock2D'],
  };
  const k = {
    blockOutChannels: [32, 32],
    downBlockTypes: ['KDownBlock2D', 'KDownBlock2D'],
    upBlockTypes: ['KUpBlock2D', 'KUpBlock2D'],
  };

  test.each([
    ['padding that changes the size', { ...plain, downsamplePadding: 2 }, 'downsamplePadding'],
    ['the same by default blocks', { downsamplePadding: 2 }, 'downsamplePadding'],
    ['no downsampling', { ...attention, downsampleType: 'pool' }, 'downsampleType'],
    ['no upsampling', { ...attention, upsampleType: 'pool' }, 'upsampleType'],
    ['another shift with a middle block', { ...k, resnetTimeScaleShift: 'ada_group' }, 'resnetTimeScaleShift'],
    [
      'another shift with other blocks',
      { ...plain, midBlockType: null, resnetTimeScaleShift: 'ada_group' },
      'resnetTimeScaleShift',
    ],
    ['heads of nothing', { ...attention, attentionHeadDim: 0 }, 'attentionHeadDim'],
    ['a table of no times', { ...plain, timeEmbeddingType: 'learned', numTrainTimesteps: 0 }, 'numTrainTimesteps'],
    ['a share above 1', { ...plain, dropout: 1.5 }, 'dropout'],
  ])('is refused by its name: %s', (_, options, name) => {
    const config = asDiffusersRuns({ ...small, ...options });
    expect(() => parseConfig(unet2DConfigSchema, config, 'unet')).toThrow(`unet.${name}: `);
  });

  test('and a person who trains is held to the names there are', () => {
    expect(() => parseConfig(unet2DConfigSchema, { classEmbedType: 'timestpe' }, 'config.model')).toThrow(
      'config.model.classEmbedType: ',
    );
  });
});
