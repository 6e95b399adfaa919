/** One list of cases for every op: the reference, its gradient and each engine are all held against it. */
import {
  add, broadcastTo, cast, channelAffine, concat, conv2d, conv2dInputGrad, conv2dWeightGrad, cos, div, exp, gather, groupNorm, lessEqual, log, matmul, maximum,
  minimum, mul, neg, pad, reshape, scatterAdd, sigmoid, silu, sin, slice, softmax, sqrt, sub, sum, sumPool, sumSquares, tanh, transpose, upsampleNearest, where,
  avgPool2d, constant, flip, float32, gelu, leakyRelu, maxPool2d, RandomStream, relu, sizeOf, softplus, type Tensor,
} from '../src/core/index.ts';
import { imageCases } from './op-cases/images.ts';
import { pointwiseCases } from './op-cases/pointwise.ts';
import { normCases } from './op-cases/norm.ts';
import { randomCases } from './op-cases/random.ts';
import { reduceCases } from './op-cases/reduce.ts';
import { structureCases } from './op-cases/structure.ts';
import type { OpCase } from './op-cases/op-case.ts';

const positive = [0.3, 2] as const;
const rows = (...values: number[]) => constant({ dtype: 'i64', shape: [values.length], data: BigInt64Array.from(values, BigInt) });

