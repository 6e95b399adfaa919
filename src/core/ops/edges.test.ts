import { describe, expect, test } from 'vitest';
import {
  abs,
  add,
  argMax,
  avgPool2d,
  cast,
  clip,
  constant,
  convTranspose2d,
  div,
  equal,
  evaluate,
  exp,
  float32,
  gather,
  grad,
  input,
  leakyRelu,
  less,
  matmul,
  max,
  maximum,
  maxPool2d,
  mul,
  not,
  pow,
  program,
  relu,
  resize,
  resizeMatrix,
  slice,
  softplus,
  split,
  sum,
  takeAlongAxis,
  topK,
  type Shape,
  type Tensor,
} from '../index.ts';

/** Gradients of Σ f(xs) where the operands have these values. */
function gradientsAt(
  f: (...xs: Tensor[]) => Tensor,
  ...operands: readonly { readonly shape: Shape; readonly values: readonly number[] }[]
): number[][] {
  const xs = operands.map(({ shape }, i) => input(`x${i}`, shape));
  const found = program({ outputs: Object.fromEntries(grad(sum(f(...xs)), xs).map((g, i) => [`g${i}`, g])) });
  const { outputs } = evaluate(found, (_, name) => {
    const { shape, values } = operands[Number(name.slice(1))]!;
    return { shape, dtype: 'f32', data: Float64Array.from(values) };
  });
  return xs.map((_, i) => [...outputs.get(`g${i}`)!.data]);
}

const vector = (...values: number[]) => ({ shape: [values.length], values });
const image = (shape: Shape, ...values: number[]) => ({ shape, values });

describe('the gradient at an edge', () => {
  test('of the maximum of equals is shared among them', () => {
    expect(gradientsAt((x) => max(x!, [1]), image([2, 3], 5, 1, 5, 2, 2, 2))).toEqual([
      [1 / 2, 0, 1 / 2, 1 / 3, 1 / 3, 1 / 3],
    ]);
  });

  test('of the largest pixels of tiles is shared among equals', () => {
    expect(gradientsAt((x) => maxPool2d(x!, 2), image([1, 1, 2, 4], 3, 3, 0, 0, 1, 2, 0, 0))).toEqual([
      [0.5, 0.5, 0.25, 0.25, 0, 0, 0.25, 0.25],
    ]);
  });

  test('of the largest pixels of overlapping windows is shared among equals, in each window', () => {
    expect(gradientsAt((x) => maxPool2d(x!, [1, 2], { strides: [1, 1] }), image([1, 1, 1, 3], 4, 4, 4))).toEqual([
      [0.5, 1, 0.5],
    ]);
  });

  test('of relu and of |x| at 0 is 0', () => {
    expect(gradientsAt((x) => relu(x!), vector(0, -1, 1))).toEqual([[0, 0, 1]]);
    expect(gradientsAt((x) => abs(x!), vector(0, -1, 1))).toEqual([[0, -1, 1]]);
  });

  test('of clipping passes at the bounds and not beyond', () => {
    expect(gradientsAt((x) => clip(x!, -1, 1), vector(-1.5, -1, 0, 1, 1.5))).toEqual([[0, 1, 1, 1, 0]]);
  });

  test('of softplus far out is 0 and 1', () => {
    expect(gradientsAt((x) => softplus(x!), vector(-800, 800))).toEqual([[0, 1]]);
  });

  test('of a power with base 0 is finite where the derivative is', () => {
    // x^y at (0, 0), (0, 1), (0, 2), (0, 3): by x these are 0, 1, 0, 0; by y 0.
    const [byBase, byExponent] = gradientsAt((x, y) => pow(x!, y!), vector(0, 0, 0, 0), vector(0, 1, 2, 3));
    expect(byBase).toEqual([0, 1, 0, 0]);
    expect(byExponent).toEqual([0, 0, 0, 0]);
  });

  test.each([
    [0, 0],
    [1, 1],
    [2, 0],
    [3, 0],
    [2.5, 0],
    [1.25, 0],
  ])('of x^%d at 0 is %d', (exponent, expected) => {
    expect(gradientsAt((x) => pow(x!, exponent), vector(0))).toEqual([[expected]]);
  });

  test('of a gradient of x^2.5 at 0 is 0 too', () => {
    expect(gradientsAt((x) => grad(sum(pow(x!, 2.5)), [x!])[0]!, vector(0))).toEqual([[0]]);
  });

  test('of a power by a negative base is that by the base alone', () => {
    expect(gradientsAt((x) => pow(x!, 4), vector(-2))).toEqual([[-32]]);
  });
});

