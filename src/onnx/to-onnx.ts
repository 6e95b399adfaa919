import {
  describeType,
  sameShape,
  verify,
  type HostArrays,
  type NamedLeaf,
  type Node,
  type OpName,
  type Program,
  type Tensor,
  type Type,
} from '../core/index.ts';
import type { Bytes } from '../formats/index.ts';
import { GraphBuilder, onnxDataTypes, valueInfo, type ValueName } from './builder.ts';
import { encodeModel } from './encode.ts';
import { standardLowerings } from './lower.ts';
import type { Lowering, Lowerings } from './lowering.ts';
import { narrowType } from './narrow.ts';
import type { ModelProto } from './protobuf.ts';
import { memoryPlan } from './liveness.ts';
import { nodeScopes } from './scopes.ts';
import { Uses } from './uses.ts';
import { generalizeBatch, probeBatches } from './symbolic-batch.ts';

/** A program as ONNX bytes, and how its values are named there. */
export interface OnnxProgram {
  readonly bytes: Uint8Array;
  readonly inputs: Readonly<Record<string, Type>>;
  readonly reads: Readonly<Record<string, Type>>;
  readonly outputs: Readonly<Record<string, Type>>;
  readonly writes: Readonly<Record<string, Type>>;
  /** The most bytes that a run holds at once next to what it is given and what it returns: see `memoryPlan`. */
  readonly peakBytes: number;
}

/** The ONNX name of a store entry that a program reads; inputs and outputs keep their own names. */
export const readName = (entry: string): string => `state:${entry}`;
/** The ONNX name of a store entry's new value. */
export const writeName = (entry: string): string => `next:${entry}`;

/** Options of `toOnnx` and `toOnnxForAnyBatch`. */
export interface ToOnnxOptions {
  /** A provider's own lowerings of some ops, in place of the standard ones. */
  readonly lowerings?: Partial<Lowerings>;
  /** The graph's name, default kuosan. */
  readonly name?: string;
  /**
   * Entries of the store to build in as constants, which keep their names; the others stay inputs. Values of a narrower
   * float type than the entry's are stored as they are and widened in the graph.
   */
  readonly weights?: HostArrays;
  /**
   * Declare 64-bit integers as 32-bit ones, for a provider that computes with no others; its lowerings have to know. The
   * program's types stay as they are: who feeds the model converts.
   */
  readonly narrowIntegers?: boolean;
  /** What the model carries about itself, as text. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a program as one ONNX model (IR 8, opset 18).
 *
 * @throws if a weight is not of its entry's shape, or the model passes protobuf's 2 GiB
 * @example
 * import { writeFile } from 'node:fs/promises';
 * import { add, input, program } from 'kuosan/core';
 * import { toOnnx } from 'kuosan/onnx';
 *
 * await writeFile('add.onnx', toOnnx(program({ outputs: { y: add(input('x', [2]), 1) } })).bytes);
 */
export function toOnnx(program: Program, options: ToOnnxOptions = {}): OnnxProgram {
  const { weights } = options;
  const reads = weights
    ? Object.fromEntries(Object.entries(program.reads).filter(([entry]) => !weights.has(entry)))
    : program.reads;
  const model = modelOf(program, options);
  const { peakBytes } = memoryPlan(model.graph);
  return {
    bytes: encodeModel(model),
    inputs: program.inputs,
    reads,
    outputs: typesOf(program.outputs),
    writes: typesOf(program.writes),
    peakBytes,
  };
}

/**
 * Writes a program as one ONNX model for every batch size, a symbolic extent called `batch`.
 *
 * @param build  the program at a batch size, the same but for extents
 * @throws if the program depends on the batch in more than extents
 */
export function toOnnxForAnyBatch(build: (batch: number) => Program, options: ToOnnxOptions = {}): Bytes {
  const [first, second] = probeBatches.map((batch) => modelOf(build(batch), options));
  return encodeModel(generalizeBatch(first!, second!));
}

function modelOf(
  program: Program,
  { lowerings = {}, name = 'kuosan', weights = new Map(), narrowIntegers = false, metadata = {} }: ToOnnxOptions,
): ModelProto {
  verify(program);
  const graph = new GraphBuilder(new Uses(program));
  const table: Partial<Lowerings> = { ...standardLowerings, ...lowerings };
  const values = new Map<Tensor, ValueName>();
  const scopes = nodeScopes(program);
  for (const node of program.nodes) {
    graph.scope = scopes.get(node)!;
    const names =
      node.op.source === 'input'
        ? [(node.attrs as NamedLeaf).name]
        : node.op.source === 'state'
          ? [stateValue(graph, node.attrs as NamedLeaf, weights)]
          : lowering(table, node)(
              graph,
              node.inputs.map((x) => values.get(x)!),
              node,
            );
    node.outputs.forEach((output, i) => values.set(output, names[i]!));
  }
  graph.scope = '';
  const results = [
    ...Object.entries(program.outputs),
    ...Object.entries(program.writes).map(([entry, x]) => [writeName(entry), x] as const),
  ];
  for (const [resultName, x] of results) graph.rename(values.get(x)!, resultName);
  const declared = [
    ...Object.entries(program.inputs),
    ...Object.entries(program.reads)
      .filter(([entry]) => !weights.has(entry))
      .map(([entry, type]) => [readName(entry), type] as const),
  ];
  const info = ([n, { shape, dtype }]: readonly [string, Type]) =>
    valueInfo(n, narrowIntegers ? narrowType({ shape, dtype }) : { shape, dtype });
  return {
    irVersion: 8,
    producerName: 'kuosan',
    producerVersion: '',
    opsetImport: [{ domain: '', version: 18 }, ...[...graph.domains].map(([domain, version]) => ({ domain, version }))],
    graph: graph.build(name, declared.map(info), results.map(info)),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  };
}

/** The value of an entry of the store: an input of the model, or a constant under the entry's own name. */
function stateValue(graph: GraphBuilder, leaf: NamedLeaf, weights: HostArrays): ValueName {
  const weight = weights.get(leaf.name);
  if (!weight) return readName(leaf.name);
  const widened = weight.dtype !== leaf.dtype;
  if (
    !sameShape(weight.shape, leaf.shape) ||
    (widened && !(leaf.dtype === 'f32' && (weight.dtype === 'f16' || weight.dtype === 'bf16')))
  ) {
    throw new Error(`toOnnx: the weight "${leaf.name}" is ${describeType(weight)}, expected ${describeType(leaf)}`);
  }
  const stored = graph.weight(leaf.name, weight);
  graph.scope = leaf.name.slice(0, Math.max(0, leaf.name.lastIndexOf('.')));
  return widened ? graph.one('Cast', [stored], { to: onnxDataTypes[leaf.dtype] }) : stored;
}

function lowering(table: Partial<Lowerings>, node: Node): Lowering<unknown> {
  const found = table[node.op.name as Exclude<OpName, 'input' | 'state'>];
  if (!found) throw new Error(`internal: ${node.op.name} has no lowering`);
  return found as Lowering<unknown>;
}

function typesOf(tensors: Readonly<Record<string, Tensor>>): Record<string, Type> {
  return Object.fromEntries(Object.entries(tensors).map(([name, { shape, dtype }]) => [name, { shape, dtype }]));
}