export const opCases: readonly OpCase[] = [
  { op: 'reshape', title: 'keeps row-major order', shapes: [[2, 3]], build: (x) => reshape(x!, [3, 2]), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [1, 2, 3, 4, 5, 6] } },
  { op: 'transpose', title: 'swaps two axes', shapes: [[2, 3]], build: (x) => transpose(x!, [1, 0]), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [1, 4, 2, 5, 3, 6] } },
  { op: 'transpose', title: 'cycles three axes', shapes: [[2, 3, 4]], build: (x) => transpose(x!, [2, 0, 1]) },
  { op: 'broadcastTo', title: 'repeats inner and leading axes', shapes: [[2, 1]], build: (x) => broadcastTo(x!, [2, 2, 3]), golden: { inputs: [[1, 2]], output: [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2] } },
  { op: 'sum', title: 'drops the reduced axis', shapes: [[2, 3]], build: (x) => sum(x!, [0]), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [5, 7, 9] } },
  { op: 'sum', title: 'keeps dimensions when told to', shapes: [[2, 3, 2]], build: (x) => sum(x!, [0, 2], true) },
  { op: 'sum', title: 'reduces everything to a scalar', shapes: [[2, 3]], build: (x) => sum(x!), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [21] } },
  { op: 'slice', title: 'takes a block', shapes: [[3, 4]], build: (x) => slice(x!, [1, 1], [2, 2]), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]], output: [6, 7, 10, 11] } },
  { op: 'pad', title: 'surrounds with zeros', shapes: [[1, 2]], build: (x) => pad(x!, [1, 0], [0, 2]), golden: { inputs: [[1, 2]], output: [0, 0, 0, 0, 1, 2, 0, 0] } },
  { op: 'concat', title: 'joins along an inner axis', shapes: [[2, 1], [2, 2]], build: (a, b) => concat([a!, b!], 1), golden: { inputs: [[1, 2], [3, 4, 5, 6]], output: [1, 3, 4, 2, 5, 6] } },
  { op: 'gather', title: 'looks up rows, one of them twice', shapes: [[4, 2]], build: (table) => gather(table!, rows(3, 0, 3)), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8]], output: [7, 8, 1, 2, 7, 8] } },
  { op: 'scatterAdd', title: 'adds up rows named twice', shapes: [[3, 2]], build: (updates) => scatterAdd(updates!, rows(2, 0, 2), 4), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [3, 4, 0, 0, 6, 8, 0, 0] } },
  { op: 'cast', differentiable: false, title: 'truncates toward zero', shapes: [[4]], build: (x) => cast(cast(x!, 'i32'), 'f32'), golden: { inputs: [[1.7, -1.7, 0.2, 2]], output: [1, -1, 0, 2] } },
  { op: 'add', title: 'broadcasts a row', shapes: [[2, 3], [3]], build: (a, b) => add(a!, b!), golden: { inputs: [[1, 2, 3, 4, 5, 6], [10, 20, 30]], output: [11, 22, 33, 14, 25, 36] } },
  { op: 'sub', title: 'broadcasts both ways', shapes: [[2, 1], [1, 3]], build: (a, b) => sub(a!, b!), golden: { inputs: [[1, 2], [1, 2, 3]], output: [0, -1, -2, 1, 0, -1] } },
  { op: 'mul', title: 'multiplies element by element', shapes: [[2, 3], [2, 1]], build: (a, b) => mul(a!, b!), golden: { inputs: [[1, 2, 3, 4, 5, 6], [2, 3]], output: [2, 4, 6, 12, 15, 18] } },
  { op: 'div', title: 'divides element by element', shapes: [[2, 3], [3]], build: (a, b) => div(a!, b!), range: positive, golden: { inputs: [[1, 2, 3, 4, 5, 6], [1, 2, 4]], output: [1, 1, 0.75, 4, 2.5, 1.5] } },
  { op: 'minimum', title: 'takes the smaller', shapes: [[3], [3]], build: (a, b) => minimum(a!, b!), golden: { inputs: [[1, 5, -2], [2, 3, -1]], output: [1, 3, -2] } },
  { op: 'maximum', title: 'takes the larger', shapes: [[3], [3]], build: (a, b) => maximum(a!, b!), golden: { inputs: [[1, 5, -2], [2, 3, -1]], output: [2, 5, -1] } },
  { op: 'neg', title: 'flips the sign', shapes: [[3]], build: (x) => neg(x!), golden: { inputs: [[1, -2, 0.5]], output: [-1, 2, -0.5] } },
  { op: 'exp', title: 'is e to the x', shapes: [[3]], build: (x) => exp(x!), golden: { inputs: [[0, 1, -1]], output: [1, Math.E, 1 / Math.E] } },
  { op: 'log', title: 'is the natural logarithm', shapes: [[3]], build: (x) => log(x!), range: positive, golden: { inputs: [[1, Math.E, 0.5]], output: [0, 1, -Math.LN2] } },
  { op: 'sqrt', title: 'is the square root', shapes: [[3]], build: (x) => sqrt(x!), range: positive, golden: { inputs: [[1, 4, 2]], output: [1, 2, Math.SQRT2] } },
  { op: 'sin', title: 'takes radians', shapes: [[3]], build: (x) => sin(x!), golden: { inputs: [[0, Math.PI / 2, Math.PI / 6]], output: [0, 1, 0.5] } },
  { op: 'cos', title: 'takes radians', shapes: [[3]], build: (x) => cos(x!), golden: { inputs: [[0, Math.PI, Math.PI / 3]], output: [1, -1, 0.5] } },
  { op: 'tanh', title: 'of ln 2 is 3/5', shapes: [[3]], build: (x) => tanh(x!), golden: { inputs: [[0, Math.LN2, -Math.LN2]], output: [0, 0.6, -0.6] } },
  { op: 'sigmoid', title: 'of ln 3 is 3/4', shapes: [[3]], build: (x) => sigmoid(x!), golden: { inputs: [[0, Math.log(3), -Math.log(3)]], output: [0.5, 0.75, 0.25] } },
  { op: 'silu', title: 'is x times its sigmoid', shapes: [[2, 3]], build: (x) => silu(x!), golden: { inputs: [[0, Math.log(3), -Math.log(3), 0, 0, 0]], output: [0, 0.75 * Math.log(3), -0.25 * Math.log(3), 0, 0, 0] } },
  { op: 'lessEqual', differentiable: false, title: 'is true where a ≤ b', shapes: [[3], [3]], build: (a, b) => cast(lessEqual(a!, b!), 'f32'), golden: { inputs: [[1, 2, 3], [1, 3, 2]], output: [1, 1, 0] } },
  { op: 'where', title: 'chooses by the condition and broadcasts', shapes: [[2, 2], [2], [2, 1]], build: (c, a, b) => where(lessEqual(c!, 0.25), a!, b!), golden: { inputs: [[0, 1, 1, 0], [10, 20], [30, 40]], output: [10, 30, 40, 20] } },
  { op: 'sumSquares', title: 'adds up squares', shapes: [[2, 3]], build: (x) => sumSquares(x!, [1]), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [14, 77] } },
  { op: 'softmax', title: 'of equal logits is uniform, of ln k proportional to k', shapes: [[2, 3]], build: (x) => softmax(x!), golden: { inputs: [[5, 5, 5, 0, Math.LN2, Math.log(3)]], output: [1 / 3, 1 / 3, 1 / 3, 1 / 6, 2 / 6, 3 / 6] } },
  { op: 'matmul', title: 'multiplies matrices', shapes: [[2, 3], [3, 2]], build: (a, b) => matmul(a!, b!), golden: { inputs: [[1, 2, 3, 4, 5, 6], [1, 0, 0, 1, 1, 1]], output: [4, 5, 10, 11] } },
  { op: 'matmul', title: 'reads both operands transposed', shapes: [[3, 2], [4, 3]], build: (a, b) => matmul(a!, b!, { transA: true, transB: true }) },
  { op: 'matmul', title: 'broadcasts a batch', shapes: [[2, 3, 2, 4], [1, 3, 5, 4]], build: (a, b) => matmul(a!, b!, { transB: true }) },
  { op: 'matmul', title: 'reads the first of a batch transposed', shapes: [[3, 4, 2], [3, 4, 5]], build: (a, b) => matmul(a!, b!, { transA: true }) },
  { op: 'conv2d', title: 'with a kernel of ones adds up neighbors', shapes: [[1, 1, 3, 3], [1, 1, 3, 3], [1]], build: (x, w, b) => conv2d(x!, w!, b, { pads: [1, 1, 1, 1] }), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 1, 1, 1, 1, 1, 1, 1], [100]], output: [112, 121, 116, 127, 145, 133, 124, 139, 128] } },
  { op: 'conv2d', title: 'padded, several channels', shapes: [[2, 3, 5, 4], [4, 3, 3, 3], [4]], build: (x, w, b) => conv2d(x!, w!, b, { pads: [1, 1, 1, 1] }) },
  { op: 'conv2d', title: 'of stride 2 padded right and bottom', shapes: [[2, 3, 6, 4], [2, 3, 3, 3]], build: (x, w) => conv2d(x!, w!, undefined, { strides: [2, 2], pads: [0, 0, 1, 1] }) },
  { op: 'conv2d', title: 'of stride 2 padded everywhere, odd extent', shapes: [[1, 2, 7, 6], [2, 2, 3, 3]], build: (x, w) => conv2d(x!, w!, undefined, { strides: [2, 2], pads: [1, 1, 1, 1] }) },
  { op: 'conv2d', title: 'with a kernel of one pixel', shapes: [[2, 3, 4, 4], [5, 3, 1, 1], [5]], build: (x, w, b) => conv2d(x!, w!, b) },
  { op: 'conv2d', title: 'without padding', shapes: [[2, 2, 5, 6], [3, 2, 3, 2]], build: (x, w) => conv2d(x!, w!) },
  { op: 'conv2d', title: 'in groups, dilated, unevenly padded', shapes: [[2, 4, 7, 6], [6, 2, 3, 2]], build: (x, w) => conv2d(x!, w!, undefined, { groups: 2, dilations: [2, 1], pads: [0, 1, 2, 0] }) },
  { op: 'conv2d', title: 'in groups with stride', shapes: [[1, 4, 6, 6], [4, 1, 3, 3]], build: (x, w) => conv2d(x!, w!, undefined, { groups: 4, strides: [2, 1], pads: [1, 1, 1, 1] }) },
  { op: 'conv2d', title: 'padded beyond the kernel', shapes: [[1, 1, 3, 3], [1, 1, 2, 2]], build: (x, w) => conv2d(x!, w!, undefined, { pads: [2, 2, 2, 2] }) },
  { op: 'conv2dInputGrad', title: 'is the transpose of the convolution', shapes: [[2, 3, 4, 4], [3, 2, 3, 3]], build: (dy, w) => conv2dInputGrad(dy!, w!, [2, 2, 4, 4], { pads: [1, 1, 1, 1] }) },
  { op: 'conv2dInputGrad', title: 'of stride 2', shapes: [[1, 2, 3, 3], [2, 2, 3, 3]], build: (dy, w) => conv2dInputGrad(dy!, w!, [1, 2, 6, 6], { strides: [2, 2], pads: [0, 0, 1, 1] }) },
  { op: 'conv2dInputGrad', title: 'of one pixel returns the kernel', shapes: [[1, 1, 1, 1], [1, 1, 2, 2]], build: (dy, w) => conv2dInputGrad(dy!, w!, [1, 1, 2, 2]), golden: { inputs: [[2], [1, 2, 3, 4]], output: [2, 4, 6, 8] } },
  { op: 'conv2dWeightGrad', title: 'correlates input and gradient', shapes: [[2, 3, 4, 4], [2, 2, 4, 4]], build: (x, dy) => conv2dWeightGrad(x!, dy!, [2, 3, 3, 3], { pads: [1, 1, 1, 1] }) },
  { op: 'conv2dWeightGrad', title: 'of one output pixel returns the input', shapes: [[1, 1, 2, 2], [1, 1, 1, 1]], build: (x, dy) => conv2dWeightGrad(x!, dy!, [1, 1, 2, 2]), golden: { inputs: [[1, 2, 3, 4], [3]], output: [3, 6, 9, 12] } },
  { op: 'groupNorm', title: 'of a two-valued group is plus and minus one, scaled and shifted', shapes: [[1, 2, 2], [2], [2]], build: (x, g, b) => groupNorm(x!, g!, b!, { groups: 1, eps: 0 }), golden: { inputs: [[1, 3, 1, 3], [2, 3], [10, 20]], output: [8, 12, 17, 23] } },
  { op: 'groupNorm', title: 'of two groups of two channels', shapes: [[2, 4, 3, 2], [4], [4]], build: (x, g, b) => groupNorm(x!, g!, b!, { groups: 2, eps: 1e-5 }) },
  { op: 'channelAffine', title: 'scales and shifts each channel of each image', shapes: [[1, 2, 2], [1, 2], [1, 2]], build: (x, a, d) => channelAffine(x!, a!, d!), golden: { inputs: [[1, 2, 3, 4], [2, 3], [10, 20]], output: [12, 14, 29, 32] } },
  { op: 'channelAffine', title: 'adds another image', shapes: [[2, 3, 2, 2], [2, 3], [2, 3], [2, 3, 2, 2]], build: (x, a, d, z) => channelAffine(x!, a!, d!, z!) },
  { op: 'upsampleNearest', title: 'repeats every pixel', shapes: [[1, 1, 1, 2]], build: (x) => upsampleNearest(x!, 2), golden: { inputs: [[1, 2]], output: [1, 1, 2, 2, 1, 1, 2, 2] } },
  { op: 'upsampleNearest', title: 'takes images that are not square', shapes: [[2, 3, 2, 3]], build: (x) => upsampleNearest(x!, 3) },
  { op: 'sumPool', title: 'adds up blocks', shapes: [[1, 1, 2, 4]], build: (x) => sumPool(x!, 2), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8]], output: [14, 22] } },
  { op: 'sumPool', title: 'takes images that are not square', shapes: [[2, 2, 3, 6]], build: (x) => sumPool(x!, 3) },
  ...pointwiseCases,
  ...randomCases,
  ...reduceCases,
  ...normCases,
  ...structureCases,
  ...imageCases,
];

