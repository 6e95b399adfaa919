import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as ort from 'onnxruntime-node';
import { afterAll, describe, expect, test } from 'vitest';
import { float32, RandomStream, sizeOf, type HostArray } from '../core/index.ts';
import { schedulerConfig } from '../diffusion/index.ts';
import { halfToFloats } from '../formats/half.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { fromHuggingFace, UNet2DModel, type UNet2DOptions } from '../models/index.ts';
import { initialValues } from '../nn/index.ts';
import { decodeModel } from '../onnx/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { denoiserProgram } from './denoising-loss.ts';
import type { ImageShape } from './image-sampler.ts';
import { exportOnnx, type ModelToExport } from './export-onnx.ts';

const fixtures = fileURLToPath(new URL('../../test/golden/unet2d/', import.meta.url));
const tensorsOf = (path: string) => readSafetensors(readFileSync(path)).tensors as ReadonlyMap<string, HostArray>;
const scheduler = schedulerConfig();

function fixture(name: string) {
  const config = fromHuggingFace(
    JSON.parse(readFileSync(`${fixtures}${name}/config.json`, 'utf8')) as Record<string, unknown>,
  );
  const io = tensorsOf(`${fixtures}${name}/io.safetensors`);
  const [batch, ...imageShape] = io.get('sample')!.shape as readonly [number, ...ImageShape];
  const model: ModelToExport = {
    network: new UNet2DModel({ ...(config as UNet2DOptions), sampleSize: [imageShape[1], imageShape[2]] }),
    weights: tensorsOf(`${fixtures}${name}/diffusion_pytorch_model.safetensors`),
    scheduler,
  };
  const inputs: Record<string, HostArray> = {
    sample: io.get('sample')!,
    timestep: float32([batch], Float32Array.from(io.get('timestep')!.data as BigInt64Array, Number)),
    ...(io.has('class_labels') && { class_labels: io.get('class_labels')! }),
  };
  return { model, inputs, batch, imageShape, expected: io.get('out_sample')!.data as Float32Array };
}

/** Row `index` of every input, `count` times. */
function repeated(
  inputs: Readonly<Record<string, HostArray>>,
  index: number,
  count: number,
): Record<string, HostArray> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape, data }]) => {
      const rest = shape.slice(1);
      const row = data.slice(index * sizeOf(rest), (index + 1) * sizeOf(rest));
      const all = Array.from({ length: count }, () => Array.from(row as Float32Array)).flat();
      return [
        name,
        {
          dtype,
          shape: [count, ...rest],
          data: dtype === 'i64' ? BigInt64Array.from(all.map(BigInt)) : Float32Array.from(all),
        },
      ];
    }),
  );
}

async function run(bytes: Uint8Array, inputs: Readonly<Record<string, HostArray>>): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape, data }]) => [
      name,
      new ort.Tensor(dtype === 'i64' ? 'int64' : 'float32', data as Float32Array, shape),
    ]),
  );
  const result = await session.run(feeds);
  await session.release();
  return result['out_sample']!.data as Float32Array;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i]!)), 0);
}

const names = readdirSync(fixtures).filter((name) => !name.includes('.'));

describe.each(names)('an exported model, diffusers fixture %s', (name) => {
  const { model, inputs, batch, imageShape, expected } = fixture(name);
  const row = (sizeOf(imageShape) / imageShape[0]) * model.network.outputs[0]!;

  test('computes what diffusers computes, at any batch, to 1e-4', async () => {
    const bytes = exportOnnx(model);
    expect(largestDifference(await run(bytes, inputs), expected)).toBeLessThan(1e-4);
    for (const count of [1, 3]) {
      const out = await run(bytes, repeated(inputs, batch - 1, count));
      for (let i = 0; i < count; i++)
        expect(
          largestDifference(out.subarray(i * row, (i + 1) * row), expected.subarray((batch - 1) * row, batch * row)),
        ).toBeLessThan(1e-4);
    }
  });

  test('computes it at a fixed batch, and takes no other', async () => {
    const bytes = exportOnnx(model, { batch });
    expect(largestDifference(await run(bytes, inputs), expected)).toBeLessThan(1e-4);
    await expect(run(bytes, repeated(inputs, 0, batch + 1))).rejects.toThrow(/invalid dimensions/);
  });
});

