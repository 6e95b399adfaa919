import type { AttrsOf, Node } from '../core/index.ts';
import type { BlockedValues } from './blocked.ts';
import type { GraphBuilder, ValueName } from './builder.ts';

/** Slices that divide a line among them are one operator. */
export function cutOff(
  graph: GraphBuilder,
  values: BlockedValues,
  x: ValueName,
  node: Node<AttrsOf<'slice'>>,
): ValueName | undefined {
  const [line] = node.inputs;
  const cuts = graph.uses.of(line!).filter(({ op }) => op === (node.op as unknown)) as Node<AttrsOf<'slice'>>[];
  if (line!.shape.length !== 1 || cuts.length < 3 || cuts.some(({ attrs }) => attrs.steps[0] !== 1)) return undefined;
  cuts.sort((a, b) => a.attrs.starts[0]! - b.attrs.starts[0]!);
  const sizes = cuts.map(({ attrs }) => attrs.sizes[0]!);
  const ends = sizes.map((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b, 0));
  if (ends.at(-1) !== line!.shape[0] || cuts.some(({ attrs }, i) => attrs.starts[0] !== (ends[i - 1] ?? 0)))
    return undefined;
  const parts = values.parts.get(x) ?? graph.apply('Split', [x, graph.ints(sizes)], { axis: 0 }, cuts.length);
  values.parts.set(x, parts);
  return parts[cuts.indexOf(node)]!;
}
