import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { grad, input, mean, program, square, sub, type HostArray, type Tensor } from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bind, countParameters, namedParameters } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { fromHuggingFace } from './config.ts';
import { UNet2DModel, type UNet2DOptions } from './unet-2d.ts';

const fixtures = fileURLToPath(new URL('../../test/golden/unet2d/', import.meta.url));
const executor = createNodeExecutor({ threads: 2, worker: false });
afterAll(() => executor.dispose());

const tensorsOf = (path: string) => readSafetensors(readFileSync(path)).tensors as ReadonlyMap<string, HostArray>;

function largestDifference(a: HostArray, b: HostArray): number {
  const [x, y] = [a.data as Float32Array, b.data as Float32Array];
  return x.reduce((worst, v, i) => Math.max(worst, Math.abs(v - y[i]!)), 0);
}

describe.each(readdirSync(fixtures).filter((name) => !name.includes('.')))('diffusers fixture %s', (name) => {
  const config = fromHuggingFace(JSON.parse(readFileSync(`${fixtures}${name}/config.json`, 'utf8')) as Record<string, unknown>);
  const weights = tensorsOf(`${fixtures}${name}/diffusion_pytorch_model.safetensors`);
  const io = tensorsOf(`${fixtures}${name}/io.safetensors`);
  const unet = new UNet2DModel(config as UNet2DOptions);
  const sample = io.get('sample')!;
  const labels = io.get('class_labels');
  const timestep: HostArray = { dtype: 'f32', shape: io.get('timestep')!.shape, data: Float32Array.from(io.get('timestep')!.data as BigInt64Array, Number) };
  const inputs = { sample, timestep, ...(labels ? { classLabels: labels } : {}) };
  const x = input('sample', sample.shape);
  const ctx = bind(unet);
  const out = unet.forward(ctx, x, input('timestep', timestep.shape), labels && input('classLabels', labels.shape, 'i64'));

  test('has the same parameter names and shapes', () => {
    const ours = new Map([...namedParameters(unet)].map(([key, { shape }]) => [key, [...shape]]));
    expect(new Map([...ours].sort())).toEqual(new Map([...weights].map(([key, { shape }]) => [key, [...shape]] as const).sort()));
  });

  test('has the same output within 1e-4', async () => {
    const executable = await executor.compile(program({ outputs: { out } }));
    const store = await executor.createStore(Object.fromEntries([...weights].map(([key, { shape, dtype }]) => [key, { shape, dtype }])), weights);
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
      parameters.forEach(([key], i) => { outputs[`grad.${key}`] = gradients[i + 1]!; });
      const executable = await executor.compile(program({ outputs }));
      const store = await executor.createStore(Object.fromEntries([...weights].map(([key, { shape, dtype }]) => [key, { shape, dtype }])), weights);
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
  const shared: UNet2DOptions = { layersPerBlock: 2, normEps: 1e-6, freqShift: 1, flipSinToCos: false, downsamplePadding: 0, attentionHeadDim: null };

  test('google/ddpm-cifar10-32 has 35,746,307 parameters', () => {
    expect(countParameters(new UNet2DModel({
      ...shared, sampleSize: 32, blockOutChannels: [128, 256, 256, 256],
      downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D'], upBlockTypes: ['UpBlock2D', 'UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
    }))).toBe(35_746_307);
  });

  test('DDPM\'s model for 256 × 256 has 113,673,219', () => {
    expect(countParameters(new UNet2DModel({
      ...shared, sampleSize: 256, blockOutChannels: [128, 128, 256, 256, 512, 512],
      downBlockTypes: ['DownBlock2D', 'DownBlock2D', 'DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D'],
      upBlockTypes: ['UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D', 'UpBlock2D', 'UpBlock2D'],
    }))).toBe(113_673_219);
  });
});

describe('a configuration that cannot build', () => {
  test.each<[string, UNet2DOptions, string]>([
    ['lists of different lengths', { blockOutChannels: [32, 32] }, 'blockOutChannels has 2 levels, downBlockTypes 4'],
    ['groups that do not divide', { blockOutChannels: [30], downBlockTypes: ['DownBlock2D'], upBlockTypes: ['UpBlock2D'] }, '30 channels do not split into 32 groups'],
    ['heads that do not divide', { blockOutChannels: [32], downBlockTypes: ['AttnDownBlock2D'], upBlockTypes: ['UpBlock2D'], attentionHeadDim: 5 }, '32 channels do not split into heads of 5'],
  ])('says what contradicts: %s', (_, options, message) => {
    expect(() => new UNet2DModel(options)).toThrow(message);
  });
});
