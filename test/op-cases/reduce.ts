import { argMax, argMin, cast, cumsum, logSoftmax, logSumExp, max, mean, min, mul, sort, topK } from '../../src/core/index.ts';
import type { OpCase } from './op-case.ts';

export const reduceCases: readonly OpCase[] = [
  { op: 'max', title: 'is the largest along an axis', shapes: [[2, 3]], build: (x) => max(x!, [1]), golden: { inputs: [[1, 7, 3, -4, -5, -6]], output: [7, -4] } },
  { op: 'max', title: 'over several axes, kept', shapes: [[3, 2, 4]], build: (x) => max(x!, [0, 2], true) },
  { op: 'max', title: 'over everything', shapes: [[2, 3]], build: (x) => max(x!), golden: { inputs: [[1, 7, 3, -4, -5, -6]], output: [7] } },
  { op: 'min', title: 'is the smallest along an axis', shapes: [[2, 3]], build: (x) => min(x!, [0]), golden: { inputs: [[1, 7, 3, -4, -5, -6]], output: [-4, -5, -6] } },
  { op: 'argMax', title: 'is the place of the first of the largest', shapes: [[2, 3]], differentiable: false, build: (x) => cast(argMax(x!, -1), 'f32'), golden: { inputs: [[1, 7, 7, -4, -5, -6]], output: [1, 0] } },
  { op: 'argMax', title: 'along an inner axis, kept', shapes: [[2, 3, 4]], differentiable: false, build: (x) => cast(argMax(x!, 1, true), 'f32') },
  { op: 'argMin', title: 'is the place of the first of the smallest', shapes: [[3, 2]], differentiable: false, build: (x) => cast(argMin(x!, 0), 'f32'), golden: { inputs: [[1, 7, 7, -4, 1, -4]], output: [0, 1] } },
  { op: 'topK', title: 'takes the largest in falling order', shapes: [[2, 4]], build: (x) => topK(x!, 2).values, golden: { inputs: [[1, 7, 3, 4, -4, -5, -6, -7]], output: [7, 4, -4, -5] } },
  { op: 'topK', title: 'takes the smallest along an inner axis', shapes: [[2, 4, 3]], build: (x) => topK(x!, 3, { axis: 1, largest: false }).values },
  { op: 'topK', title: 'says where they were, the first of equals first', shapes: [[5]], differentiable: false, build: (x) => cast(topK(x!, 3).indices, 'f32'), golden: { inputs: [[1, 7, 3, 7, 0]], output: [1, 3, 2] } },
  { op: 'topK', title: 'sorts', shapes: [[4]], build: (x) => mul(sort(x!).values, sort(x!, { descending: true }).values), golden: { inputs: [[3, 1, 4, 2]], output: [4, 6, 6, 4] } },
  { op: 'logSoftmax', title: 'of equal logits is minus the logarithm of their number', shapes: [[2, 3]], build: (x) => logSoftmax(x!), golden: { inputs: [[1000, 1000, 1000, 0, Math.LN2, Math.log(3)]], output: [-Math.log(3), -Math.log(3), -Math.log(3), -Math.log(6), -Math.log(3), -Math.LN2] } },
  { op: 'logSoftmax', title: 'over the last of three axes', shapes: [[2, 3, 4]], build: (x) => logSoftmax(x!) },
  { op: 'logSumExp', title: 'of ln 1, ln 2 and ln 3 is ln 6, and large numbers do not overflow', shapes: [[2, 3]], build: (x) => logSumExp(x!, [1]), golden: { inputs: [[0, Math.LN2, Math.log(3), 1000, 1000, 1000]], output: [Math.log(6), 1000 + Math.log(3)] } },
  { op: 'logSumExp', title: 'over outer axes, kept', shapes: [[2, 3, 4]], build: (x) => logSumExp(x!, [0, 1], true) },
  { op: 'logSumExp', title: 'over everything', shapes: [[2, 3]], build: (x) => logSumExp(x!) },
  { op: 'sum', title: 'gives the mean', shapes: [[2, 3]], build: (x) => mean(x!, [-1]), golden: { inputs: [[1, 2, 3, 4, 5, 9]], output: [2, 6] } },
  { op: 'cumsum', title: 'adds up on the way', shapes: [[2, 3]], build: (x) => cumsum(x!, 1), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [1, 3, 6, 4, 9, 15] } },
  { op: 'cumsum', title: 'may leave each element out of its own sum', shapes: [[3, 2]], build: (x) => cumsum(x!, 0, { exclusive: true }), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [0, 0, 1, 2, 4, 6] } },
  { op: 'cumsum', title: 'may run backwards', shapes: [[2, 3]], build: (x) => cumsum(x!, -1, { reverse: true }), golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [6, 5, 3, 15, 11, 6] } },
  { op: 'cumsum', title: 'backwards without each element itself', shapes: [[2, 3, 2]], build: (x) => cumsum(x!, 1, { reverse: true, exclusive: true }) },
];
