import { describeType, sameShape, type HostArray, type Type } from './dtype.ts';
import { constant, topologicalOrder, Tensor, type NamedLeaf, type Node } from './tensor.ts';

/**
 * What an executor compiles: tensors to compute from inputs and from entries of a store, and the entries to replace.
 * Several programs may work on one store.
 */
export interface Program {
  /** Given with each run, by name. */
  readonly inputs: Readonly<Record<string, Type>>;
  /** Entries of the store the program looks at. */
  readonly reads: Readonly<Record<string, Type>>;
  /** Returned by each run, by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** New values of entries of the store; all are replaced together, after everything is computed. */
  readonly writes: Readonly<Record<string, Tensor>>;
  /** All nodes, every one after its inputs. */
  readonly nodes: readonly Node[];
}

/**
 * Collects a program from the tensors it must compute. Its inputs and reads are the leaves that these depend on.
 *
 * @throws if two leaves share a name but not a type, an output has an input's name, or a write changes an entry's type
 * @example
 * import { add, float32, input, program } from 'kuosan/core';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 *
 * const executor = createNodeExecutor();
 * const sums = await executor.compile(program({ outputs: { y: add(input('x', [2]), 1) } }));
 * const { y } = await sums.run(null, { x: float32([2], [1, 2]) });
 * console.log(Array.from(y!.data as Float32Array)); // [ 2, 3 ]
 * await executor.dispose();
 */
export function program({
  outputs = {},
  writes = {},
}: {
  outputs?: Readonly<Record<string, Tensor>>;
  writes?: Readonly<Record<string, Tensor>>;
}): Program {
  const nodes = topologicalOrder([...Object.values(outputs), ...Object.values(writes)]);
  const inputs: Record<string, Type> = {};
  const reads: Record<string, Type> = {};
  for (const node of nodes) {
    const { source } = node.op;
    if (source !== 'input' && source !== 'state') continue;
    const leaf = node.attrs as NamedLeaf;
    const named = source === 'input' ? inputs : reads;
    const type = { shape: leaf.shape, dtype: leaf.dtype };
    const earlier = named[leaf.name];
    if (earlier && !sameType(earlier, type))
      throw new Error(`program: ${source} "${leaf.name}" is both ${describeType(earlier)} and ${describeType(type)}`);
    named[leaf.name] = type;
  }
  for (const name of Object.keys(outputs))
    if (inputs[name]) throw new Error(`program: "${name}" names both an input and an output`);
  for (const [name, tensor] of Object.entries(writes)) {
    const read = reads[name];
    if (read && !sameType(read, tensor))
      throw new Error(`program: state "${name}" is ${describeType(read)}, the new value ${describeType(tensor)}`);
  }
  return { inputs, reads, outputs, writes, nodes };
}

/** True if shape and element type are equal. */
export function sameType(a: Type, b: Type): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

/**
 * The same program with entries of the store fixed to values: what standalone sampling and export compile,
 * because engines prepare constant weights once.
 *
 * @param values  entries to fix; entries not named stay state
 */
export function freeze(source: Program, values: ReadonlyMap<string, HostArray>): Program {
  const replaced = new Map<Node, Node>();
  const moved = (x: Tensor): Tensor => {
    const node = replaced.get(x.node);
    return node ? node.outputs[x.output]! : x;
  };
  for (const node of source.nodes) {
    if (node.op.source === 'state') {
      const leaf = node.attrs as NamedLeaf;
      const value = values.get(leaf.name);
      if (!value) continue;
      if (!sameType(value, leaf))
        throw new Error(`freeze: "${leaf.name}" is ${describeType(value)}, expected ${describeType(leaf)}`);
      const fixed = constant(value).node;
      fixed.origin = node;
      replaced.set(node, fixed);
    } else if (node.inputs.some((x) => replaced.has(x.node))) {
      const outputs: Tensor[] = [];
      const copy: Node = { ...node, inputs: node.inputs.map(moved), outputs };
      node.outputs.forEach((output, i) => outputs.push(new Tensor(copy, i, output)));
      replaced.set(node, copy);
    }
  }
  const move = (tensors: Readonly<Record<string, Tensor>>) =>
    Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, moved(x)]));
  return program({ outputs: move(source.outputs), writes: move(source.writes) });
}
