import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { weightValues } from '../../test/golden/named-weights.ts';
import { grad, input, mean, program, square, sub, type HostArray, type Tensor } from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bind, countParameters, namedParameters } from '../nn/index.ts';
import { difference, largest } from '../../test/differences.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { fromHuggingFace, parseConfig } from './config.ts';
import { UNet2DConditionModel, type TextConditions } from './unet-2d-condition.ts';
import { textDownBlockTypes, textMidBlockTypes, textUpBlockTypes } from './unet-2d-condition/block-types.ts';
import { unet2DConditionConfigSchema, type UNet2DConditionConfig } from './unet-2d-condition/config.ts';
import { presentName } from './unet-2d/block-types.ts';

interface Case {
  readonly config: Record<string, unknown>;
  readonly parameters: Record<string, number[]>;
}

const fixtures = fileURLToPath(new URL('../../test/golden/unet2d-condition/', import.meta.url));
const cases = JSON.parse(readFileSync(`${fixtures}cases.json`, 'utf8')) as Record<string, Case>;
const counts = JSON.parse(readFileSync(`${fixtures}counts.json`, 'utf8')) as Record<
  string,
  { readonly config: Record<string, unknown>; readonly parameters: number }
>;
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

const parse = (name: string, config: Record<string, unknown>) =>
  parseConfig(unet2DConditionConfigSchema, fromHuggingFace(config), name);

const notConditions = /^(sample|timestep|target|out_sample|grad\..*)$/;

describe.each(Object.keys(cases))('diffusers fixture %s', (name) => {
  const { config, parameters } = cases[name]!;
  const io = readSafetensors(readFileSync(`${fixtures}${name}.safetensors`)).tensors;
  const unet = new UNet2DConditionModel(parse(name, config));
  const weights = new Map(Object.entries(parameters).map(([key, shape]) => [key, weightValues(key, shape)]));
  const conditionNames = [...io.keys()].filter((key) => !notConditions.test(key)) as (keyof TextConditions)[];
  const given = Object.fromEntries(['sample', 'timestep', ...conditionNames].map((key) => [key, io.get(key)!]));
  const inputs = Object.fromEntries(
    Object.entries(given).map(([key, { shape, dtype }]) => [key, input(key, shape, dtype)]),
  ) as Record<string, Tensor>;
  const { sample, timestep, ...conditions } = inputs;
  const ctx = bind(unet);
  const out = unet.forward(ctx, sample!, timestep!, conditions);
  const run = async (outputs: Record<string, Tensor>, values: Record<string, HostArray> = given) => {
    const executable = await executor.compile(program({ outputs }));
    const spec = Object.fromEntries([...weights].map(([key, { shape, dtype }]) => [key, { shape, dtype }]));
    const store = await executor.createStore(spec, weights);
    const result = await executable.run(store, values);
    await executable.dispose();
    return result;
  };

  test('has the same parameter names and shapes', () => {
    const ours = [...namedParameters(unet)].map(([key, { shape }]) => [key, [...shape]]);
    expect(Object.fromEntries(ours)).toEqual(parameters);
  });

  test('takes the conditions that it was given, and says which', () => {
    const required = unet.inputs.filter(({ optional }) => !optional).map((taken) => taken.name);
    expect(conditionNames).toEqual(expect.arrayContaining(required));
    expect(unet.inputs.map((taken) => taken.name)).toEqual(expect.arrayContaining(conditionNames));
  });

  test('has the same output within 1e-4', async () => {
    const result = await run({ out });
    expect(largest(difference(result['out']!, io.get('out_sample')!))).toBeLessThan(1e-4);
  });

  if (io.has('grad.sample')) {
    test('has the same gradients within 1e-5 of the largest, of every parameter, the sample and the text', async () => {
      const loss = mean(square(sub(out, input('target', out.shape))));
      const wrt: (readonly [string, Tensor])[] = [
        ...ctx.parameters,
        ['sample', sample!],
        ['encoderHiddenStates', conditions['encoderHiddenStates']!],
      ];
      const gradients = grad(
        loss,
        wrt.map(([, tensor]) => tensor),
      );
      const outputs = Object.fromEntries(wrt.map(([key], i) => [`grad.${key}`, gradients[i]!]));
      const result = await run(outputs, { ...given, target: io.get('target')! });
      const expected = [...io.keys()].filter((key) => key.startsWith('grad.'));
      expect(Object.keys(result).sort()).toEqual(expected.sort());
      for (const key of expected) {
        // A bias of all keys alike cancels in the softmax: its gradient is zero, and measured by that of the keys' weights.
        const scale = io.get(key.replace(/((?:to_k|k_proj|add_k_proj)\.)bias/, '$1weight'))!.data as Float32Array;
        expect(largest(difference(result[key]!, io.get(key)!)) / largest(scale), key).toBeLessThan(1e-5);
      }
    });
  }
});

