import {
  add,
  controlDependency,
  cast,
  full,
  mul,
  randomKeyWords,
  stopGradient,
  straightThrough,
  sum,
  uniform,
  type Tensor,
} from '../../src/core/index.ts';
import type { OpCase } from './op-case.ts';

/** A key: multiples of 2⁻¹². */
const key = (x: Tensor) => mul(cast(cast(mul(x, 4096), 'i32'), 'f32'), 1 / 4096);

/** Ops that draw random numbers, or through which no gradient passes. */
export const randomCases: readonly OpCase[] = [
  {
    op: 'uniform',
    title: 'draws a row and a bit',
    shapes: [[randomKeyWords]],
    range: [0, 1],
    differentiable: false,
    build: (x) => uniform(key(x!), 'a', [600]),
  },
  {
    op: 'uniform',
    title: 'fills a shape',
    shapes: [[randomKeyWords]],
    range: [0, 1],
    differentiable: false,
    build: (x) => uniform(key(x!), 'b', [2, 4, 8, 8]),
  },
  {
    op: 'stopGradient',
    title: 'changes no value',
    shapes: [[2, 3]],
    build: (x) => add(mul(x!, stopGradient(full([2, 3], 2))), stopGradient(full([3], 1))),
    golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [3, 5, 7, 9, 11, 13] },
  },
  {
    op: 'controlDependency',
    title: 'changes no value and takes no gradient to what it waits for',
    shapes: [[2, 3], [4]],
    build: (x, y) => mul(controlDependency(x!, y!), controlDependency(x!, sum(y!))),
    golden: {
      inputs: [
        [1, 2, 3, 4, 5, 6],
        [1, 2, 3, 4],
      ],
      output: [1, 4, 9, 16, 25, 36],
    },
  },
  // Where both have the same values, the gradient through one of them is that of the function.
  {
    op: 'stopGradient',
    title: 'gives straight through the gradient of the other',
    shapes: [[2, 3]],
    build: (x) => mul(straightThrough(mul(x!, 1), x!), straightThrough(x!, x!)),
    golden: { inputs: [[1, 2, 3, 4, 5, 6]], output: [1, 4, 9, 16, 25, 36] },
  },
];
