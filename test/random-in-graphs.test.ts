import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import {
  createInterpreter,
  float32,
  grad,
  input,
  mul,
  program,
  randomKey,
  randomKeyWords,
  RandomStream,
  sizeOf,
  sum,
  uniform,
  type Executor,
  type Shape,
} from '../src/core/index.ts';
import { bind, Dropout, Module, randomKeyInput, type Context } from '../src/nn/index.ts';
import { toOnnx } from '../src/onnx/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { skipped, swiftShader } from './swift-shader.ts';

const node = createNodeExecutor({ threads: 2, spin: false, worker: false });
const interpreter = createInterpreter();
afterAll(() => node.dispose());

/** The numbers of a site, at step 0 of seed 1 unless told otherwise. */
async function draw(
  shape: Shape,
  { executor = node as Executor, seed = 1, step = 0, site = 'site' } = {},
): Promise<Float32Array> {
  const executable = await executor.compile(
    program({ outputs: { u: uniform(input('key', [randomKeyWords]), site, shape) } }),
  );
  const { u } = await executable.run(null, { key: randomKey(seed, step) });
  await executable.dispose();
  return u!.data as Float32Array;
}

// test/golden/uniform.py
const golden = JSON.parse(readFileSync(new URL('golden/uniform.json', import.meta.url), 'utf8')) as {
  positions: number[];
  cases: { seed: number; step: number; site: string; numbers: number[] }[];
};

describe('uniform', () => {
  test.each(golden.cases)(
    'of seed $seed, step $step, $site is what whole numbers give',
    async ({ numbers, ...named }) => {
      const u = await draw([100_000], named);
      expect(golden.positions.map((position) => u[position]! * 65536)).toEqual(numbers);
    },
  );

  test.each<[Shape]>([[[]], [[3]], [[512]], [[7, 73]], [[2, 3, 97]], [[70_001]]])(
    'has the same bits in the interpreter and in ONNX Runtime: %j',
    async (shape) => {
      for (const step of [0, 1, 2 ** 40])
        expect(await draw(shape, { step })).toEqual(await draw(shape, { step, executor: interpreter }));
    },
  );

  test('gives a position the same number in a tensor of any shape', async () => {
    const long = await draw([10_000]);
    expect(await draw([13, 77])).toEqual(long.subarray(0, 1001));
    expect(await draw([300])).toEqual(long.subarray(0, 300));
  });

  test('asks for a key of its own type', () => {
    expect(() => uniform(input('key', [2]), 'site', [3])).toThrow(
      'uniform: the key must be f32[6] (see randomKey), got f32[2]',
    );
  });
});

const size = 2 ** 20;
const centered = (u: Float32Array) => u.map((x) => (x - 0.5) * Math.sqrt(12));
/** The correlation of two sequences of unit variance in standard errors: a standard normal if they are independent. */
function correlation(a: Float32Array, b: Float32Array, lag = 0): number {
  let total = 0;
  const count = Math.min(a.length, b.length - lag);
  for (let i = 0; i < count; i++) total += a[i]! * b[i + lag]!;
  return total / Math.sqrt(count);
}

describe('uniform is random:', () => {
  // Every bound is five standard errors or the corresponding quantile: with seeds fixed, what passes once passes always.
  test.each([0, 1, 2])('each of 256 bins has its share (step %i)', async (step) => {
    const u = await draw([size], { step });
    const counts = new Float64Array(256);
    for (const x of u) counts[Math.floor(x * 256)]!++;
    const expected = size / 256;
    const chiSquare = counts.reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
    // Mean 255, variance 510.
    expect(Math.abs(chiSquare - 255)).toBeLessThan(5 * Math.sqrt(510));
    // The low bits as well: u is a multiple of 2⁻¹⁶.
    const low = new Float64Array(16);
    for (const x of u) low[(x * 65536) % 16]!++;
    expect(low.reduce((total, count) => total + (count - size / 16) ** 2 / (size / 16), 0)).toBeLessThan(
      15 + 5 * Math.sqrt(30),
    );
  });

  test('pairs of neighbors, and of positions above each other, fill a square evenly', async () => {
    const u = await draw([size]);
    for (const lag of [1, 2, 3, 256, 511, 512, 513, 1024, 4096]) {
      const counts = new Float64Array(256);
      for (let i = 0; i + lag < size; i++) counts[Math.floor(u[i]! * 16) * 16 + Math.floor(u[i + lag]! * 16)]!++;
      const expected = (size - lag) / 256;
      const chiSquare = counts.reduce((total, count) => total + (count - expected) ** 2 / expected, 0);
      expect(Math.abs(chiSquare - 255), `lag ${lag}`).toBeLessThan(5 * Math.sqrt(510));
    }
  });

  test('no two of a thousand rows or of 512 columns go together', async () => {
    const kept = centered(await draw([1024, 512]));
    const lines = {
      row: Array.from({ length: 1024 }, (_, i) => kept.subarray(i * 512, (i + 1) * 512)),
      column: Array.from({ length: 512 }, (_, j) =>
        Float32Array.from({ length: 1024 }, (_value, i) => kept[i * 512 + j]!),
      ),
    };
    for (const [kind, vectors] of Object.entries(lines)) {
      let [squares, largest] = [0, 0];
      for (let i = 0; i < vectors.length; i++) {
        for (let j = 0; j < i; j++) {
          const z = correlation(vectors[i]!, vectors[j]!);
          squares += z * z;
          largest = Math.max(largest, Math.abs(z));
        }
      }
      const pairs = (vectors.length * (vectors.length - 1)) / 2;
      expect(Math.abs(squares / pairs - 1), kind).toBeLessThan(5 * Math.sqrt(2 / pairs));
      // Of half a million normals the largest is near 5.
      expect(largest, kind).toBeLessThan(6);
    }
  });

  test('sites, steps and seeds are independent of each other', async () => {
    const named = [
      {},
      { site: 'sitf' },
      { site: 'dropout 0' },
      { site: 'dropout 1' },
      { step: 1 },
      { step: 2 },
      { step: 3 },
      { seed: 0 },
      { seed: 2 },
      { seed: 2, step: 1 },
    ];
    const sequences = await Promise.all(named.map(async (names) => centered(await draw([2 ** 16], names))));
    for (const [i, a] of sequences.entries()) {
      for (const b of sequences.slice(0, i))
        for (const lag of [0, 1, 512]) expect(Math.abs(correlation(a, b, lag))).toBeLessThan(5);
    }
  });

  test('a value through the steps of a run is too', async () => {
    const executable = await node.compile(
      program({ outputs: { u: uniform(input('key', [randomKeyWords]), 'site', [64]) } }),
    );
    const steps = 4096;
    const through = Array.from({ length: 64 }, () => new Float32Array(steps));
    for (let step = 0; step < steps; step++) {
      const { u } = await executable.run(null, { key: randomKey(0, step) });
      u!.data.forEach((x, i) => {
        through[i]![step] = (Number(x) - 0.5) * Math.sqrt(12);
      });
    }
    await executable.dispose();
    for (const sequence of through) {
      // The variance of x² is 4/5 for a uniform of unit variance.
      expect(Math.abs(correlation(sequence, sequence) / Math.sqrt(steps) - 1)).toBeLessThan(5 * Math.sqrt(0.8 / steps));
      for (const lag of [1, 2, 3, 10]) expect(Math.abs(correlation(sequence, sequence, lag))).toBeLessThan(5);
    }
  });
});

