import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  abs,
  avgPool2d,
  clip,
  constant,
  convTranspose2d,
  cumsum,
  erf,
  evaluate,
  flip,
  float32,
  floor,
  gelu,
  grad,
  input,
  leakyRelu,
  logSoftmax,
  logSumExp,
  matmul,
  max,
  maxPool2d,
  min,
  mish,
  mul,
  neg,
  pow,
  program,
  quickGelu,
  relu,
  resize,
  sizeOf,
  slice,
  softplus,
  sort,
  sum,
  takeAlongAxis,
  topK,
  type ResizeOptions,
  type Shape,
  type Tensor,
  type Values,
} from '../src/core/index.ts';

interface Golden {
  readonly shapes: readonly Shape[];
  readonly positive: boolean;
  readonly shape: Shape;
  readonly y: readonly number[];
  readonly gradients: readonly (readonly number[])[];
}

const golden = JSON.parse(readFileSync(new URL('./golden/ops.json', import.meta.url), 'utf8')) as Record<
  string,
  Golden
>;
const indices = (shape: Shape, ...values: number[]) =>
  constant({ dtype: 'i64', shape, data: BigInt64Array.from(values, BigInt) });
const resized = (height: number, width: number, options: ResizeOptions) => (x?: Tensor) =>
  resize(x!, [height, width], options);

/** As in golden/ops.py, name by name. */
const cases: Record<string, (...xs: Tensor[]) => Tensor> = {
  erf: (x) => erf(x!),
  softplus: (x) => softplus(x!),
  relu: (x) => relu(x!),
  leakyRelu: (x) => leakyRelu(x!, 0.2),
  gelu: (x) => gelu(x!),
  geluTanh: (x) => gelu(x!, 'tanh'),
  quickGelu: (x) => quickGelu(x!),
  mish: (x) => mish(x!),
  abs: (x) => abs(x!),
  floor: (x) => floor(x!),
  clip: (x) => clip(x!, -1, 0.5),
  pow: (x, y) => pow(x!, y!),
  powNumber: (x) => pow(x!, 2.5),
  max: (x) => max(x!, [0, 2]),
  min: (x) => min(x!, [1, 3], true),
  topK: (x) => topK(x!, 3, { axis: 1 }).values,
  sort: (x) => sort(x!, { axis: 0 }).values,
  logSoftmax: (x) => logSoftmax(x!),
  logSumExp: (x) => logSumExp(x!, [0, 2]),
  cumsum: (x) => cumsum(x!, 1),
  crossEntropy: (x) => sum(neg(takeAlongAxis(logSoftmax(x!), indices([3, 1], 4, 0, 6), 1)), [1]),
  takeAlongAxis: (x) => takeAlongAxis(x!, indices([2, 3], 0, 2, 2, 1, 1, 0), 1),
  flip: (x) => flip(x!, [0, 2]),
  slice: (x) => slice(x!, [0, 1, 0], [2, 3, 3], [1, 3, 2]),
  avgPool2d: (x) => avgPool2d(x!, [3, 2], { strides: [2, 1], pads: [1, 1, 1, 1] }),
  avgPool2dInside: (x) => avgPool2d(x!, 3, { strides: [1, 1], pads: [1, 1, 1, 1], countPadding: false }),
  maxPool2d: (x) => maxPool2d(x!, 3, { strides: [2, 2], pads: [1, 1, 1, 1] }),
  maxPool2dTiles: (x) => maxPool2d(x!, 2),
  convTranspose2d: (x, w, b) =>
    convTranspose2d(x!, w!, b!, {
      strides: [2, 1],
      pads: [0, 1, 1, 1],
      outputPadding: [1, 0],
      groups: 2,
      dilations: [1, 2],
    }),
  matmul: (a, b) => matmul(a!, b!),
  nearestUp: resized(8, 13, { mode: 'nearest' }),
  nearestDown: resized(2, 4, { mode: 'nearest' }),
  bilinearUp: resized(8, 13, {}),
  bilinearDown: resized(2, 4, {}),
  bilinearCorners: resized(9, 1, { alignCorners: true }),
  bilinearAntialias: resized(2, 7, { antialias: true }),
  bicubicUp: resized(8, 13, { mode: 'bicubic' }),
  bicubicDown: resized(2, 4, { mode: 'bicubic' }),
  bicubicCorners: resized(9, 3, { mode: 'bicubic', alignCorners: true }),
  bicubicAntialias: resized(2, 4, { mode: 'bicubic', antialias: true }),
};

test('every golden operation is compared', () => {
  expect(Object.keys(cases).sort()).toEqual(Object.keys(golden).sort());
});

describe('an operation and its gradient are those of PyTorch', () => {
  test.each(Object.entries(cases))('%s', (name, build) => {
    const { shapes, positive, shape, y: expected, gradients } = golden[name]!;
    const xs = shapes.map((extents, i) => input(`x${i}`, extents));
    const y = build(...xs);
    expect(y.shape).toEqual(shape);
    const weights = constant(
      float32(
        shape,
        Float32Array.from({ length: sizeOf(shape) }, (_, k) => Math.cos(k)),
      ),
    );
    const found = grad(sum(mul(y, weights)), xs);
    const values = shapes.map((extents, i): Values => ({
      shape: extents,
      dtype: 'f32',
      data: Float64Array.from({ length: sizeOf(extents) }, (_, k) => {
        const x = 2 * Math.sin(1.7 * k + i + 0.5);
        return positive ? Math.abs(x) + 0.1 : x;
      }),
    }));
    const { outputs } = evaluate(
      program({ outputs: { y, ...Object.fromEntries(found.map((g, i) => [`g${i}`, g])) } }),
      (_, input) => values[Number(input.slice(1))]!,
    );
    // Both compute in float64, but constants of a graph and the weights of the loss are float32: 6e-8, over sums of some tens.
    const close = (actual: ArrayLike<number>, right: readonly number[]) =>
      right.forEach((v, k) =>
        expect(Math.abs(actual[k]! - v) / Math.max(1, Math.abs(v)), `element ${k}: ${actual[k]} for ${v}`).toBeLessThan(
          1e-6,
        ),
      );
    close(outputs.get('y')!.data, expected);
    gradients.forEach((right, i) => close(outputs.get(`g${i}`)!.data, right));
  });
});
