import {
  abs, add, and, cast, clip, cos, div, equal, erf, exp, floor, gelu, leakyRelu, less, lessEqual, log, maximum, minimum, mish, mul, neg, not, or, pow, quickGelu, relu,
  sigmoid, sign, silu, sin, softplus, sqrt, sub, tanh, where, type Shape, type Tensor,
} from '../../src/core/index.ts';
import type { OpCase } from './op-case.ts';

const positive = [0.3, 2] as const;
/** Both truth values against both. */
const truths: readonly Shape[] = [[4], [4]];
const truthTable = [[0, 0, 1, 1], [0, 1, 0, 1]] as const;
const onBools = (f: (a: Tensor, b: Tensor) => Tensor) => (a?: Tensor, b?: Tensor) => cast(f(cast(a!, 'bool'), cast(b!, 'bool')), 'f32');

export const pointwiseCases: readonly OpCase[] = [
  { op: 'add', title: 'broadcasts a row', shapes: [[2, 3], [3]], build: (a, b) => add(a!, b!), golden: { inputs: [[1, 2, 3, 4, 5, 6], [10, 20, 30]], output: [11, 22, 33, 14, 25, 36] } },
  { op: 'sub', title: 'broadcasts both ways', shapes: [[2, 1], [1, 3]], build: (a, b) => sub(a!, b!), golden: { inputs: [[1, 2], [1, 2, 3]], output: [0, -1, -2, 1, 0, -1] } },
  { op: 'mul', title: 'multiplies element by element', shapes: [[2, 3], [2, 1]], build: (a, b) => mul(a!, b!), golden: { inputs: [[1, 2, 3, 4, 5, 6], [2, 3]], output: [2, 4, 6, 12, 15, 18] } },
  { op: 'div', title: 'divides element by element', shapes: [[2, 3], [3]], build: (a, b) => div(a!, b!), range: positive, golden: { inputs: [[1, 2, 3, 4, 5, 6], [1, 2, 4]], output: [1, 1, 0.75, 4, 2.5, 1.5] } },
  { op: 'minimum', title: 'takes the smaller', shapes: [[3], [3]], build: (a, b) => minimum(a!, b!), golden: { inputs: [[1, 5, -2], [2, 3, -1]], output: [1, 3, -2] } },
  { op: 'maximum', title: 'takes the larger', shapes: [[3], [3]], build: (a, b) => maximum(a!, b!), golden: { inputs: [[1, 5, -2], [2, 3, -1]], output: [2, 5, -1] } },
  { op: 'neg', title: 'flips the sign', shapes: [[3]], build: (x) => neg(x!), golden: { inputs: [[1, -2, 0.5]], output: [-1, 2, -0.5] } },
  { op: 'exp', title: 'is e to the x', far: [78, 82], shapes: [[3]], build: (x) => exp(x!), golden: { inputs: [[0, 1, -1]], output: [1, Math.E, 1 / Math.E] } },
  { op: 'log', title: 'is the natural logarithm', shapes: [[3]], build: (x) => log(x!), range: positive, golden: { inputs: [[1, Math.E, 0.5]], output: [0, 1, -Math.LN2] } },
  { op: 'sqrt', title: 'is the square root', shapes: [[3]], build: (x) => sqrt(x!), range: positive, golden: { inputs: [[1, 4, 2]], output: [1, 2, Math.SQRT2] } },
  { op: 'sin', title: 'takes radians', shapes: [[3]], build: (x) => sin(x!), golden: { inputs: [[0, Math.PI / 2, Math.PI / 6]], output: [0, 1, 0.5] } },
  { op: 'cos', title: 'takes radians', shapes: [[3]], build: (x) => cos(x!), golden: { inputs: [[0, Math.PI, Math.PI / 3]], output: [1, -1, 0.5] } },
  { op: 'tanh', title: 'of ln 2 is 3/5', shapes: [[3]], build: (x) => tanh(x!), golden: { inputs: [[0, Math.LN2, -Math.LN2]], output: [0, 0.6, -0.6] } },
  { op: 'sigmoid', title: 'of ln 3 is 3/4', shapes: [[3]], build: (x) => sigmoid(x!), golden: { inputs: [[0, Math.log(3), -Math.log(3)]], output: [0.5, 0.75, 0.25] } },
  { op: 'silu', title: 'is x times its sigmoid', shapes: [[2, 3]], build: (x) => silu(x!), golden: { inputs: [[0, Math.log(3), -Math.log(3), 0, 0, 0]], output: [0, 0.75 * Math.log(3), -0.25 * Math.log(3), 0, 0, 0] } },
  { op: 'lessEqual', differentiable: false, title: 'is true where a ≤ b', shapes: [[3], [3]], build: (a, b) => cast(lessEqual(a!, b!), 'f32'), golden: { inputs: [[1, 2, 3], [1, 3, 2]], output: [1, 1, 0] } },
  { op: 'where', title: 'chooses by the condition and broadcasts', shapes: [[2, 2], [2], [2, 1]], build: (c, a, b) => where(lessEqual(c!, 0.25), a!, b!), golden: { inputs: [[0, 1, 1, 0], [10, 20], [30, 40]], output: [10, 30, 40, 20] } },
  { op: 'abs', title: 'drops the sign', shapes: [[3]], build: (x) => abs(x!), golden: { inputs: [[1, -2, 0]], output: [1, 2, 0] } },
  { op: 'floor', title: 'rounds down, below zero too', shapes: [[4]], build: (x) => floor(x!), golden: { inputs: [[1.7, -1.2, 2, -0.5]], output: [1, -2, 2, -1] } },
  { op: 'less', title: 'is true where a < b', shapes: [[3], [3]], differentiable: false, build: (a, b) => cast(less(a!, b!), 'f32'), golden: { inputs: [[1, 2, 3], [1, 3, 2]], output: [0, 1, 0] } },
  { op: 'less', title: 'gives the sign', shapes: [[3]], differentiable: false, build: (x) => sign(x!), golden: { inputs: [[3, -0.5, 0]], output: [1, -1, 0] } },
  { op: 'equal', title: 'is true where a = b, and broadcasts', shapes: [[2, 1], [3]], differentiable: false, build: (a, b) => cast(equal(a!, b!), 'f32'), golden: { inputs: [[1, 2], [1, 2, 3]], output: [1, 0, 0, 0, 1, 0] } },
  { op: 'and', title: 'is true where both are', shapes: truths, differentiable: false, build: onBools(and), golden: { inputs: truthTable, output: [0, 0, 0, 1] } },
  { op: 'or', title: 'is true where one is', shapes: truths, differentiable: false, build: onBools(or), golden: { inputs: truthTable, output: [0, 1, 1, 1] } },
  { op: 'not', title: 'is true where its operand is false', shapes: [[2]], differentiable: false, build: (x) => cast(not(lessEqual(x!, 0)), 'f32'), golden: { inputs: [[-1, 1]], output: [0, 1] } },
  { op: 'pow', title: 'raises each to its own power', far: [8, 12], shapes: [[3], [3]], range: positive, build: (x, y) => pow(x!, y!), golden: { inputs: [[2, 4, 9], [3, -0.5, 0]], output: [8, 0.5, 1] } },
  { op: 'pow', title: 'broadcasts base and exponent', far: [8, 12], shapes: [[2, 1], [3]], range: positive, build: (x, y) => pow(x!, y!) },
  { op: 'pow', title: 'takes a number as exponent', shapes: [[3]], range: positive, build: (x) => pow(x!, 1.5), golden: { inputs: [[4, 9, 0.25]], output: [8, 27, 0.125] } },
  { op: 'pow', title: 'of whole exponents takes negative bases', shapes: [[2]], build: (x) => pow(x!, 5), golden: { inputs: [[-2, 1]], output: [-32, 1] } },
  { op: 'clip', title: 'holds values between bounds', shapes: [[5]], build: (x) => clip(x!, -1, 1.5), golden: { inputs: [[-3, -1, 0.5, 1.5, 2]], output: [-1, -1, 0.5, 1.5, 1.5] } },
  { op: 'clip', title: 'may be open above', shapes: [[4]], build: (x) => clip(x!, -0.5, Infinity), golden: { inputs: [[-3, -1, 0.5, 100]], output: [-0.5, -0.5, 0.5, 100] } },
  { op: 'clip', title: 'takes integers', shapes: [[4]], differentiable: false, build: (x) => cast(clip(cast(x!, 'i32'), -1, 1), 'f32'), golden: { inputs: [[-3, -1, 0, 100]], output: [-1, -1, 0, 1] } },
  { op: 'div', title: 'of integers truncates toward zero', shapes: [[3]], differentiable: false, build: (x) => cast(div(cast(x!, 'i32'), 2), 'f32'), golden: { inputs: [[5, -5, 4]], output: [2, -2, 2] } },
  { op: 'add', title: 'of 64-bit integers and a number', shapes: [[3]], differentiable: false, build: (x) => cast(mul(cast(x!, 'i64'), 3), 'f32'), golden: { inputs: [[5, -5, 4]], output: [15, -15, 12] } },
  { op: 'where', title: 'chooses among integers', shapes: [[3]], differentiable: false, build: (x) => cast(where(less(x!, 0), -1, cast(x!, 'i32')), 'f32'), golden: { inputs: [[5, -5, 4]], output: [5, -1, 4] } },

  { op: 'relu', title: 'is zero below zero', shapes: [[4]], build: (x) => relu(x!), golden: { inputs: [[-1, 0, 0.5, 2]], output: [0, 0, 0.5, 2] } },
  { op: 'maximum', title: 'makes a leaky relu', shapes: [[4]], build: (x) => leakyRelu(x!, 0.25), golden: { inputs: [[-1, 0, 0.5, -2]], output: [-0.25, 0, 0.5, -0.5] } },
  { op: 'softplus', title: 'of ln(e − 1) is 1, and of a large number that number', shapes: [[2, 2]], build: (x) => softplus(x!), golden: { inputs: [[Math.log(Math.E - 1), 0, 200, -200]], output: [1, Math.LN2, 200, 0] } },
  { op: 'erf', title: 'is odd and tends to 1', shapes: [[2, 3]], build: (x) => erf(x!), golden: { inputs: [[0, 1, -1, 7, -7, 0.5]], output: [0, 0.8427007929497149, -0.8427007929497149, 1, -1, 0.5204998778130465] } },
  // Φ(1) = 0.841344746
  { op: 'gelu', title: 'is x times the normal distribution', shapes: [[2, 3]], build: (x) => gelu(x!), golden: { inputs: [[0, 1, -1, 10, -10, 2]], output: [0, 0.8413447460685429, -0.15865525393145707, 10, 0, 1.9544997361036416] } },
  { op: 'sigmoid', title: 'makes the tanh form of gelu', shapes: [[2, 3]], build: (x) => gelu(x!, 'tanh') },
  { op: 'sigmoid', title: 'makes the quick form of gelu', shapes: [[3]], build: (x) => quickGelu(x!), golden: { inputs: [[0, Math.log(3) / 1.702, -Math.log(3) / 1.702]], output: [0, 0.75 * Math.log(3) / 1.702, -0.25 * Math.log(3) / 1.702] } },
  // tanh(softplus(ln(e − 1))) = tanh 1
  { op: 'tanh', title: 'makes mish', shapes: [[2]], build: (x) => mish(x!), golden: { inputs: [[0, Math.log(Math.E - 1)]], output: [0, Math.tanh(1) * Math.log(Math.E - 1)] } },
];
