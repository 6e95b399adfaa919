/** Rematerialization: recomputing values in the backward pass instead of keeping them from the forward pass. */
import { sizeOf } from './dtype.ts';
import { controlDependency } from './ops/identity.ts';
import type { Node, Tensor } from './tensor.ts';

/** Values smaller than this are kept whatever they cost: statistics, embeddings, anything without pixels. */
const smallest = 4096;

/**
 * What the backward pass sees in place of a forward node: the same node with copies of those inputs and outputs that can
 * be recomputed cheaply (`Op.recompute`), from values that are kept.
 *
 * A copy must not be computed before it is needed, so every kept value enters it with the gradient that asks for it
 * (`controlDependency`). Convolutions, products of matrices and sums of two whole tensors are kept: from them the rest takes a few
 * passes over memory.
 *
 * @see Chen et al. 2016 — https://arxiv.org/abs/1604.06174; here what is kept is chosen by the op, not by the layer
 */
export class Recomputation {
  readonly #copies = new Map<Node, readonly Tensor[]>();

  /** @param gradient  what the backward pass has when it comes to the node */
  view(node: Node, gradient: Tensor): Node {
    const recompute = (x: Tensor) => this.#recompute(x, gradient) ?? x;
    const { inputs, outputs } = node;
    // Only what a gradient looks at is made.
    const lazily = (values: readonly Tensor[]): readonly Tensor[] =>
      new Proxy(values, {
        get: (target, key) =>
          typeof key === 'string' && /^\d+$/.test(key) && target[Number(key)]
            ? recompute(target[Number(key)]!)
            : (Reflect.get(target, key) as unknown),
      });
    return { ...node, inputs: lazily(inputs), outputs: lazily(outputs) };
  }

  /** The value computed again, or undefined if it is kept. */
  #recompute(x: Tensor, gradient: Tensor): Tensor | undefined {
    const { node } = x;
    if (!node.op.recompute || sizeOf(x.shape) < smallest) return undefined;
    let copies = this.#copies.get(node);
    if (!copies) {
      const inputs = node.inputs.map(
        (input) =>
          this.#recompute(input, gradient) ??
          (input.node.op.source || sizeOf(input.shape) < smallest ? input : controlDependency(input, gradient)),
      );
      const outputs = node.op.recompute({ ...node, inputs });
      if (outputs === undefined) return undefined;
      this.#copies.set(node, (copies = outputs));
    }
    return copies[x.output];
  }
}
