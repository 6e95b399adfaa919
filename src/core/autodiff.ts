import { sizeOf } from './dtype.ts';
import { add } from './ops/elementwise.ts';
import { full, isFloat } from './ops/structure.ts';
import { Recomputation } from './recompute.ts';
import { constant, topologicalOrder, type Node, type Tensor } from './tensor.ts';

/** Options of `grad`. */
export interface GradOptions {
  /** Values that are cheap to compute again are not kept for the backward pass: less memory, more time. Default false. */
  readonly recompute?: boolean;
}

/**
 * Returns ∂loss/∂x for each x of `wrt`, as graph: it can be exported, and differentiated again.
 *
 * Reverse mode: the nodes between `wrt` and the loss are visited from the loss backwards, each once, when the
 * gradients of all its outputs are complete.
 *
 * @param loss  a tensor of one element
 * @param wrt   tensors the loss may depend on; the gradient of one it does not depend on is zero
 * @returns     one gradient a tensor, of its shape
 * @throws      if the loss has more than one element, or a tensor of `wrt` is not of a float type
 * @example
 * import { createInterpreter, float32, grad, input, mul, program, sum } from 'kuosan/core';
 *
 * const x = input('x', [3]);
 * const [dx] = grad(sum(mul(x, x)), [x]); // ∂ Σ x²/∂x = 2 x
 * const executable = await createInterpreter().compile(program({ outputs: { dx: dx! } }));
 * const { dx: found } = await executable.run(null, { x: float32([3], [1, 2, 3]) });
 * console.log(Array.from(found!.data as Float32Array)); // [ 2, 4, 6 ]
 */
export function grad(loss: Tensor, wrt: readonly Tensor[], { recompute = false }: GradOptions = {}): Tensor[] {
  if (sizeOf(loss.shape) !== 1)
    throw new Error(`grad: the loss must have one element, it is [${loss.shape.join(', ')}]`);
  for (const x of wrt) if (!isFloat(x)) throw new Error(`grad: cannot differentiate by a tensor of ${x.dtype}`);

  const order = topologicalOrder([loss]);
  const reaching = nodesReaching(order, wrt);
  const known = new Set(order);
  const recomputation = recompute ? new Recomputation() : undefined;
  const gradients = new Map<Tensor, Tensor>([[loss, full(loss.shape, 1)]]);

  for (const node of order.toReversed()) {
    // A leaf has no inputs to pass gradients to; its own stay in the map.
    if (!reaching.has(node) || node.inputs.length === 0) continue;
    const outputGrads = node.outputs.map((output) => gradients.get(output));
    if (outputGrads.every((g) => g === undefined)) continue;
    const inputGrads = node.op.vjp(
      outputGrads,
      recomputation?.view(
        node,
        outputGrads.find((g) => g !== undefined)!,
      ) ?? node,
    );
    inputGrads.forEach((g, i) => {
      const x = node.inputs[i]!;
      if (!g || !isFloat(x) || !reaching.has(x.node)) return;
      if (g.shape.join() !== x.shape.join())
        throw new Error(
          `internal: ${node.op.name} gave a gradient of [${g.shape.join(', ')}] for input ${i} of [${x.shape.join(', ')}]`,
        );
      const sofar = gradients.get(x);
      const total = sofar ? add(sofar, g) : g;
      gradients.set(x, total);
      attribute(total, node, known);
    });
  }
  return wrt.map((x) => gradients.get(x) ?? zeros(x));
}

function zeros(x: Tensor): Tensor {
  return x.shape.length === 0 ? constant(0) : full(x.shape, 0);
}

/** The nodes from which a path leads down to a tensor of `wrt`: only these need gradients. */
function nodesReaching(order: readonly Node[], wrt: readonly Tensor[]): Set<Node> {
  const reaching = new Set<Node>(wrt.map((x) => x.node));
  for (const node of order) if (node.inputs.some((x) => reaching.has(x.node))) reaching.add(node);
  return reaching;
}

/** Marks the new nodes behind a gradient with the forward node they belong to. */
function attribute(gradient: Tensor, forward: Node, known: Set<Node>): void {
  const stack = [gradient.node];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (known.has(node)) continue;
    known.add(node);
    node.origin = forward;
    for (const x of node.inputs) stack.push(x.node);
  }
}
