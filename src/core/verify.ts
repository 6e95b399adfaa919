import { describeType } from './dtype.ts';
import { sameType, type Program } from './program.ts';
import type { Node, Tensor } from './tensor.ts';

/**
 * Checks what every pass may rely on: inputs come before their users, each node's recorded types are those its
 * op infers, and outputs belong to the program. A failure is a defect of ours, never of the caller.
 *
 * @throws an error that begins with `internal:`
 */
export function verify(program: Program): void {
  const seen = new Set<Node>();
  for (const node of program.nodes) {
    for (const x of node.inputs) requireKnown(x, seen, `an input of ${node.op.name}`);
    const inferred = node.op.infer(node.inputs, node.attrs);
    if (inferred.length !== node.outputs.length)
      throw new Error(`internal: ${node.op.name} has ${node.outputs.length} outputs, its op infers ${inferred.length}`);
    node.outputs.forEach((output, i) => {
      if (output.node !== node || output.output !== i)
        throw new Error(`internal: output ${i} of ${node.op.name} points elsewhere`);
      if (!sameType(output, inferred[i]!))
        throw new Error(
          `internal: output ${i} of ${node.op.name} is ${describeType(output)}, its op infers ${describeType(inferred[i]!)}`,
        );
    });
    if (seen.has(node)) throw new Error(`internal: ${node.op.name} is listed twice`);
    seen.add(node);
  }
  for (const [name, x] of Object.entries({ ...program.outputs, ...program.writes })) requireKnown(x, seen, `"${name}"`);
}

function requireKnown(x: Tensor, seen: ReadonlySet<Node>, what: string): void {
  if (!seen.has(x.node))
    throw new Error(`internal: ${what} (${describeType(x)}) is used before ${x.node.op.name} computes it`);
}
