import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hashed } from '../../test/golden/hashed.ts';
import { readInception } from '../checkpoint/index.ts';
import { float32, freeze, input, program, sizeOf, type HostArray } from '../core/index.ts';
import { floatsToHalf, readSafetensors, writeSafetensors } from '../formats/index.ts';
import { InceptionV3 } from '../models/index.ts';
import { bind, namedParameters } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { readFeatures } from './open-features.ts';
import { programFeatures } from './program-features.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuosan-inception-'));
const executor = createNodeExecutor({ threads: 1 });
afterAll(async () => {
  await executor.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** The shapes of torchvision's tensors, without what hangs on the features. */
function stateShapes(): Map<string, readonly number[]> {
  const shapes = [...namedParameters(new InceptionV3('fid'))].flatMap(
    ([name, { shape }]): [string, readonly number[]][] => {
      const stored = name.replace(/^./, (letter) => letter.toUpperCase());
      if (stored.endsWith('.weight')) return [[stored, shape]];
      return ['weight', 'bias', 'running_mean', 'running_var'].map((part) => [
        stored.replace(/conv\.bias$/, `bn.${part}`),
        shape,
      ]);
    },
  );
  // Python's order: capitals before small letters, as code units have it.
  return new Map(shapes.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** As in inception.py; float16. */
function stateOf(classes: number): Map<string, HostArray> {
  const ranges: Readonly<Record<string, readonly [number, number]>> = {
    weight: [0.9, 0.2],
    bias: [-0.1, 0.2],
    running_mean: [-0.1, 0.2],
    running_var: [0.5, 1],
  };
  const half = (shape: readonly number[], values: Float64Array): HostArray => ({
    dtype: 'f16',
    shape,
    data: floatsToHalf(Float32Array.from(values)),
  });
  const state = new Map<string, HostArray>(
    [...stateShapes()].map(([name, shape], seed) => {
      const bound = Math.sqrt(6 / sizeOf(shape.slice(1)));
      const [low, width] = shape.length === 4 ? [-bound, 2 * bound] : ranges[name.split('.').at(-1)!]!;
      return [
        name,
        half(
          shape,
          hashed(sizeOf(shape), seed % 256).map((u) => low + width * u),
        ),
      ];
    }),
  );
  state.set('fc.weight', half([classes, 2048], new Float64Array(classes * 2048)));
  state.set('fc.bias', half([classes], new Float64Array(classes)));
  return state;
}

const golden = readSafetensors(
  readFileSync(new URL('../../test/golden/inception.safetensors', import.meta.url)),
).tensors;
const path = (name: string) => join(folder, name);

beforeAll(() => {
  for (const [name, classes] of [
    ['torchvision', 1000],
    ['fid', 1008],
  ] as const)
    writeFileSync(path(`${name}.safetensors`), writeSafetensors(stateOf(classes)));
});

describe.each(['torchvision', 'fid'] as const)('the Inception of %s', (variant) => {
  test('has the features of the Python original', async () => {
    const { model, weights, variant: found } = await readInception(path(`${variant}.safetensors`));
    expect(found).toBe(variant);
    const size = 107;
    const built = freeze(
      program({ outputs: { features: model.forward(bind(model), input('images', [1, 3, size, size])) } }),
      weights,
    );
    const extractor = await programFeatures(executor, built, { name: variant, isFid: false });
    const { data } = await extractor.extract(
      float32(
        [1, 3, size, size],
        Float32Array.from(hashed(3 * size * size, 200), (u) => Math.fround(2 * u - 1)),
      ),
    );
    await extractor.dispose();
    const expected = golden.get(variant)!.data as Float32Array;
    const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    // Ninety-four convolutions in float32, and each batch norm rounded once more into its convolution.
    expect(Math.max(...data.map((x, i) => Math.abs(x - expected[i]!))) / largest).toBeLessThan(2e-5);
  }, 60_000);

  test('gives its number its name', async () => {
    const { name, isFid, imageShape } = await readFeatures(path(`${variant}.safetensors`));
    expect({ name, isFid, imageShape }).toEqual({
      name: `Inception v3 (${variant}.safetensors, bicubic)`,
      isFid: variant === 'fid',
      imageShape: null,
    });
  });
});

test('the two differ by their pooling', () => {
  const [a, b] = ['torchvision', 'fid'].map((name) => golden.get(name)!.data as Float32Array) as [
    Float32Array,
    Float32Array,
  ];
  expect(Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))).toBeGreaterThan(0.01);
});

describe('a file that is not what it claims to be', () => {
  const write = (name: string, change: (state: Map<string, HostArray>) => void) => {
    const state = new Map<string, HostArray>(
      [...stateShapes()].map(([key]) => [key, { dtype: 'f16', shape: [1], data: new Uint16Array(1) }]),
    );
    state.set('fc.weight', { dtype: 'f16', shape: [1008, 1], data: new Uint16Array(1008) });
    change(state);
    writeFileSync(path(name), writeSafetensors(state));
    return path(name);
  };

  test.each([
    [
      'has tensors of other shapes',
      () => write('shapes.safetensors', () => {}),
      /^features .*shapes\.safetensors: tensor "Conv2d_1a_3x3\.conv\.weight" is \[1\], expected \[32, 3, 3, 3\] \(at byte \d+\) \(and \d+ more of another shape\); the file holds no Inception v3/,
    ],
    [
      'is another network',
      () =>
        write('other.safetensors', (state) => {
          state.clear();
          state.set('conv1.weight', { dtype: 'f16', shape: [1], data: new Uint16Array(1) });
        }),
      /^features .*other\.safetensors: is no Inception v3, it has no fc\.weight; save the state_dict/,
    ],
    [
      'is no safetensors file',
      () => {
        writeFileSync(path('text.safetensors'), 'PK\u0003\u0004 a pickle');
        return path('text.safetensors');
      },
      /^checkpoint .*text\.safetensors: is damaged; get it again/,
    ],
    ['is not there', () => path('nothing.safetensors'), /^features .*nothing\.safetensors: there is no such file$/],
  ])('%s', async (_, file, message) => {
    await expect(readFeatures(file())).rejects.toThrow(message);
  });
});