describe('the fixtures together', () => {
  const configs = Object.entries(cases).map(([name, { config }]) => parse(name, config));
  const used = (values: (config: UNet2DConditionConfig) => readonly unknown[]) => new Set(configs.flatMap(values));

  test('have every option at two values or more', () => {
    const fixed = new Set(['numAttentionHeads', 'attentionType']); // diffusers, and this library, take one value only
    const keys = Object.keys(unet2DConditionConfigSchema.shape) as (keyof UNet2DConditionConfig)[];
    const same = keys.filter((key) => used((config) => [JSON.stringify(config[key])]).size === 1);
    expect(new Set(same)).toEqual(fixed);
  });

  test('have every block and kind of embedding', () => {
    const down = used(({ downBlockTypes }) => downBlockTypes.map(presentName));
    const up = used(({ upBlockTypes }) => upBlockTypes.map(presentName));
    expect(down).toEqual(new Set(Object.keys(textDownBlockTypes)));
    expect(up).toEqual(new Set(Object.keys(textUpBlockTypes)));
    expect(used(({ midBlockType }) => [midBlockType])).toEqual(new Set([null, ...Object.keys(textMidBlockTypes)]));
    const classes = [null, 'timestep', 'identity', 'projection', 'simple_projection'];
    expect(used(({ classEmbedType }) => [classEmbedType])).toEqual(new Set(classes));
    const additions = [null, 'text', 'text_image', 'text_time', 'image'];
    expect(used(({ additionEmbedType }) => [additionEmbedType])).toEqual(new Set(additions));
    const encoders = [null, 'text_proj', 'text_image_proj', 'image_proj'];
    expect(used(({ encoderHidDimType }) => [encoderHidDimType])).toEqual(new Set(encoders));
  });
});

test.each(Object.keys(counts))('%s has as many parameters as it is published with', (name) => {
  const { config, parameters } = counts[name]!;
  expect(countParameters(new UNet2DConditionModel(parse(name, config)))).toBe(parameters);
});

test('Stable Diffusion 1.5 has 859,520,964 parameters', () => {
  expect(counts['stable-diffusion-v1-5']!.parameters).toBe(859_520_964);
});

describe('what is not supported is refused with its name', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    [
      'a block with an image of its own',
      { downBlockTypes: ['SkipDownBlock2D'], upBlockTypes: ['UpBlock2D'], blockOutChannels: [32] },
      /takes an image along/,
    ],
    ['a hint of a ControlNet', { additionEmbedType: 'image_hint' }, /ControlNet of Kandinsky 2\.2 is not supported/],
    ['an IP-Adapter', { encoderHidDimType: 'ip_image_proj' }, /IP-Adapter is not supported/],
    ['gated attention', { attentionType: 'gated' }, /GLIGEN/],
    ['numAttentionHeads', { numAttentionHeads: 8 }, /attentionHeadDim/],
    ['an even kernel', { convInKernel: 4 }, /odd/],
    ['an unknown option', { crossAttentionDimension: 8 }, /did you mean crossAttentionDim\?/],
  ])('%s', (_, options, message) => {
    expect(() => parse('unet/config.json', options)).toThrow(message);
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['lists of another length', { layersPerBlock: [1, 2] }, /blockOutChannels has 4 levels, layersPerBlock 2/],
    [
      'a list for each level without the way back',
      { transformerLayersPerBlock: [[1, 1], 1, 1, 1] },
      /reverseTransformerLayersPerBlock/,
    ],
    ['an encoder without its width', { encoderHidDimType: 'image_proj' }, /needs encoderHidDim/],
    ['a projection without its width', { classEmbedType: 'projection' }, /needs projectionClassEmbeddingsInputDim/],
    ['concatenated classes without classes', { classEmbeddingsConcat: true }, /needs classes/],
  ])('%s', (_, options, message) => {
    expect(() => new UNet2DConditionModel(options)).toThrow(message);
  });

  test('conditions that it does not take, or lacks', () => {
    const unet = new UNet2DConditionModel({
      blockOutChannels: [32],
      downBlockTypes: ['CrossAttnDownBlock2D'],
      upBlockTypes: ['CrossAttnUpBlock2D'],
      crossAttentionDim: 6,
    });
    const ctx = bind(unet);
    const forward = (conditions: TextConditions) =>
      unet.forward(ctx, input('x', [2, 4, 8, 8]), input('t', [2]), conditions);
    const text = input('text', [2, 3, 6]);
    expect(() => forward({})).toThrow('unet: this network needs encoderHiddenStates');
    expect(() => forward({ encoderHiddenStates: text, imageEmbeds: input('e', [2, 6]) })).toThrow(
      'takes no imageEmbeds',
    );
    expect(() => forward({ encoderHiddenStates: input('text', [2, 3, 7]) })).toThrow(
      'is [2, 3, 7], expected [2, any, 6]',
    );
    expect(() => forward({ encoderHiddenStates: text, encoderAttentionMask: input('m', [2, 4]) })).toThrow(
      'attends to 3 tokens',
    );
  });
});
