import { add, channelAffine, groupNorm, layerNorm, matmul, rmsNorm } from '../../src/core/index.ts';
import type { OpCase } from './op-case.ts';

/** Normalizations and what they are made of. */
export const normCases: readonly OpCase[] = [
  {
    op: 'groupNorm',
    title: 'of a two-valued group is plus and minus one, scaled and shifted',
    shapes: [[1, 2, 2], [2], [2]],
    build: (x, g, b) => groupNorm(x!, g!, b!, { groups: 1, eps: 0 }),
    golden: {
      inputs: [
        [1, 3, 1, 3],
        [2, 3],
        [10, 20],
      ],
      output: [8, 12, 17, 23],
    },
  },
  {
    op: 'groupNorm',
    title: 'of two groups of two channels',
    shapes: [[2, 4, 3, 2], [4], [4]],
    build: (x, g, b) => groupNorm(x!, g!, b!, { groups: 2, eps: 1e-5 }),
  },
  {
    op: 'channelAffine',
    title: 'scales and shifts each channel of each image',
    shapes: [
      [1, 2, 2],
      [1, 2],
      [1, 2],
    ],
    build: (x, a, d) => channelAffine(x!, a!, d!),
    golden: {
      inputs: [
        [1, 2, 3, 4],
        [2, 3],
        [10, 20],
      ],
      output: [12, 14, 29, 32],
    },
  },
  {
    op: 'channelAffine',
    title: 'adds another image',
    shapes: [
      [2, 3, 2, 2],
      [2, 3],
      [2, 3],
      [2, 3, 2, 2],
    ],
    build: (x, a, d, z) => channelAffine(x!, a!, d!, z!),
  },
  // Plus or minus one whatever the two values are, so roundings of theirs do not show how much is lost between close ones.
  {
    op: 'layerNorm',
    far: false,
    title: 'of a two-valued row is plus and minus one, scaled and shifted',
    shapes: [[2, 2], [2], [2]],
    build: (x, g, b) => layerNorm(x!, g!, b!, { eps: 0 }),
    golden: {
      inputs: [
        [1, 3, 8, 4],
        [2, 3],
        [10, 20],
      ],
      output: [8, 23, 12, 17],
    },
  },
  {
    op: 'layerNorm',
    title: 'of rows of a sequence',
    shapes: [[2, 3, 5], [5], [5]],
    build: (x, g, b) => layerNorm(x!, g!, b!),
  },
  {
    op: 'layerNorm',
    title: 'between products, far from zero mean',
    far: [8, 12],
    shapes: [[3, 4], [4, 6], [6], [6]],
    build: (x, w, g, b) => layerNorm(add(matmul(x!, w!), 5), g!, b!, { eps: 1e-2 }),
  },
  // A mean square of 25 / 2.
  {
    op: 'sumSquares',
    title: 'makes the root mean square that a row is divided by',
    shapes: [[1, 2], [2]],
    build: (x, g) => rmsNorm(x!, g!, { eps: 0 }),
    golden: {
      inputs: [
        [3, 4],
        [1, 2],
      ],
      output: [3 / Math.sqrt(12.5), 8 / Math.sqrt(12.5)],
    },
  },
];
