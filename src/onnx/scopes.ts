import type { NamedLeaf, Node, Program } from '../core/index.ts';

/** What node names of the backward pass begin with, and those of what is computed from its gradients: the new weights. */
export const phases = { gradient: 'grad/', update: 'update/' } as const;

/**
 * The scope that each node belongs to, for node names and profiles: its phase (nothing for the forward pass), then the
 * module path, which is that of the parameter it uses, else that of the forward node it is the gradient of, else that
 * of its first input.
 */
export function nodeScopes(program: Program): Map<Node, string> {
  const paths = new Map<Node, string>();
  for (const node of program.nodes) paths.set(node, pathOf(node, paths));
  const updates = updateNodes(program);
  return new Map(
    [...paths].map(([node, path]) => [
      node,
      `${updates.has(node) ? phases.update : node.origin && !node.op.source ? phases.gradient : ''}${path}`,
    ]),
  );
}

function pathOf(node: Node, paths: ReadonlyMap<Node, string>): string {
  if (node.op.source === 'state') {
    const { name } = node.attrs as NamedLeaf;
    return name.slice(0, Math.max(0, name.lastIndexOf('.')));
  }
  // A frozen parameter is a constant that knows which entry it was.
  if (node.op.source) return node.origin ? pathOf(node.origin, paths) : '';
  const parameter = node.inputs.find((x) => x.node.op.source && paths.get(x.node));
  return paths.get(parameter?.node ?? node.origin ?? node.inputs[0]!.node) ?? '';
}

/** The nodes that are computed from gradients without being gradients themselves, and those that only they use. */
function updateNodes({ nodes }: Program): Set<Node> {
  const isGradient = (node: Node) => node.origin !== undefined;
  const updates = new Set<Node>();
  for (const node of nodes)
    if (!isGradient(node) && node.inputs.some((x) => updates.has(x.node) || (isGradient(x.node) && !x.node.op.source)))
      updates.add(node);
  const usedByUpdates = new Set<Node>();
  const usedElsewhere = new Set<Node>();
  for (const node of nodes.toReversed()) {
    if (!isGradient(node) && usedByUpdates.has(node) && !usedElsewhere.has(node)) updates.add(node);
    for (const x of node.inputs) (updates.has(node) ? usedByUpdates : usedElsewhere).add(x.node);
  }
  return updates;
}
