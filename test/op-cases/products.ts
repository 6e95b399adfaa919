import { conv2d, conv2dInputGrad, conv2dWeightGrad, convTranspose2d, matmul } from '../../src/core/index.ts';
import type { OpCase } from './op-case.ts';

export const productCases: readonly OpCase[] = [
  {
    op: 'matmul',
    title: 'multiplies matrices',
    shapes: [
      [2, 3],
      [3, 2],
    ],
    build: (a, b) => matmul(a!, b!),
    golden: {
      inputs: [
        [1, 2, 3, 4, 5, 6],
        [1, 0, 0, 1, 1, 1],
      ],
      output: [4, 5, 10, 11],
    },
  },
  {
    op: 'matmul',
    title: 'reads both operands transposed',
    shapes: [
      [3, 2],
      [4, 3],
    ],
    build: (a, b) => matmul(a!, b!, { transA: true, transB: true }),
  },
  {
    op: 'matmul',
    title: 'broadcasts a batch',
    shapes: [
      [2, 3, 2, 4],
      [1, 3, 5, 4],
    ],
    build: (a, b) => matmul(a!, b!, { transB: true }),
  },
  {
    op: 'matmul',
    title: 'reads the first of a batch transposed',
    shapes: [
      [3, 4, 2],
      [3, 4, 5],
    ],
    build: (a, b) => matmul(a!, b!, { transA: true }),
  },
  {
    op: 'conv2d',
    title: 'with a kernel of ones adds up neighbors',
    shapes: [[1, 1, 3, 3], [1, 1, 3, 3], [1]],
    build: (x, w, b) => conv2d(x!, w!, b, { pads: [1, 1, 1, 1] }),
    golden: {
      inputs: [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 1, 1, 1, 1, 1, 1, 1, 1], [100]],
      output: [112, 121, 116, 127, 145, 133, 124, 139, 128],
    },
  },
  {
    op: 'conv2d',
    title: 'padded, several channels',
    shapes: [[2, 3, 5, 4], [4, 3, 3, 3], [4]],
    build: (x, w, b) => conv2d(x!, w!, b, { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'of stride 2 padded right and bottom',
    shapes: [
      [2, 3, 6, 4],
      [2, 3, 3, 3],
    ],
    build: (x, w) => conv2d(x!, w!, undefined, { strides: [2, 2], pads: [0, 0, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'of stride 2 padded everywhere, odd extent',
    shapes: [
      [1, 2, 7, 6],
      [2, 2, 3, 3],
    ],
    build: (x, w) => conv2d(x!, w!, undefined, { strides: [2, 2], pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'with a kernel of one pixel',
    shapes: [[2, 3, 4, 4], [5, 3, 1, 1], [5]],
    build: (x, w, b) => conv2d(x!, w!, b),
  },
  {
    op: 'conv2d',
    title: 'without padding',
    shapes: [
      [2, 2, 5, 6],
      [3, 2, 3, 2],
    ],
    build: (x, w) => conv2d(x!, w!),
  },
  {
    op: 'conv2d',
    title: 'in groups, dilated, unevenly padded',
    shapes: [
      [2, 4, 7, 6],
      [6, 2, 3, 2],
    ],
    build: (x, w) => conv2d(x!, w!, undefined, { groups: 2, dilations: [2, 1], pads: [0, 1, 2, 0] }),
  },
  {
    op: 'conv2d',
    title: 'in groups with stride',
    shapes: [
      [1, 4, 6, 6],
      [4, 1, 3, 3],
    ],
    build: (x, w) => conv2d(x!, w!, undefined, { groups: 4, strides: [2, 1], pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2d',
    title: 'padded beyond the kernel',
    shapes: [
      [1, 1, 3, 3],
      [1, 1, 2, 2],
    ],
    build: (x, w) => conv2d(x!, w!, undefined, { pads: [2, 2, 2, 2] }),
  },
  {
    op: 'conv2dInputGrad',
    title: 'is the transpose of the convolution',
    shapes: [
      [2, 3, 4, 4],
      [3, 2, 3, 3],
    ],
    build: (dy, w) => conv2dInputGrad(dy!, w!, [2, 2, 4, 4], { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2dInputGrad',
    title: 'of stride 2',
    shapes: [
      [1, 2, 3, 3],
      [2, 2, 3, 3],
    ],
    build: (dy, w) => conv2dInputGrad(dy!, w!, [1, 2, 6, 6], { strides: [2, 2], pads: [0, 0, 1, 1] }),
  },
  {
    op: 'conv2dInputGrad',
    title: 'of one pixel returns the kernel',
    shapes: [
      [1, 1, 1, 1],
      [1, 1, 2, 2],
    ],
    build: (dy, w) => conv2dInputGrad(dy!, w!, [1, 1, 2, 2]),
    golden: { inputs: [[2], [1, 2, 3, 4]], output: [2, 4, 6, 8] },
  },
  {
    op: 'conv2dWeightGrad',
    title: 'correlates input and gradient',
    shapes: [
      [2, 3, 4, 4],
      [2, 2, 4, 4],
    ],
    build: (x, dy) => conv2dWeightGrad(x!, dy!, [2, 3, 3, 3], { pads: [1, 1, 1, 1] }),
  },
  {
    op: 'conv2dWeightGrad',
    title: 'of one output pixel returns the input',
    shapes: [
      [1, 1, 2, 2],
      [1, 1, 1, 1],
    ],
    build: (x, dy) => conv2dWeightGrad(x!, dy!, [1, 1, 2, 2]),
    golden: { inputs: [[1, 2, 3, 4], [3]], output: [3, 6, 9, 12] },
  },
  {
    op: 'conv2dInputGrad',
    title: 'is the transposed convolution',
    shapes: [[1, 1, 2, 2], [1, 1, 2, 2], [1]],
    build: (x, w, b) => convTranspose2d(x!, w!, b!, { strides: [2, 2] }),
    golden: {
      inputs: [[1, 2, 3, 4], [1, 10, 100, 1000], [5]],
      output: [6, 15, 7, 25, 105, 1005, 205, 2005, 8, 35, 9, 45, 305, 3005, 405, 4005],
    },
  },
  {
    op: 'conv2dInputGrad',
    title: 'is the transposed convolution, of stride 2 with output padding',
    shapes: [[2, 3, 3, 2], [3, 2, 3, 3], [2]],
    build: (x, w, b) => convTranspose2d(x!, w!, b!, { strides: [2, 2], pads: [1, 1, 1, 1], outputPadding: [1, 0] }),
  },
  {
    op: 'conv2dInputGrad',
    title: 'is the transposed convolution, in groups, dilated, unevenly padded',
    shapes: [
      [2, 4, 3, 4],
      [4, 3, 2, 3],
    ],
    build: (x, w) =>
      convTranspose2d(x!, w!, undefined, { strides: [2, 1], pads: [0, 1, 2, 0], dilations: [2, 1], groups: 2 }),
  },
  {
    op: 'matmul',
    title: 'broadcasts batches on both sides',
    shapes: [
      [2, 1, 3, 2],
      [3, 2, 4],
    ],
    build: (a, b) => matmul(a!, b!),
  },
  {
    op: 'matmul',
    title: 'of one matrix by a batch',
    shapes: [
      [3, 2],
      [2, 2, 4, 2],
    ],
    build: (a, b) => matmul(a!, b!, { transB: true }),
  },
  {
    op: 'matmul',
    title: 'of a batch by one matrix, both read transposed',
    shapes: [
      [2, 2, 3],
      [4, 2],
    ],
    build: (a, b) => matmul(a!, b!, { transA: true, transB: true }),
  },
];