class Twice extends Module {
  readonly dropout = new Dropout(0.25);
  forward(ctx: Context, x: ReturnType<typeof input>) {
    return [this.dropout.forward(ctx, x), this.dropout.forward(ctx, x)] as const;
  }
}

describe('dropout', () => {
  const module = new Twice();
  const shape = [40, 100];
  const values = float32(shape, new RandomStream(1, 'values').fillNormal(new Float32Array(sizeOf(shape))));
  const x = input('x', shape);

  test('zeroes a share p and divides the rest by 1 − p, each place its own; the gradient has the same mask', async () => {
    const [first, second] = module.forward(bind(module, { training: true }), x);
    const executable = await node.compile(
      program({ outputs: { first, second, gradient: grad(sum(mul(first, 3)), [x])[0]! } }),
    );
    const run = (step: number) => executable.run(null, { x: values, [randomKeyInput]: randomKey(0, step) });
    const { first: a, second: b, gradient } = await run(0);
    const { first: later } = await run(1);
    await executable.dispose();
    let [dropped, both, again] = [0, 0, 0];
    for (const [i, value] of values.data.entries()) {
      const y = a!.data[i] as number;
      if (y === 0) dropped++;
      else expect(y).toBe(Math.fround(value * Math.fround(1 / 0.75)));
      expect(gradient!.data[i]).toBe(y === 0 ? 0 : 4);
      if (y === 0 && b!.data[i] === 0) both++;
      if (y === 0 && later!.data[i] === 0) again++;
    }
    const within = (count: number, p: number) =>
      expect(Math.abs(count - 4000 * p)).toBeLessThan(5 * Math.sqrt(4000 * p * (1 - p)));
    within(dropped, 0.25);
    within(both, 0.25 ** 2);
    within(again, 0.25 ** 2);
  });

  test('leaves a program that does not train as it is, without a key', () => {
    const [first] = module.forward(bind(module), x);
    expect(first).toBe(x);
    expect(program({ outputs: { first } }).inputs).not.toHaveProperty(randomKeyInput);
    expect(new Dropout(0).forward(bind(module, { training: true }), x)).toBe(x);
  });

  test('refuses what is no probability', () => {
    expect(() => new Dropout(1.5)).toThrow('dropout: the probability must be in [0, 1], got 1.5');
    expect(() => bind(module).dropout(x, -0.1)).toThrow('dropout: the probability must be in [0, 1], got -0.1');
  });
});

test('random numbers have the same bits in WebAssembly', async () => {
  const ort = await import('onnxruntime-web');
  ort.env.wasm.numThreads = 1;
  for (const [shape, step] of [
    [[3], 0],
    [[70_001], 1],
    [[4, 16, 32], 2 ** 40],
  ] as const) {
    const { bytes } = toOnnx(program({ outputs: { u: uniform(input('key', [randomKeyWords]), 'site', shape) } }));
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
    const { u } = await session.run({ key: new ort.Tensor('float32', randomKey(1, step).data, [randomKeyWords]) });
    expect(u!.data).toEqual(await draw(shape, { step }));
    await session.release();
  }
});

describe.skipIf(!swiftShader)(`on WebGPU${skipped}`, () => {
  test('random numbers have the same bits', { timeout: 120_000 }, async () => {
    const executor = createNodeExecutor({ device: 'webgpu', env: swiftShader! });
    for (const [shape, step] of [
      [[3], 0],
      [[70_001], 1],
      [[4, 16, 32, 32], 2 ** 40],
    ] as const)
      expect(await draw(shape, { step, executor })).toEqual(await draw(shape, { step }));
    await executor.dispose();
  });
});
