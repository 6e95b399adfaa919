import { verify, type NamedLeaf, type Node, type OpName, type Program, type Tensor, type Type } from '../core/index.ts';
import { GraphBuilder, valueInfo, type ValueName } from './builder.ts';
import { encodeModel } from './encode.ts';
import { standardLowerings } from './lower.ts';
import type { Lowering, Lowerings } from './lowering.ts';
import { nodeScopes } from './scopes.ts';

/** A program as ONNX bytes, and how its values are named there. */
export interface OnnxProgram {
  readonly bytes: Uint8Array;
  readonly inputs: Readonly<Record<string, Type>>;
  readonly reads: Readonly<Record<string, Type>>;
  readonly outputs: Readonly<Record<string, Type>>;
  readonly writes: Readonly<Record<string, Type>>;
}

/** The ONNX name of a store entry that a program reads; inputs and outputs keep their own names. */
export const readName = (entry: string): string => `state:${entry}`;
/** The ONNX name of a store entry's new value. */
export const writeName = (entry: string): string => `next:${entry}`;

/**
 * Writes a program as one ONNX model (IR 8, opset 18).
 *
 * @param lowerings  a provider's own lowerings of some ops, in place of the standard ones
 */
export function toOnnx(program: Program, { lowerings = {}, name = 'kuosan' }: { lowerings?: Partial<Lowerings>; name?: string } = {}): OnnxProgram {
  verify(program);
  const graph = new GraphBuilder();
  const table: Partial<Lowerings> = { ...standardLowerings, ...lowerings };
  const values = new Map<Tensor, ValueName>();
  const scopes = nodeScopes(program);
  for (const node of program.nodes) {
    graph.scope = scopes.get(node)!;
    const names = node.op.source === 'input' ? [(node.attrs as NamedLeaf).name]
      : node.op.source === 'state' ? [readName((node.attrs as NamedLeaf).name)]
      : lowering(table, node)(graph, node.inputs.map((x) => values.get(x)!), node);
    node.outputs.forEach((output, i) => values.set(output, names[i]!));
  }
  graph.scope = '';
  const results = [...Object.entries(program.outputs), ...Object.entries(program.writes).map(([entry, x]) => [writeName(entry), x] as const)];
  for (const [resultName, x] of results) graph.rename(values.get(x)!, resultName);
  const declared = [...Object.entries(program.inputs), ...Object.entries(program.reads).map(([entry, type]) => [readName(entry), type] as const)];
  const proto = graph.build(name, declared.map(([n, type]) => valueInfo(n, type)), results.map(([n, type]) => valueInfo(n, type)));
  const bytes = encodeModel({
    irVersion: 8,
    producerName: 'kuosan',
    producerVersion: '',
    opsetImport: [{ domain: '', version: 18 }, ...[...graph.domains].map(([domain, version]) => ({ domain, version }))],
    graph: proto,
    metadataProps: [],
  });
  return { bytes, inputs: program.inputs, reads: program.reads, outputs: typesOf(program.outputs), writes: typesOf(program.writes) };
}

function lowering(table: Partial<Lowerings>, node: Node): Lowering<unknown> {
  const found = table[node.op.name as Exclude<OpName, 'input' | 'state'>];
  if (!found) throw new Error(`internal: ${node.op.name} has no lowering`);
  return found as Lowering<unknown>;
}

function typesOf(tensors: Readonly<Record<string, Tensor>>): Record<string, Type> {
  return Object.fromEntries(Object.entries(tensors).map(([name, { shape, dtype }]) => [name, { shape, dtype }]));
}
