import type { Shape } from '../core/index.ts';
import type { GraphBuilder, ValueName } from './builder.ts';

/**
 * The same values as x, but not before `earlier` has been computed: a Reshape of x to its own shape, where the shape is an
 * operand, x's extents + 0 · the first extent of `earlier`. No values are moved.
 *
 * @param shape     x's, of at least one axis
 * @param isScalar  whether `earlier` is one, and so has no extent to ask for
 */
export function lowerControlDependency(
  graph: GraphBuilder,
  x: ValueName,
  earlier: ValueName,
  shape: Shape,
  isScalar: boolean,
): ValueName {
  const other = isScalar ? graph.one('Reshape', [earlier, graph.ints([1])]) : earlier;
  const zero = graph.one('Mul', [graph.one('Shape', [other], { start: 0, end: 1 }), graph.ints([0])]);
  return graph.one('Reshape', [x, graph.one('Add', [graph.ints(shape), zero])]);
}
