/** Any shape that an op takes, on each lowering, against the float64 reference; gradients too. */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import {
  avgPool2d,
  constant,
  conv2d,
  convTranspose2d,
  evaluate,
  float32,
  grad,
  input,
  matmul,
  maxPool2d,
  mul,
  program,
  RandomStream,
  resize,
  sizeOf,
  slice,
  sum,
  type Conv2dAttrs,
  type PoolAttrs,
  type Shape,
  type Tensor,
} from '../src/core/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';

const executors = {
  'standard operators': createNodeExecutor({ threads: 2, spin: false, worker: false, cpuKernels: 'standard' }),
  'blocked kernels': createNodeExecutor({ threads: 2, spin: false, worker: false, cpuKernels: 'auto' }),
};
afterAll(() => Promise.all(Object.values(executors).map((executor) => executor.dispose())));

const noise = (purpose: string, index: number, shape: Shape) =>
  float32(shape, new RandomStream(3, purpose, index).fillNormal(new Float32Array(sizeOf(shape))));

/** The result and the gradients by all operands, compared in both lowerings; undefined where a shape is refused. */
async function compare(shapes: readonly Shape[], build: (...xs: Tensor[]) => Tensor): Promise<boolean> {
  const xs = shapes.map((shape, i) => input(`x${i}`, shape));
  let y: Tensor;
  try {
    y = build(...xs);
  } catch (error) {
    expect(String(error)).not.toContain('internal');
    return false;
  }
  const gradients = grad(sum(mul(y, constant(noise('weights', 0, y.shape)))), xs);
  const p = program({ outputs: { y, ...Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])) } });
  const values = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, noise('operand', i, shape)]));
  const expected = evaluate(p, (_, name) => ({
    ...values[name]!,
    data: Float64Array.from(values[name]!.data),
  })).outputs;
  for (const [lowering, executor] of Object.entries(executors)) {
    const executable = await executor.compile(p);
    const got = await executable.run(null, values);
    await executable.dispose();
    for (const [name, { data, shape }] of expected) {
      expect(got[name]!.shape).toEqual(shape);
      // Sums of up to some thousands of products of order 1, in float32: their rounding grows like the root of the number.
      const scale = Math.max(1, ...data.map(Math.abs));
      let worst = 0;
      data.forEach((v, i) => {
        worst = Math.max(worst, Math.abs(v - Number(got[name]!.data[i]!)) / scale);
      });
      expect(worst, `${name} with ${lowering}`).toBeLessThan(1e-5);
    }
  }
  return true;
}

/** Runs a property on so many shapes, and counts those that are taken: nearly all refused would be no test. */
async function taken<T>(
  shapes: fc.Arbitrary<T>,
  numRuns: number,
  property: (value: T) => Promise<boolean>,
): Promise<number> {
  let count = 0;
  await fc.assert(
    fc.asyncProperty(shapes, async (value) => {
      count += Number(await property(value));
    }),
    { numRuns, seed: 4 },
  );
  return count;
}

const pair = (max: number) => fc.tuple(fc.integer({ min: 1, max }), fc.integer({ min: 1, max }));
const edges = (max: number) => {
  const n = fc.nat(max);
  return fc.tuple(n, n, n, n);
};
// Some channels fill blocks of the blocked kernels, some do not.
const channels = fc.constantFrom(1, 2, 3, 16, 32);

const convolution = fc
  .record({
    batch: fc.constantFrom(1, 2, 3, 16),
    extents: pair(8),
    groups: fc.constantFrom(1, 1, 1, 2, 4),
    inPerGroup: channels,
    outPerGroup: channels,
    kernel: pair(4),
    strides: pair(3),
    pads: edges(3),
    dilations: pair(2),
    bias: fc.boolean(),
    // The reference has no patience.
  })
  .filter(
    ({ batch, inPerGroup, outPerGroup, groups, extents: [h, w], kernel: [kh, kw] }) =>
      batch * inPerGroup * outPerGroup * groups * h * w * kh * kw < 1e6,
  );

