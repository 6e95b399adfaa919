import { avgPool2d, maxPool2d, resize, sumPool, upsampleNearest } from '../../src/core/index.ts';
import type { OpCase } from './op-case.ts';

export const imageCases: readonly OpCase[] = [
  { op: 'upsampleNearest', title: 'repeats every pixel', shapes: [[1, 1, 1, 2]], build: (x) => upsampleNearest(x!, 2), golden: { inputs: [[1, 2]], output: [1, 1, 2, 2, 1, 1, 2, 2] } },
  { op: 'upsampleNearest', title: 'takes images that are not square', shapes: [[2, 3, 2, 3]], build: (x) => upsampleNearest(x!, 3) },
  { op: 'sumPool', title: 'adds up blocks', shapes: [[1, 1, 2, 4]], build: (x) => sumPool(x!, 2), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8]], output: [14, 22] } },
  { op: 'sumPool', title: 'takes images that are not square', shapes: [[2, 2, 3, 6]], build: (x) => sumPool(x!, 3) },
  { op: 'avgPool2d', title: 'of squares that tile', shapes: [[1, 1, 2, 4]], build: (x) => avgPool2d(x!, 2), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8]], output: [3.5, 5.5] } },
  { op: 'avgPool2d', title: 'counts padding as zeros', shapes: [[1, 1, 2, 2]], build: (x) => avgPool2d(x!, 2, { strides: [1, 1], pads: [1, 1, 0, 0] }), golden: { inputs: [[4, 8, 12, 16]], output: [1, 3, 4, 10] } },
  { op: 'avgPool2d', title: 'leaves padding out of the mean', shapes: [[1, 1, 2, 2]], build: (x) => avgPool2d(x!, 2, { strides: [1, 1], pads: [1, 1, 0, 0], countPadding: false }), golden: { inputs: [[4, 8, 12, 16]], output: [4, 6, 8, 10] } },
  { op: 'avgPool2d', title: 'of windows that overlap, padded', shapes: [[2, 3, 5, 4]], build: (x) => avgPool2d(x!, 3, { strides: [1, 1], pads: [1, 1, 1, 1] }) },
  { op: 'avgPool2d', title: 'of oblong windows that leave a column over', shapes: [[2, 2, 5, 7]], build: (x) => avgPool2d(x!, [3, 2], { strides: [2, 3], pads: [0, 1, 1, 0] }) },
  { op: 'maxPool2d', title: 'of squares that tile', shapes: [[1, 1, 2, 4]], build: (x) => maxPool2d(x!, 2), golden: { inputs: [[1, 2, 7, 4, 5, 6, -1, 3]], output: [6, 7] } },
  { op: 'maxPool2d', title: 'of negative numbers is not the padding', shapes: [[1, 1, 2, 2]], build: (x) => maxPool2d(x!, 2, { strides: [1, 1], pads: [1, 1, 0, 0] }), golden: { inputs: [[-4, -8, -2, -1]], output: [-4, -4, -2, -1] } },
  { op: 'maxPool2d', title: 'of windows that overlap, padded', shapes: [[2, 3, 6, 5]], build: (x) => maxPool2d(x!, 3, { strides: [2, 2], pads: [1, 1, 1, 1] }) },
  { op: 'maxPool2d', title: 'of oblong windows that leave a column over', shapes: [[2, 2, 5, 7]], build: (x) => maxPool2d(x!, [3, 2], { strides: [2, 3], pads: [0, 1, 1, 0] }) },
  { op: 'matmul', title: 'resizes by two linear pixels', shapes: [[1, 1, 1, 2]], build: (x) => resize(x!, [1, 4]), golden: { inputs: [[0, 4]], output: [0, 1, 3, 4] } },
  { op: 'matmul', title: 'resizes by cubic pixels, rows and columns', shapes: [[2, 2, 3, 4]], build: (x) => resize(x!, [5, 3], { mode: 'bicubic' }) },
  { op: 'matmul', title: 'resizes by every pixel there is', shapes: [[1, 2, 5, 6]], build: (x) => resize(x!, [2, 3], { antialias: true }) },
  { op: 'slice', title: 'resizes to every second pixel', shapes: [[1, 1, 2, 4]], build: (x) => resize(x!, [1, 2], { mode: 'nearest' }), golden: { inputs: [[1, 2, 3, 4, 5, 6, 7, 8]], output: [1, 3] } },
];
