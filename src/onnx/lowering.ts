import type { AttrsOf, Node, OpName } from '../core/index.ts';
import type { GraphBuilder, ValueName } from './builder.ts';

/** Emits the operators of one node and returns the names of its outputs, one for each. */
export type Lowering<Attrs> = (
  graph: GraphBuilder,
  inputs: readonly ValueName[],
  node: Node<Attrs>,
) => readonly ValueName[];

/** A lowering for every op that is computed (leaves are bound by the program's interface). */
export type Lowerings = { readonly [Name in Exclude<OpName, 'input' | 'state'>]: Lowering<AttrsOf<Name>> };

/** An operator with the same operands and no attributes. */
export const direct =
  (opType: string): Lowering<unknown> =>
  (graph, inputs) => [graph.one(opType, inputs)];