describe('any shape', () => {
  test('of a convolution', async () => {
    expect(
      await taken(
        convolution,
        100,
        ({ batch, extents, groups, inPerGroup, outPerGroup, kernel, bias, strides, pads, dilations }) => {
          const attrs: Conv2dAttrs = { strides, pads, dilations, groups };
          const shapes: Shape[] = [
            [batch, inPerGroup * groups, ...extents],
            [outPerGroup * groups, inPerGroup, ...kernel],
            ...(bias ? [[outPerGroup * groups]] : []),
          ];
          return compare(shapes, (x, w, b) => conv2d(x!, w!, b, attrs));
        },
      ),
    ).toBeGreaterThan(40);
  }, 60_000);

  test('of a transposed convolution', async () => {
    const more = fc.record({ shape: convolution, outputPadding: fc.tuple(fc.nat(2), fc.nat(2)) });
    expect(
      await taken(
        more,
        60,
        ({
          shape: { batch, extents, groups, inPerGroup, outPerGroup, kernel, bias, strides, pads, dilations },
          outputPadding,
        }) => {
          const shapes: Shape[] = [
            [batch, inPerGroup * groups, ...extents],
            [inPerGroup * groups, outPerGroup, ...kernel],
            ...(bias ? [[outPerGroup * groups]] : []),
          ];
          return compare(shapes, (x, w, b) =>
            convTranspose2d(x!, w!, b, {
              strides,
              pads,
              dilations,
              groups,
              outputPadding: [outputPadding[0] % strides[0], outputPadding[1] % strides[1]],
            }),
          );
        },
      ),
    ).toBeGreaterThan(20);
  }, 60_000);

  test('of a pool', async () => {
    const pools = fc.record({
      image: fc.tuple(
        fc.integer({ min: 1, max: 3 }),
        channels,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
      ),
      kernel: pair(4),
      strides: pair(3),
      pads: edges(2),
      countPadding: fc.boolean(),
    });
    expect(
      await taken(pools, 60, async ({ image, kernel, strides, pads: around, countPadding }) => {
        const [rows, columns] = kernel;
        const pads: PoolAttrs['pads'] = [around[0] % rows, around[1] % columns, around[2] % rows, around[3] % columns];
        const largest = await compare([image], (x) => maxPool2d(x!, kernel, { strides, pads }));
        return (await compare([image], (x) => avgPool2d(x!, kernel, { strides, pads, countPadding }))) && largest;
      }),
    ).toBeGreaterThan(30);
  }, 60_000);

  test('of a slice', async () => {
    const axis = fc.record({
      extent: fc.integer({ min: 1, max: 9 }),
      start: fc.nat(8),
      size: fc.integer({ min: 1, max: 5 }),
      step: fc.constantFrom(1, 1, 2, 3, -1, -2),
    });
    expect(
      await taken(fc.array(axis, { minLength: 1, maxLength: 3 }), 300, (axes) =>
        compare([axes.map(({ extent }) => extent)], (x) =>
          slice(
            x!,
            axes.map(({ start }) => start),
            axes.map(({ size }) => size),
            axes.map(({ step }) => step),
          ),
        ),
      ),
    ).toBeGreaterThan(30);
  }, 60_000);

  test('of a product of batches of matrices', async () => {
    const batch = fc.array(fc.constantFrom(1, 3), { maxLength: 3 });
    expect(
      await taken(
        fc.record({
          a: batch,
          b: batch,
          rows: fc.integer({ min: 1, max: 5 }),
          inner: fc.integer({ min: 1, max: 5 }),
          columns: fc.integer({ min: 1, max: 5 }),
          transA: fc.boolean(),
          transB: fc.boolean(),
        }),
        60,
        ({ a, b, rows, inner, columns, transA, transB }) =>
          compare(
            [
              [...a, ...(transA ? [inner, rows] : [rows, inner])],
              [...b, ...(transB ? [columns, inner] : [inner, columns])],
            ],
            (x, y) => matmul(x!, y!, { transA, transB }),
          ),
      ),
    ).toBeGreaterThan(30);
  }, 60_000);

  test('of an image resized', async () => {
    const extent = fc.integer({ min: 1, max: 9 });
    expect(
      await taken(
        fc.record({
          from: pair(9),
          to: fc.tuple(extent, extent),
          mode: fc.constantFrom('nearest' as const, 'bilinear' as const, 'bicubic' as const),
          alignCorners: fc.boolean(),
          antialias: fc.boolean(),
        }),
        60,
        ({ from, to, ...options }) => compare([[2, 3, ...from]], (x) => resize(x!, to, options)),
      ),
    ).toBeGreaterThan(30);
  }, 60_000);
});
