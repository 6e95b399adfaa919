/** What integers and truth values go through, on each lowering, against the reference. */
import { afterAll, describe, expect, test } from 'vitest';
import {
  abs,
  add,
  and,
  argMax,
  argMin,
  broadcastTo,
  cast,
  clip,
  concat,
  cumsum,
  div,
  equal,
  evaluate,
  flip,
  fromValues,
  gather,
  input,
  less,
  lessEqual,
  max,
  maximum,
  min,
  minimum,
  mul,
  neg,
  not,
  or,
  pad,
  program,
  reshape,
  scatterAdd,
  scatterAlongAxis,
  sign,
  slice,
  sort,
  sub,
  sum,
  takeAlongAxis,
  topK,
  toValues,
  transpose,
  where,
  type DType,
  type HostArray,
  type Tensor,
} from '../src/core/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';

const executors = [
  createNodeExecutor({ threads: 2, spin: false, worker: false, cpuKernels: 'standard' }),
  createNodeExecutor({ threads: 2, spin: false, worker: false, cpuKernels: 'auto' }),
];
afterAll(() => Promise.all(executors.map((executor) => executor.dispose())));

const moved: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
  reshape: (a) => reshape(a, [3, 2]),
  transpose: (a) => transpose(a, [1, 0]),
  broadcastTo: (a) => broadcastTo(a, [2, 2, 3]),
  slice: (a) => slice(a, [0, 1], [2, 2]),
  flip: (a) => flip(a, [1]),
  pad: (a) => pad(a, [0, 1], [1, 0]),
  concat: (a, b) => concat([a, b], 0),
  gather: (a) => gather(a, argMax(cast(a, 'f32'), 1), 1),
  takeAlongAxis: (a) => takeAlongAxis(a, argMin(cast(a, 'f32'), 1, true), 1),
  where: (a, b) => where(equal(a, b), a, b),
  equal: (a, b) => equal(a, b),
};
const computed: typeof moved = {
  add: (a, b) => add(a, b),
  sub: (a, b) => sub(a, b),
  mul: (a, b) => mul(a, b),
  div: (a, b) => div(a, b),
  'a number': (a) => add(mul(a, 3), -1),
  minimum: (a, b) => minimum(a, b),
  maximum: (a, b) => maximum(a, b),
  neg: (a) => neg(a),
  abs: (a) => abs(a),
  sign: (a) => sign(a),
  clip: (a) => clip(a, -1, 2),
  less: (a, b) => less(a, b),
  lessEqual: (a, b) => lessEqual(a, b),
  sum: (a) => sum(a, [1]),
  max: (a) => max(a, [1]),
  min: (a) => min(a, [0]),
  argMax: (a) => argMax(a, 1),
  argMin: (a) => argMin(a, 0),
  topK: (a) => topK(a, 2).values,
  sort: (a) => sort(a).values,
  cumsum: (a) => cumsum(a, 1),
  scatterAdd: (a) => scatterAdd(a, argMax(cast(a, 'f32'), 1), 3),
  scatterAlongAxis: (a) => scatterAlongAxis(slice(a, [1, 0], [1, 3]), argMax(cast(a, 'f32'), 0, true), 2, 0),
};
const logic: typeof moved = { and, or, not: (a) => not(a) };

const operands = (dtype: DType): HostArray[] =>
  [
    [3, -2, 0, 5, 1, -4],
    [2, -2, 1, -3, 1, 7],
  ].map((data) =>
    fromValues({ shape: [2, 3], dtype, data: Float64Array.from(data, (v) => (dtype === 'bool' ? Number(v > 0) : v)) }),
  );

describe.each([
  ['i32', { ...moved, ...computed }],
  ['i64', { ...moved, ...computed }],
  ['bool', { ...moved, ...logic }],
] as const)('%s', (dtype, builds) => {
  test.each(Object.entries(builds))('%s', async (_, build) => {
    const [a, b] = operands(dtype);
    const p = program({ outputs: { y: build(input('a', [2, 3], dtype), input('b', [2, 3], dtype)) } });
    const expected = fromValues(evaluate(p, (_source, name) => toValues(name === 'a' ? a! : b!)).outputs.get('y')!);
    for (const executor of executors) {
      const executable = await executor.compile(p);
      expect((await executable.run(null, { a: a!, b: b! })).y).toEqual(expected);
      await executable.dispose();
    }
  });
});