describe('resizing', () => {
  test.each([
    [5, 9],
    [9, 5],
    [7, 7],
    [1, 4],
    [4, 1],
  ])('from %d to %d pixels keeps a constant image, whatever the method', (from, to) => {
    for (const options of [
      { mode: 'nearest' },
      { mode: 'bilinear' },
      { mode: 'bicubic' },
      { alignCorners: true },
      { mode: 'bicubic', alignCorners: true },
      { antialias: true },
      { mode: 'bicubic', antialias: true },
    ] as const) {
      const { data } = resizeMatrix(from, to, options);
      for (let i = 0; i < to; i++)
        expect(data.subarray(i * from, (i + 1) * from).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 6);
    }
  });

  test('to the same size is nothing to do', () => {
    const x = input('x', [1, 1, 3, 4]);
    expect(resize(x, [3, 4], { mode: 'bicubic' })).toBe(x);
  });

  test('with aligned corners keeps a line straight', () => {
    const { data } = resizeMatrix(4, 7, { alignCorners: true });
    const line = Array.from({ length: 7 }, (_, i) =>
      [0, 1, 2, 3].reduce((total, x, j) => total + x * data[i * 4 + j]!, 0),
    );
    line.forEach((value, i) => expect(value).toBeCloseTo(i / 2, 6));
  });
});

