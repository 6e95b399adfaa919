import type { Shape } from '../core/index.ts';
import type { GraphBuilder, ValueName } from './builder.ts';

/**
 * x, not to be had before `earlier` is computed: x under the shape that it has anyway, of which the first extent comes by
 * way of the other's shape. Moves no values.
 */
export function lowerAfter(graph: GraphBuilder, x: ValueName, earlier: ValueName, shape: Shape, isScalar: boolean): ValueName {
  const other = isScalar ? graph.one('Reshape', [earlier, graph.ints([1])]) : earlier;
  const zero = graph.one('Mul', [graph.one('Shape', [other], { start: 0, end: 1 }), graph.ints([0])]);
  return graph.one('Reshape', [x, graph.one('Add', [graph.ints(shape), zero])]);
}
