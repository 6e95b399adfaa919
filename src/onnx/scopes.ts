import type { NamedLeaf, Node, Program } from '../core/index.ts';

/**
 * The module path that each node belongs to, for node names and profiles: that of the parameter it uses, else that of
 * the forward node it is the gradient of, else that of its first input.
 */
export function nodeScopes(program: Program): Map<Node, string> {
  const scopes = new Map<Node, string>();
  for (const node of program.nodes) scopes.set(node, scopeOf(node, scopes));
  return scopes;
}

function scopeOf(node: Node, scopes: ReadonlyMap<Node, string>): string {
  if (node.op.source) return '';
  const parameter = node.inputs.find((x) => x.node.op.source === 'state');
  if (parameter) {
    const path = (parameter.node.attrs as NamedLeaf).name;
    return path.slice(0, Math.max(0, path.lastIndexOf('.')));
  }
  if (node.origin) return scopes.get(node.origin) ?? '';
  return scopes.get(node.inputs[0]!.node) ?? '';
}