describe('bad operands are named', () => {
  const x = input('x', [2, 3]);
  const image = input('image', [1, 2, 4, 4]);
  const whole = input('whole', [2, 3], 'i32');
  const places = input('places', [2, 1], 'i64');

  test.each<[string, () => unknown, string]>([
    ['exp of integers', () => exp(whole), 'exp: needs floats, got i32[2, 3]; cast it first'],
    ['arithmetic on bool', () => add(less(x, 0), less(x, 1)), 'add: needs numbers, got bool[2, 3]; cast it first'],
    ['not of floats', () => not(x), 'not: needs bool, got f32[2, 3]; compare it first'],
    ['two types', () => maximum(x, whole), 'maximum: f32[2, 3] and i32[2, 3] differ in type'],
    ['a fraction among integers', () => div(whole, 0.5), '0.5 is no i32; cast the other operand to f32 first'],
    ['clip of no interval', () => clip(x, 2, 1), 'clip: 2 … 1 is no interval'],
    [
      'clip of integers by fractions',
      () => clip(whole, 0.5, 1),
      'clip: i32[2, 3] needs whole numbers as bounds, got 0.5 … 1',
    ],
    ['a steep leaky relu', () => leakyRelu(x, 2), 'leakyRelu: the slope must be in [0, 1], got 2'],
    [
      'slice in no steps',
      () => slice(x, [0, 0], [1, 1], [0, 1]),
      'slice: 1 elements from 0 in steps of 0, for axis 0 of f32[2, 3]: needs whole numbers, and steps that are not 0',
    ],
    [
      'slice in steps beyond the end',
      () => slice(x, [0, 1], [2, 2], [1, 2]),
      'slice: 1 + 2 steps of 2 is outside axis 1 of f32[2, 3]',
    ],
    [
      'slice backwards beyond the beginning',
      () => slice(x, [0, 1], [2, 3], [1, -1]),
      'slice: 1 + 3 steps of -1 is outside axis 1 of f32[2, 3]',
    ],
    ['split that leaves a rest', () => split(x, 2, 1), 'split: axis 1 of f32[2, 3] does not split into 2 equal parts'],
    [
      'split into extents that do not add up',
      () => split(x, [1, 1], 1),
      'split: axis 1 of f32[2, 3] does not split into [1, 1]',
    ],
    ['gather by floats', () => gather(x, x), 'gather: indices must be i32 or i64, got f32[2, 3]'],
    [
      'gather along an axis that is not there',
      () => gather(x, places, 2),
      'gather: axis 2 is outside a tensor of rank 2',
    ],
    [
      'takeAlongAxis of another shape',
      () => takeAlongAxis(x, places, 0),
      'takeAlongAxis: f32[2, 3] and indices i64[2, 1] differ in axes other than 0',
    ],
    ['too many of the largest', () => topK(x, 4), 'topK: 4 elements of the 3 along axis 1 of f32[2, 3]'],
    [
      'the place of the largest of none',
      () => argMax(input('none', [2, 0]), 1),
      'argMax: there are no elements along axis 1 of f32[2, 0]',
    ],
    ['a pool of vectors', () => avgPool2d(x, 2), 'avgPool2d: needs [B, C, H, W], got f32[2, 3]'],
    [
      'a pool of more padding than window',
      () => maxPool2d(image, 2, { pads: [2, 0, 0, 0] }),
      'maxPool2d: pads [2, 0, 0, 0] must be less than the windows of 2 × 2',
    ],
    [
      'a window larger than the image',
      () => maxPool2d(image, 5),
      'maxPool2d: a window of 5 × 5 does not fit into f32[1, 2, 4, 4] with pads [0, 0, 0, 0]',
    ],
    [
      'output padding of a whole stride',
      () => convTranspose2d(image, input('w', [2, 1, 3, 3]), undefined, { outputPadding: [1, 0] }),
      'convTranspose2d: the output padding [1, 0] must be less than the strides [1, 1]',
    ],
    [
      'a transposed convolution of other channels',
      () => convTranspose2d(image, input('w', [3, 1, 3, 3])),
      'convTranspose2d: needs [B, C, H, W] and [C, O / groups, kh, kw], got f32[1, 2, 4, 4] and f32[3, 1, 3, 3]',
    ],
    [
      'matrices of two types',
      () => matmul(x, input('whole', [3, 2], 'i32')),
      'matmul: f32[2, 3] and i32[3, 2] differ in type',
    ],
    ['resizing to nothing', () => resize(image, [0, 4]), 'resize: the size must be two positive integers, got [0, 4]'],
    [
      'nearest pixels with antialias',
      () => resize(image, [2, 2], { mode: 'nearest', antialias: true }),
      'resize: "nearest" has no alignCorners and no antialias',
    ],
    [
      'aligned corners with antialias',
      () => resize(image, [2, 2], { alignCorners: true, antialias: true }),
      'resize: choose alignCorners or antialias, not both',
    ],
  ])('%s', (_, build, message) => {
    expect(build).toThrow(message);
  });

  test('an index outside is found when the reference runs', () => {
    const outside = constant({ shape: [1], dtype: 'i64', data: BigInt64Array.of(5n) });
    const p = program({ outputs: { y: gather(constant(float32([2], [1, 2])), outside) } });
    expect(() =>
      evaluate(p, () => {
        throw new Error('no leaves');
      }),
    ).toThrow('gather: index 5 is outside 0 … 1');
  });
});

test('a number takes the type of the tensor next to it', () => {
  const whole = input('whole', [3], 'i64');
  expect(add(whole, 2).dtype).toBe('i64');
  expect(mul(3, cast(whole, 'f16')).dtype).toBe('f16');
  expect(equal(whole, 1).dtype).toBe('bool');
});
