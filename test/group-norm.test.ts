/** Statistics of images whose mean is large next to their deviation, with every engine's kernels. */
import { afterAll, expect, test } from 'vitest';
import {
  createInterpreter,
  float32,
  grad,
  groupNorm,
  input,
  mul,
  program,
  RandomStream,
  sizeOf,
  sum,
  type Executor,
  type HostArray,
} from '../src/core/index.ts';
import { loadModel } from '../src/checkpoint/index.ts';
import { denoiserProgram } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { createSessionExecutor } from '../src/runtime/session-executor.ts';
import { SessionHost } from '../src/runtime/session-host.ts';
import { webEngine } from '../src/runtime/web/web-engine.ts';
import { swiftShader } from './swift-shader.ts';

const blocked = createNodeExecutor({ threads: 1, worker: false });
const standard = createNodeExecutor({ threads: 1, worker: false, cpuKernels: 'standard' });
const executors: Readonly<Record<string, Executor>> = {
  'blocked kernels': blocked,
  'standard operators': standard,
  WebAssembly: createSessionExecutor(new SessionHost(await webEngine({ provider: 'wasm', threads: 1 })), {
    device: 'wasm',
  }),
  ...(swiftShader && { WebGPU: createNodeExecutor({ device: 'webgpu', env: swiftShader }) }),
};
afterAll(() => Promise.all(Object.values(executors).map((executor) => executor.dispose())));

const channels = 32;
/** Each image around its own mean, with deviation 1. */
function images(means: readonly number[]): HostArray {
  const shape = [means.length, channels, 8, 8];
  const random = new RandomStream(1, 'images');
  const size = sizeOf(shape) / means.length;
  return float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => means[Math.floor(i / size)]! + random.normal()),
  );
}

async function normalized(executor: Executor, x: HostArray, groups: number): Promise<Float32Array> {
  const y = groupNorm(input('x', x.shape), input('gain', [channels]), input('shift', [channels]), {
    groups,
    eps: 1e-5,
  });
  const executable = await executor.compile(program({ outputs: { y } }));
  const { y: result } = await executable.run(null, {
    x,
    gain: float32([channels], new Float32Array(channels).fill(1)),
    shift: float32([channels], new Float32Array(channels)),
  });
  await executable.dispose();
  return result!.data as Float32Array;
}

const largest = (a: Float32Array, b: ArrayLike<number>) =>
  a.reduce((most, v, i) => Math.max(most, Math.abs(v - b[i]!)), 0);

test.each(
  Object.entries(executors).flatMap(([name, executor]) =>
    [10, 100, 1000, 3000, 30_000].map((mean) => ({ name, executor, mean })),
  ),
)('group norm keeps its variance with $name at mean $mean', async ({ executor, mean }) => {
  for (const groups of [channels, 8]) {
    const x = images([mean, -mean]);
    // A float32 near the mean is rounded to mean · 2⁻²⁴; some sixteen of those, and as many of the result's own.
    expect(
      largest(await normalized(executor, x, groups), await normalized(createInterpreter(), x, groups)),
    ).toBeLessThan(16 * 2 ** -24 * (mean + 4));
  }
});

test.each([100, 1000])('its gain has the gradient of float32 sums at mean %d', async (mean) => {
  const x = images([mean, -mean]);
  const random = new RandomStream(2, 'gradient');
  const g = float32(
    x.shape,
    Float32Array.from({ length: x.data.length }, () => random.normal()),
  );
  const gain = input('gain', [channels]);
  const y = groupNorm(input('x', x.shape), gain, input('shift', [channels]), { groups: 8, eps: 1e-5 });
  const [dGain] = grad(sum(mul(y, input('g', g.shape)), [0, 1, 2, 3]), [gain]);
  const given = {
    x,
    g,
    gain: float32([channels], new Float32Array(channels).fill(1)),
    shift: float32([channels], new Float32Array(channels)),
  };
  const gradient = async (executor: Executor) => {
    const executable = await executor.compile(program({ outputs: { dGain: dGain! } }));
    return (await executable.run(null, given))['dGain']!.data as Float32Array;
  };
  const exact = await gradient(createInterpreter());
  // Two sums of 128 products near the mean, each off by a rounding of its size: PyTorch's are the same (decision 44).
  for (const executor of [blocked, standard])
    expect(largest(await gradient(executor), exact)).toBeLessThan(128 * 2 ** -24 * mean * 4);
});

test('an image is normalized to the same bits next to one whose mean is far from zero', async () => {
  const both = images([0, 1000]);
  const size = both.data.length / 2;
  const twice = float32(
    both.shape,
    Float32Array.from({ length: 2 * size }, (_, i) => both.data[i % size] as number),
  );
  const alone = await normalized(blocked, twice, 8);
  const inCompany = await normalized(blocked, both, 8);
  expect(inCompany.subarray(0, size)).toEqual(alone.subarray(0, size));
});

test('a group of one value is the shift', async () => {
  const flat = float32([1, channels, 8, 8], new Float32Array(channels * 64).fill(1234.567));
  for (const executor of Object.values(executors))
    expect(largest(await normalized(executor, flat, 8), new Float32Array(channels * 64))).toBeLessThan(0.1);
});

test("a network that is shown a white image gives the same with both kinds of the processor's kernels", async () => {
  const { network, weights } = await loadModel('noto-32');
  const shape = network.sample;
  const sample = float32([1, ...shape], new Float32Array(sizeOf(shape)).fill(1));
  const [first, second] = await Promise.all(
    [blocked, standard].map(async (executor) => {
      const executable = await executor.compile(denoiserProgram(network, 1));
      const store = await executor.createStore(
        Object.fromEntries([...weights].map(([name, { shape: extents, dtype }]) => [name, { shape: extents, dtype }])),
        weights,
      );
      const result = await executable.run(store, {
        sample,
        timestep: float32([1], Float32Array.of(0)),
        class_labels: { shape: [1], dtype: 'i64', data: BigInt64Array.of(0n) },
      });
      return Object.values(result)[0]!.data as Float32Array;
    }),
  );
  expect(largest(first!, second!)).toBeLessThan(1e-4);
});
