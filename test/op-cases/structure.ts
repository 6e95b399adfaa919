import {
  add, arange, broadcastTo, cast, concat, constant, eye, flip, gather, lowerTriangle, matmul, mul, oneHot, pad, reshape, scatterAdd, scatterAlongAxis, slice, split,
  takeAlongAxis, transpose, where, type Shape,
} from '../../src/core/index.ts';
import type { OpCase } from './op-case.ts';

const indices = (shape: Shape, ...values: number[]) => constant({ dtype: 'i64', shape, data: BigInt64Array.from(values, BigInt) });
const indices32 = (shape: Shape, ...values: number[]) => constant({ dtype: 'i32', shape, data: Int32Array.from(values) });

export const structureCases: readonly OpCase[] = [
  { op: 'reshape', title: 'keeps row-major order', shapes: [[2, 3]], build: (x) => reshape(x!, [3, 2]), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [1, 2, 3, 4, 5, 6] } },
  { op: 'transpose', title: 'swaps two axes', shapes: [[2, 3]], build: (x) => transpose(x!, [1, 0]), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [1, 4, 2, 5, 3, 6] } },
  { op: 'transpose', title: 'cycles three axes', shapes: [[2, 3, 4]], build: (x) => transpose(x!, [2, 0, 1]) },
  { op: 'broadcastTo', title: 'repeats inner and leading axes', shapes: [[2, 1]], build: (x) => broadcastTo(x!, [2, 2, 3]), golden: { inputs: [[1, 2]], output: [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2] } },
  { op: 'slice', title: 'takes a block', shapes: [[3, 4]], build: (x) => slice(x!, [1, 1], [2, 2]), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]], output: [6, 7, 10, 11] } },
  { op: 'pad', title: 'surrounds with zeros', shapes: [[1, 2]], build: (x) => pad(x!, [1, 0], [0, 2]), golden: { inputs: [[1, 2]], output: [0, 0, 0, 0, 1, 2, 0, 0] } },
  { op: 'concat', title: 'joins along an inner axis', shapes: [[2, 1], [2, 2]], build: (a, b) => concat([a!, b!], 1), golden: { inputs: [[1, 2], [3, 4, 5, 6]], output: [1, 3, 4, 2, 5, 6] } },
  { op: 'gather', title: 'looks up rows, one of them twice', shapes: [[4, 2]], build: (table) => gather(table!, indices([3], 3, 0, 3)), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8]], output: [7, 8, 1, 2, 7, 8] } },
  { op: 'scatterAdd', title: 'adds up rows named twice', shapes: [[3, 2]], build: (updates) => scatterAdd(updates!, indices([3], 2, 0, 2), 4), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [3, 4, 0, 0, 6, 8, 0, 0] } },
  { op: 'cast', differentiable: false, title: 'truncates toward zero', shapes: [[4]], build: (x) => cast(cast(x!, 'i32'), 'f32'), golden: { inputs: [[1.7, -1.7, 0.2, 2]], output: [1, -1, 0, 2] } },
  { op: 'slice', title: 'in steps', shapes: [[2, 5]], build: (x) => slice(x!, [0, 1], [2, 2], [1, 2]), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], output: [2, 4, 7, 9] } },
  { op: 'slice', title: 'in steps that leave a rest', shapes: [[7, 6]], build: (x) => slice(x!, [1, 0], [2, 3], [3, 2]) },
  { op: 'slice', title: 'backwards in steps to the first element', shapes: [[5]], build: (x) => slice(x!, [4], [3], [-2]), golden: { inputs: [[1, 2, 3, 4, 5]], output: [5, 3, 1] } },
  { op: 'slice', title: 'backwards along one axis, in steps along another', shapes: [[3, 7, 4]], build: (x) => slice(x!, [0, 6, 1], [3, 2, 2], [1, -4, 2]) },
  { op: 'slice', title: 'turns axes around', shapes: [[2, 3, 2]], build: (x) => flip(x!, [1, -1]), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]], output: [6, 5, 4, 3, 2, 1, 12, 11, 10, 9, 8, 7] } },
  { op: 'slice', title: 'splits into equal parts', shapes: [[2, 4]], build: (x) => { const [a, b] = split(x!, 2, 1); return mul(a!, b!); }, golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8]], output: [3, 8, 35, 48] } },
  { op: 'slice', title: 'splits into parts of given extents', shapes: [[4, 2]], build: (x) => { const [a, b] = split(x!, [1, 3], 0); return mul(a!, b!); }, golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8]], output: [3, 8, 5, 12, 7, 16] } },
  { op: 'gather', title: 'picks along an inner axis', shapes: [[2, 3, 2]], build: (x) => gather(x!, indices([2], 2, 0), 1), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]], output: [5, 6, 1, 2, 11, 12, 7, 8] } },
  { op: 'gather', title: 'replaces an inner axis by those of the indices', shapes: [[2, 4, 3]], build: (x) => gather(x!, indices32([2, 2], 3, 1, 1, 0), 1) },
  { op: 'gather', title: 'picks along the last axis', shapes: [[2, 3]], build: (x) => gather(x!, indices([3], 1, 1, 0), -1), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [2, 2, 1, 5, 5, 4] } },
  { op: 'takeAlongAxis', title: 'takes one element of each row', shapes: [[2, 3]], build: (x) => takeAlongAxis(x!, indices([2, 1], 2, 0), 1), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [3, 4] } },
  { op: 'takeAlongAxis', title: 'takes elements twice along an inner axis', shapes: [[2, 3, 2]], build: (x) => takeAlongAxis(x!, indices32([2, 4, 2], 0, 1, 2, 1, 0, 0, 1, 2, 2, 2, 0, 0, 1, 1, 2, 0), 1) },
  { op: 'scatterAlongAxis', title: 'puts one element into each row', shapes: [[2, 1]], build: (x) => scatterAlongAxis(x!, indices([2, 1], 2, 0), 3, 1), golden: { inputs: [[5, 7]], output: [0, 0, 5, 7, 0, 0] } },
  { op: 'scatterAlongAxis', title: 'adds up elements of one place', shapes: [[2, 3]], build: (x) => scatterAlongAxis(x!, indices([2, 3], 0, 0, 1, 1, 0, 1), 2, 1), golden: { inputs: [[1, 2, 4, 8, 16, 32]], output: [3, 4, 16, 40] } },
  { op: 'cast', title: 'marks each index with a one', shapes: [[2]], differentiable: false, build: (x) => oneHot(cast(x!, 'i64'), 3), golden: { inputs: [[2, 0]], output: [0, 0, 1, 1, 0, 0] } },
  { op: 'cast', title: 'passes through every type', shapes: [[4]], differentiable: false, build: (x) => cast(cast(cast(cast(cast(x!, 'i64'), 'i32'), 'bool'), 'i64'), 'f32'), golden: { inputs: [[1.5, 0.5, -1, 0]], output: [1, 0, 1, 0] } },
  { op: 'cast', title: 'keeps what has a half-precision number', shapes: [[3]], range: [1, 1], far: [2048, 2048], differentiable: false, build: (x) => cast(cast(x!, 'f16'), 'f32'), golden: { inputs: [[1.5, -0.25, 2048]], output: [1.5, -0.25, 2048] } },
  { op: 'constant', title: 'counts', shapes: [[3]], build: (x) => add(x!, cast(arange(3), 'f32')), golden: { inputs: [[1, 1, 1]], output: [1, 2, 3] } },
  { op: 'constant', title: 'is the identity matrix', shapes: [[2, 2]], build: (x) => matmul(x!, eye(2)), golden: { inputs: [[1, 2, 3, 4]], output: [1, 2, 3, 4] } },
  { op: 'where', title: 'hides what is above the diagonal', shapes: [[2, 3]], build: (x) => where(lowerTriangle(2, 3, 1), x!, 0), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [1, 2, 0, 4, 5, 6] } },
];
