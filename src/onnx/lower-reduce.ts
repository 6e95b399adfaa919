/** Standard operators for sums, maxima and what is built on them. */
import type { GraphBuilder, ValueName } from './builder.ts';
import type { Lowering, Lowerings } from './lowering.ts';

const reduction =
  (opType: string): Lowering<{ axes: readonly number[]; keepDims: boolean }> =>
  (graph, [x], { attrs }) => [graph.one(opType, [x!, graph.ints(attrs.axes)], { keepdims: attrs.keepDims ? 1 : 0 })];

const position =
  (opType: string): Lowering<{ axis: number; keepDims: boolean }> =>
  (graph, [x], { attrs: { axis, keepDims } }) => [
    graph.one(opType, [x!], { axis, keepdims: Number(keepDims), select_last_index: 0 }),
  ];

/** x less its largest value along the axes, that value, and ln Σ e^ of the difference; what is reduced keeps extent 1. */
function logOfSum(graph: GraphBuilder, x: ValueName, axes: readonly number[]) {
  const along = (opType: string, value: ValueName) => graph.one(opType, [value, graph.ints(axes)], { keepdims: 1 });
  const largest = along('ReduceMax', x);
  const below = graph.one('Sub', [x, largest]);
  return { largest, below, log: graph.one('Log', [along('ReduceSum', graph.one('Exp', [below]))]) };
}

export const reduceLowerings = {
  sum: reduction('ReduceSum'),
  sumSquares: reduction('ReduceSumSquare'),
  max: reduction('ReduceMax'),
  min: reduction('ReduceMin'),
  argMax: position('ArgMax'),
  argMin: position('ArgMin'),
  topK: (graph, [x], { attrs: { k, axis, largest } }) =>
    graph.apply('TopK', [x!, graph.ints([k])], { axis, largest: Number(largest), sorted: 1 }, 2),
  softmax: (graph, [x]) => [graph.one('Softmax', [x!], { axis: -1 })],
  // Not every provider has LogSoftmax, and ReduceLogSumExp overflows on some.
  logSoftmax(graph, [x], { inputs }) {
    const { below, log } = logOfSum(graph, x!, [inputs[0]!.shape.length - 1]);
    return [graph.one('Sub', [below, log])];
  },
  logSumExp(graph, [x], { inputs, outputs, attrs: { axes } }) {
    const { largest, log } = logOfSum(graph, x!, axes);
    const kept = graph.one('Add', [log, largest]);
    const { shape } = outputs[0]!;
    return [shape.length === inputs[0]!.shape.length ? kept : graph.one('Reshape', [kept, graph.ints(shape)])];
  },
  cumsum: (graph, [x], { attrs: { axis, exclusive, reverse } }) => [
    graph.one('CumSum', [x!, graph.constant({ shape: [], dtype: 'i64', data: BigInt64Array.of(BigInt(axis)) })], {
      exclusive: Number(exclusive),
      reverse: Number(reverse),
    }),
  ],
} satisfies Partial<Lowerings>;