describe('weights in float16', () => {
  const { model, inputs, batch } = fixture('classes');
  const executor = createNodeExecutor({ threads: 1, worker: false });
  afterAll(() => executor.dispose());

  test('are stored as such, and the model computes in float32 what their values give', async () => {
    const bytes = exportOnnx(model, { dtype: 'f16' });
    const { initializer } = decodeModel(bytes).graph;
    const rounded = new Map(
      [...model.weights].map(([name, { shape }]) => {
        const stored = initializer.find((tensor) => tensor.name === name)!;
        expect(stored.dataType).toBe(10);
        return [name, float32(shape, halfToFloats(new Uint16Array(stored.rawData!.slice().buffer)))];
      }),
    );
    const executable = await executor.compile(denoiserProgram(model.network, batch));
    const store = await executor.createStore(
      Object.fromEntries([...rounded].map(([name, { shape }]) => [name, { shape, dtype: 'f32' as const }])),
      rounded,
    );
    const ours = (await executable.run(store, inputs))['out_sample']!.data as Float32Array;
    expect(largestDifference(await run(bytes, inputs), ours)).toBeLessThan(1e-5);
  });
});

describe('what an exported model says of itself', () => {
  const unet = new UNet2DModel({
    sampleSize: 8,
    blockOutChannels: [16],
    layersPerBlock: 1,
    normNumGroups: 4,
    downBlockTypes: ['DownBlock2D'],
    upBlockTypes: ['UpBlock2D'],
  });
  const weights = initialValues(unet, 0);

  test('is the names of its weights, its interface, and where it comes from', () => {
    const { graph, irVersion, opsetImport, metadataProps } = decodeModel(
      exportOnnx({ network: unet, weights, scheduler }, { metadata: { license: 'MIT' } }),
    );
    expect({ irVersion, opsetImport }).toEqual({ irVersion: 8, opsetImport: [{ domain: '', version: 18 }] });
    expect(graph.input.map(({ name }) => name)).toEqual(['sample', 'timestep']);
    expect(graph.output.map(({ name }) => name)).toEqual(['out_sample']);
    const stored = graph.initializer.map(({ name }) => name);
    expect([...weights.keys()].filter((name) => !stored.includes(name))).toEqual([]);
    const facts = Object.fromEntries(metadataProps.map(({ key, value }) => [key, value]));
    expect(facts['license']).toBe('MIT');
    expect(JSON.parse(facts['model_config']!)).toMatchObject({
      _class_name: 'UNet2DModel',
      sample_size: 8,
      block_out_channels: [16],
    });
    // Floats are floats for Python, also where they are whole.
    expect(facts['model_config']).toMatch(/"mid_block_scale_factor":\d+\.\d/);
    expect(facts['model_config']).toMatch(/"layers_per_block":\d+,/);
    expect(facts['scheduler_config']).toMatch(/"clip_sample_range":\d+\.\d/);
    expect(JSON.parse(facts['scheduler_config']!)).toMatchObject({
      _class_name: 'DDPMScheduler',
      num_train_timesteps: 1000,
      prediction_type: 'epsilon',
    });
  });

  test('is the same for the same model', () => {
    expect(exportOnnx({ network: unet, weights, scheduler })).toEqual(
      exportOnnx({ network: unet, weights, scheduler }),
    );
  });

  test('has no operator whose result nobody needs', () => {
    const { graph } = decodeModel(exportOnnx({ network: unet, weights, scheduler }));
    const needed = new Set([...graph.node.flatMap(({ input }) => input), 'out_sample']);
    expect(graph.node.filter(({ output }) => !output.some((name) => needed.has(name)))).toEqual([]);
    expect(graph.initializer.filter(({ name }) => !needed.has(name!))).toEqual([]);
  });

  test('is refused where it cannot be right', () => {
    expect(() => exportOnnx({ network: unet, weights: new Map([...weights].slice(1)), scheduler })).toThrow(
      'exportOnnx: missing tensor "conv_in.weight"',
    );
    expect(() => exportOnnx({ network: unet, weights, scheduler }, { batch: 0 })).toThrow(
      "exportOnnx: expected a batch of a positive integer or 'symbolic', got 0",
    );
    const large = new Map(weights).set(
      'conv_in.bias',
      float32(
        [16],
        new RandomStream(0, 'large').fillNormal(new Float32Array(16)).map((z) => z * 1e6),
      ),
    );
    expect(() => exportOnnx({ network: unet, weights: large, scheduler }, { dtype: 'f16' })).toThrow(
      /^exportOnnx: tensor "conv_in\.bias" holds .*, float16 ends at 65504; write it as f32$/,
    );
    const sizeless = new UNet2DModel({ ...unet.config, sampleSize: null });
    expect(() => exportOnnx({ network: sizeless, weights, scheduler })).toThrow(
      'unet: the configuration has no sample_size, so the size of its images is unknown; give it one',
    );
  });
});
