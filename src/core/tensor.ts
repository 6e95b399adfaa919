import { type DType, type HostArray, type Shape, type Type } from './dtype.ts';

/**
 * A handle on one output of a node: a shape and an element type, no values. Building tensors is pure;
 * nothing runs until a program made of them is compiled.
 */
export class Tensor implements Type {
  readonly node: Node;
  /** Which of the node's outputs this is. */
  readonly output: number;
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(node: Node, output: number, type: Type) {
    this.node = node;
    this.output = output;
    this.shape = type.shape;
    this.dtype = type.dtype;
  }
}

/** One application of an op. The graph is what is reachable through `inputs`; there is no container. */
export interface Node<Attrs = unknown> {
  readonly op: Op<string, Attrs>;
  readonly inputs: readonly Tensor[];
  readonly attrs: Attrs;
  readonly outputs: readonly Tensor[];
  /** The forward node whose gradient asked for this one, or the state entry that a constant stands for: profiles and names follow it. */
  origin?: Node;
}

/** Values during reference evaluation: whatever the dtype, numbers are float64 (bool is 0 or 1). */
export interface Values extends Type {
  readonly data: Float64Array;
}

/**
 * The whole definition of an op: its shape rule, its meaning, its derivative.
 * What a pass needs to know about an op, it asks here; none tests for an op by name.
 */
export interface Op<Name extends string = string, Attrs = unknown> {
  readonly name: Name;
  /** Set on leaves: where the value comes from. */
  readonly source?: 'input' | 'state' | 'constant';
  /** Set on ops whose result has at each place a function of their broadcast operands at that place, whatever their layout. */
  readonly elementwise?: true;
  /** The output types, or an error in the caller's words. */
  infer(inputs: readonly Type[], attrs: Attrs): readonly Type[];
  /** The reference: plain loops in float64. */
  evaluate(inputs: readonly Values[], attrs: Attrs, outputs: readonly Type[]): readonly Float64Array[];
  /**
   * The vector–Jacobian product, as more graph: a gradient for each input (undefined where it is zero).
   *
   * @param grads  gradient of the loss by each output; undefined where no path leads to the loss
   */
  vjp(grads: readonly (Tensor | undefined)[], node: Node<Attrs>): readonly (Tensor | undefined)[];
  /**
   * Set on ops whose outputs are cheap to have again: computes them from other inputs of the same values, with the small
   * outputs there are already. Undefined where they had better be kept.
   *
   * @param node  with its inputs exchanged; its outputs are the first ones
   */
  recompute?(node: Node<Attrs>): readonly Tensor[] | undefined;
}

/** Fixes an op's name and attribute types without widening them. */
export function defineOp<const Name extends string, Attrs>(op: Op<Name, Attrs>): Op<Name, Attrs> {
  return op;
}

/** Applies an op and returns all its outputs. */
export function applyAll<Attrs>(op: Op<string, Attrs>, inputs: readonly Tensor[], attrs: Attrs): readonly Tensor[] {
  const types = op.infer(inputs, attrs);
  const outputs: Tensor[] = [];
  const node: Node<Attrs> = { op, inputs, attrs, outputs };
  types.forEach((type, index) => outputs.push(new Tensor(node as Node, index, type)));
  return outputs;
}

/** Applies an op and returns its first output. */
export function apply<Attrs>(op: Op<string, Attrs>, inputs: readonly Tensor[], attrs: Attrs): Tensor {
  return applyAll(op, inputs, attrs)[0]!;
}

/** Applies the same op to the node's inputs: `Op.recompute` of ops that are one pass over memory. */
export function reapply<Attrs>({ op, inputs, attrs }: Node<Attrs>): readonly Tensor[] {
  return applyAll(op, inputs, attrs);
}

/** The attributes of an input or a state entry: its name and type. */
export interface NamedLeaf extends Type {
  readonly name: string;
}

function leafType({ shape, dtype }: Type): readonly Type[] {
  for (const extent of shape) {
    if (!Number.isInteger(extent) || extent < 0)
      throw new Error(`shape [${shape.join(', ')}]: every extent must be a whole number`);
  }
  return [{ shape, dtype }];
}

const leafMethods = {
  evaluate: () => {
    throw new Error('internal: a leaf has no evaluation of its own');
  },
  vjp: () => [],
};

/** A value given with every run: a batch, a learning rate. */
export const inputOp = defineOp<'input', NamedLeaf>({
  name: 'input',
  source: 'input',
  infer: (_, attrs) => leafType(attrs),
  ...leafMethods,
});

/** A value kept in a store between runs: a parameter, a moment of Adam. */
export const stateOp = defineOp<'state', NamedLeaf>({
  name: 'state',
  source: 'state',
  infer: (_, attrs) => leafType(attrs),
  ...leafMethods,
});

/** A value fixed in the program. */
export const constantOp = defineOp<'constant', HostArray>({
  name: 'constant',
  source: 'constant',
  infer: (_, attrs) => leafType(attrs),
  ...leafMethods,
});

/** A tensor whose values are given with every run. */
export function input(name: string, shape: Shape, dtype: DType = 'f32'): Tensor {
  return apply(inputOp, [], { name, shape, dtype });
}

/** A tensor whose values live in the store under `name`. */
export function state(name: string, shape: Shape, dtype: DType = 'f32'): Tensor {
  return apply(stateOp, [], { name, shape, dtype });
}

/** A tensor with fixed values; a number becomes a scalar. */
export function constant(value: number | HostArray): Tensor {
  return apply(
    constantOp,
    [],
    typeof value === 'number' ? { shape: [], dtype: 'f32', data: Float32Array.of(value) } : value,
  );
}

/** What ops accept where a scalar is as good as a tensor. */
export type TensorLike = Tensor | number;

/**
 * The nodes that the given tensors depend on, every one after its inputs.
 * The order is fixed by the graph alone, so the same construction gives the same program.
 */
export function topologicalOrder(roots: readonly Tensor[]): Node[] {
  const order: Node[] = [];
  const marks = new Map<Node, 'open' | 'done'>();
  // An explicit stack: a training graph is thousands of nodes deep.
  const stack: { node: Node; next: number }[] = [];
  const visit = (node: Node) => {
    const seen = marks.get(node);
    if (seen === 'open') throw new Error(`internal: the graph has a cycle through ${node.op.name}`);
    if (seen === undefined) {
      marks.set(node, 'open');
      stack.push({ node, next: 0 });
    }
  };
  for (const root of roots) {
    visit(root.node);
    while (stack.length > 0) {
      const top = stack[stack.length - 1]!;
      if (top.next < top.node.inputs.length) {
        visit(top.node.inputs[top.next++]!.node);
      } else {
        marks.set(top.node, 'done');
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}