/** Numbers that are part of the program. */
function fixed(shape: readonly number[]): Tensor {
  const random = new RandomStream(3, 'constant kernel');
  return constant(float32(shape, Float32Array.from({ length: sizeOf(shape) }, () => random.uniform() - 0.5)));
}

/**
 * Sizes that ONNX Runtime's blocked kernels take (multiples of 16, so also of 8) and that are beside their limits;
 * too large for central differences, so only the engines are held against the reference.
 */
export const blockedCases: readonly OpCase[] = [
  { op: 'conv2d', title: '3 × 3, not square', shapes: [[16, 16, 3, 5], [32, 16, 3, 3], [32]], range: [-0.5, 0.5], build: (x, w, b) => conv2d(x!, w!, b, { pads: [1, 1, 1, 1] }) },
  { op: 'conv2d', title: 'of stride 2 padded right and bottom', shapes: [[16, 32, 4, 6], [16, 32, 3, 3], [16]], range: [-0.5, 0.5], build: (x, w, b) => conv2d(x!, w!, b, { strides: [2, 2], pads: [0, 0, 1, 1] }) },
  { op: 'conv2d', title: 'of stride 2 padded everywhere, which leaves a row and a column over', shapes: [[16, 16, 4, 6], [16, 16, 3, 3]], range: [-0.5, 0.5], build: (x, w) => conv2d(x!, w!, undefined, { strides: [2, 2], pads: [1, 1, 1, 1] }) },
  { op: 'conv2d', title: 'of one pixel, two blocks of batch', shapes: [[32, 48, 2, 3], [16, 48, 1, 1], [16]], range: [-0.5, 0.5], build: (x, w, b) => conv2d(x!, w!, b) },
  { op: 'conv2d', title: '3 × 3, two blocks of batch', shapes: [[32, 32, 2, 3], [16, 32, 3, 3]], range: [-0.5, 0.5], build: (x, w) => conv2d(x!, w!, undefined, { pads: [1, 1, 1, 1] }) },
  { op: 'conv2d', title: 'a batch that is no block', shapes: [[3, 16, 4, 3], [32, 16, 3, 3]], range: [-0.5, 0.5], build: (x, w) => conv2d(x!, w!, undefined, { pads: [1, 1, 1, 1] }) },
  { op: 'conv2d', title: 'from three channels', shapes: [[2, 3, 5, 4], [16, 3, 3, 3], [16]], range: [-0.5, 0.5], build: (x, w, b) => conv2d(x!, w!, b, { pads: [1, 1, 1, 1] }) },
  { op: 'conv2d', title: 'to three channels', shapes: [[2, 16, 5, 4], [3, 16, 3, 3], [3]], range: [-0.5, 0.5], build: (x, w, b) => conv2d(x!, w!, b, { pads: [1, 1, 1, 1] }) },
  { op: 'conv2d', title: 'without padding, an uneven kernel', shapes: [[16, 16, 4, 5], [16, 16, 3, 2]], range: [-0.5, 0.5], build: (x, w) => conv2d(x!, w!) },
  { op: 'conv2d', title: 'dilated', shapes: [[2, 16, 6, 5], [16, 16, 3, 3]], range: [-0.5, 0.5], build: (x, w) => conv2d(x!, w!, undefined, { dilations: [2, 1], pads: [2, 1, 2, 1] }) },
  { op: 'groupNorm', title: 'of groups across two blocks', shapes: [[2, 48, 3, 2], [48], [48]], build: (x, g, b) => groupNorm(x!, g!, b!, { groups: 8, eps: 1e-5 }) },
  { op: 'groupNorm', title: 'of a blocked image with a number added to each channel', shapes: [[2, 16, 3, 2], [32, 16, 1, 1], [2, 32], [32], [32]], build: (x, w, t, g, b) => groupNorm(add(conv2d(x!, w!), reshape(t!, [2, 32, 1, 1])), g!, b!, { groups: 8, eps: 1e-5 }) },
  { op: 'channelAffine', title: 'of blocked images, added to others', shapes: [[2, 16, 3, 2], [16, 16, 1, 1], [2, 16], [2, 16]], range: [-0.5, 0.5], build: (x, w, s, t) => { const y = add(conv2d(x!, w!), reshape(t!, [2, 16, 1, 1])); return add(channelAffine(y, s!, t!, channelAffine(conv2d(y, w!), s!, t!)), conv2d(mul(y, y), w!)); } },
  { op: 'add', title: 'of convolutions to each other and to an image that is used again', shapes: [[2, 16, 3, 2], [32, 16, 1, 1], [32, 32, 1, 1], [32]], range: [-0.5, 0.5], build: (x, w, v, b) => { const y = add(conv2d(x!, w!, b), conv2d(conv2d(x!, w!), v!)); const z = add(y, conv2d(y, v!, b)); return add(conv2d(z, v!), mul(y, z)); } },
  { op: 'conv2d', title: 'with constant kernels, from three channels to five and doubled on the way', shapes: [[2, 3, 3, 2]], range: [-0.5, 0.5], build: (x) => { const first = conv2d(x!, fixed([32, 3, 3, 3]), fixed([32]), { pads: [1, 1, 1, 1] }); return conv2d(conv2d(upsampleNearest(first, 2), fixed([16, 32, 3, 3]), fixed([16]), { pads: [1, 1, 1, 1] }), fixed([5, 16, 1, 1]), fixed([5])); } },
  { op: 'silu', title: 'between convolutions', shapes: [[2, 16, 3, 4], [16, 16, 1, 1], [2, 16]], range: [-0.5, 0.5], build: (x, w, t) => conv2d(silu(add(conv2d(x!, w!), reshape(t!, [2, 16, 1, 1]))), w!) },
  { op: 'mul', title: 'of a blocked image by a number a channel, a number and another image', shapes: [[2, 16, 3, 4], [16, 16, 1, 1], [2, 16]], range: [-0.5, 0.5], build: (x, w, t) => mul(mul(mul(reshape(t!, [2, 16, 1, 1]), conv2d(x!, w!)), 0.5), x!) },
  { op: 'concat', title: 'of blocked images and its slices', shapes: [[2, 16, 2, 3], [16, 16, 1, 1], [16, 48, 1, 1]], range: [-0.5, 0.5], build: (x, w, v) => { const y = conv2d(x!, w!); return conv2d(slice(concat([y, x!, y, y], 1), [0, 16, 0, 0], [2, 48, 2, 3]), v!); } },
  { op: 'transpose', title: 'of a blocked image to rows of pixels and back', shapes: [[2, 16, 2, 3], [16, 16, 1, 1], [16, 16]], range: [-0.5, 0.5], build: (x, w, v) => { const rows = matmul(transpose(reshape(conv2d(x!, w!), [2, 16, 6]), [0, 2, 1]), v!); return add(conv2d(reshape(transpose(rows, [0, 2, 1]), [2, 16, 2, 3]), w!), x!); } },
  { op: 'upsampleNearest', title: 'of a blocked image', shapes: [[2, 16, 2, 3], [16, 16, 1, 1]], range: [-0.5, 0.5], build: (x, w) => conv2d(upsampleNearest(conv2d(x!, w!), 2), w!) },
  { op: 'upsampleNearest', title: 'between convolutions of 3 × 3', shapes: [[16, 16, 2, 3], [16, 16, 1, 1], [32, 16, 3, 3], [32]], range: [-0.3, 0.3], build: (x, w, v, b) => conv2d(upsampleNearest(conv2d(x!, w!), 2), v!, b, { pads: [1, 1, 1, 1] }) },
  { op: 'upsampleNearest', title: 'between convolutions, a batch that is no block', shapes: [[3, 16, 2, 2], [16, 16, 1, 1], [16, 16, 3, 3]], range: [-0.5, 0.5], build: (x, w, v) => conv2d(upsampleNearest(conv2d(x!, w!), 2), v!, undefined, { pads: [1, 1, 1, 1] }) },
  { op: 'sumPool', title: 'of a convolution\'s input gradient that is used by itself too', shapes: [[16, 16, 4, 6], [16, 16, 3, 3]], range: [-0.3, 0.3], build: (g, w) => { const dx = conv2dInputGrad(g!, w!, [16, 16, 4, 6], { pads: [1, 1, 1, 1] }); return add(upsampleNearest(sumPool(dx, 2), 2), dx); } },
  { op: 'relu', title: 'between convolutions', shapes: [[2, 16, 3, 4], [16, 16, 1, 1]], range: [-0.5, 0.5], build: (x, w) => conv2d(relu(conv2d(x!, w!)), w!) },
  { op: 'where', title: 'of a comparison of blocked images, used in order too', shapes: [[2, 16, 3, 4], [16, 16, 1, 1]], range: [-0.5, 0.5], build: (x, w) => { const y = conv2d(x!, w!); const low = lessEqual(y, 0.1); return concat([conv2d(where(low, y, mul(y, y)), w!), cast(slice(low, [0, 0, 0, 0], [2, 5, 3, 4]), 'f32')], 1); } },
  { op: 'maximum', title: 'of a blocked image and a number', shapes: [[2, 16, 3, 4], [16, 16, 1, 1]], range: [-0.5, 0.5], build: (x, w) => conv2d(leakyRelu(conv2d(x!, w!), 0.2), w!) },
  { op: 'gelu', title: 'between convolutions', shapes: [[2, 16, 3, 4], [16, 16, 1, 1]], range: [-0.5, 0.5], build: (x, w) => conv2d(softplus(gelu(conv2d(x!, w!))), w!) },
  { op: 'maxPool2d', title: 'of tiles between convolutions', shapes: [[2, 16, 4, 6], [16, 16, 1, 1]], range: [-0.5, 0.5], build: (x, w) => conv2d(maxPool2d(conv2d(x!, w!), 2), w!) },
  { op: 'maxPool2d', title: 'of overlapping windows between convolutions', shapes: [[2, 16, 5, 6], [16, 16, 1, 1]], range: [-0.5, 0.5], build: (x, w) => conv2d(maxPool2d(conv2d(x!, w!), 3, { strides: [2, 2], pads: [1, 1, 1, 1] }), w!) },
  { op: 'avgPool2d', title: 'of tiles between convolutions', shapes: [[2, 16, 4, 6], [16, 16, 1, 1]], range: [-0.5, 0.5], build: (x, w) => conv2d(avgPool2d(conv2d(x!, w!), 2), w!) },
  { op: 'avgPool2d', title: 'of overlapping windows between convolutions', shapes: [[2, 16, 5, 6], [16, 16, 1, 1]], range: [-0.5, 0.5], build: (x, w) => conv2d(avgPool2d(conv2d(x!, w!), 3, { strides: [1, 1], pads: [1, 1, 1, 1] }), w!) },
  { op: 'slice', title: 'turns a blocked image around', shapes: [[2, 16, 3, 4], [16, 16, 1, 1]], range: [-0.5, 0.5], build: (x, w) => conv2d(flip(conv2d(x!, w!), [1, 3]), w!) },
];
