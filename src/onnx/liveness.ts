/**
 * How much memory a graph needs while it runs, and when.
 *
 * ONNX Runtime does not run nodes in the order of the file. It goes from the graph's results back to what they need, and
 * where a node needs several others, the one that stands last in the file is computed first. So the place of a node in the file
 * decides how long its operands live.
 */
import { operandsOf, type GraphProto, type NodeProto } from './protobuf.ts';
import { bytesOf, valueTypes } from './shapes.ts';

/** The nodes in the order in which ONNX Runtime runs them. */
export function executionOrder(graph: GraphProto): NodeProto[] {
  const producer = new Map<string, number>();
  graph.node.forEach((node, i) => node.output.forEach((name) => producer.set(name, i)));
  const needs = graph.node.map((node) =>
    [...new Set(operandsOf(node).flatMap((name) => producer.get(name) ?? []))].sort((a, b) => a - b),
  );
  const needed = new Set(needs.flat());
  const stack = graph.node.flatMap((_, i) => (needed.has(i) ? [] : [{ index: i, done: false }]));
  const visited = new Set<number>();
  const order: NodeProto[] = [];
  while (stack.length > 0) {
    const { index, done } = stack.pop()!;
    if (done) {
      order.push(graph.node[index]!);
    } else if (!visited.has(index)) {
      visited.add(index);
      stack.push({ index, done: true });
      for (const need of needs[index]!) if (!visited.has(need)) stack.push({ index: need, done: false });
    }
  }
  return order;
}

/** Operators whose result is their operand under another shape. */
const renaming = new Set(['Reshape', 'Identity']);
/** Operators that may write over an operand that nobody needs any more, and which operands. */
const inPlace: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(['Add', 'Sub', 'Mul', 'Div'].map((name) => [name, [0, 1]])),
  ...Object.fromEntries(
    ['Sigmoid', 'Tanh', 'Exp', 'Log', 'Sqrt', 'Neg', 'Reciprocal', 'Softmax', 'Abs', 'Cast'].map((name) => [name, [0]]),
  ),
  Conv: [3],
};

/** The memory of the values that a graph computes for itself; what it is given and what it returns is not counted. */
export interface MemoryPlan {
  /** The most bytes held at once. */
  readonly peakBytes: number;
  /** The node that runs then. */
  readonly peakNode: string;
}

/** A piece of memory and how many uses of the values in it are to come. */
interface Buffer {
  readonly size: number;
  uses: number;
}

/**
 * Follows the life of every value through a run.
 *
 * Counts what values need; what the engine's allocator loses between them comes on top, and what a branch computes for
 * itself, which is nothing in the branch that is usually taken.
 */
export function memoryPlan(graph: GraphProto): MemoryPlan {
  const types = valueTypes(graph);
  const order = executionOrder(graph);
  const returned = new Set(graph.output.map((x) => x.name));
  const uses = new Map<string, number>();
  for (const node of order) for (const name of operandsOf(node)) uses.set(name, (uses.get(name) ?? 0) + 1);
  /** Values that are given or returned have none: their memory is the caller's. */
  const buffers = new Map<string, Buffer>();
  const takenOver = (node: NodeProto, size: number): Buffer | undefined => {
    if (renaming.has(node.opType)) return buffers.get(node.input[0]!);
    return (inPlace[node.opType] ?? [])
      .map((i) => buffers.get(node.input[i] ?? ''))
      .find((buffer) => buffer?.uses === 1 && buffer.size === size);
  };
  let held = 0;
  let peakBytes = 0;
  let peakNode = '';
  for (const node of order) {
    node.output.forEach((name, i) => {
      if (returned.has(name)) return;
      const later = uses.get(name) ?? 0;
      const size = bytesOf(types.get(name)!);
      const before = i === 0 ? takenOver(node, size) : undefined;
      if (before) before.uses += later;
      else if (!renaming.has(node.opType)) held += size;
      const buffer = before ?? (renaming.has(node.opType) ? undefined : { size, uses: later });
      if (buffer) buffers.set(name, buffer);
    });
    if (held > peakBytes) [peakBytes, peakNode] = [held, node.name ?? ''];
    const touched = new Set<Buffer>();
    for (const name of operandsOf(node)) {
      const buffer = buffers.get(name);
      if (!buffer) continue;
      buffer.uses--;
      touched.add(buffer);
    }
    for (const name of node.output) if (buffers.has(name)) touched.add(buffers.get(name)!);
    for (const buffer of touched) if (buffer.uses === 0) held -= buffer.size;
  }
  return { peakBytes, peakNode };
}
