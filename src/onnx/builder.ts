import { sizeOf, type DType, type HostArray, type Shape, type Type } from '../core/index.ts';
import { Uses } from './uses.ts';
import {
  attributeType,
  operandsOf,
  tensorDataType,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './protobuf.ts';

/** ONNX's numbers for our element types. */
export const onnxDataTypes: Readonly<Record<DType, number>> = {
  f32: tensorDataType.float,
  i32: tensorDataType.int32,
  i64: tensorDataType.int64,
  bool: tensorDataType.bool,
  f16: tensorDataType.float16,
  bf16: tensorDataType.bfloat16,
};

/** A value an attribute may have: `{ float: 1 }` keeps a whole number from becoming an integer. */
export type AttributeValue =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly graph: GraphProto };

/** Names of ONNX values. */
export type ValueName = string;

/** Emits one branch of a condition into a graph of its own, from values of the graph around it. */
export type Branch = (graph: GraphBuilder, taken: readonly ValueName[]) => readonly ValueName[];

/**
 * Collects the nodes and constants of one ONNX graph. Equal applications are emitted once, so nothing is computed
 * twice whatever the lowerings ask for.
 */
export class GraphBuilder {
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #emitted = new Map<string, readonly ValueName[]>();
  readonly #domains = new Map<string, number>();
  readonly #scopes = new Map<string, number>();
  readonly #computed = new Set<ValueName>();
  readonly #publicNames = new Map<ValueName, string>();
  readonly #deferred = new Map<ValueName, () => ValueName>();
  readonly #constants = new Map<ValueName, HostArray>();
  /** Constants that are shapes in full, without a 0 that stands for the extent before. */
  readonly #knownShapes = new Set<ValueName>();
  /** What a reshaped value was before. */
  readonly #reshaped = new Map<ValueName, ValueName>();
  #nextValue = 0;
  readonly #prefix: string;
  /** Who takes the values of the program that is written. */
  readonly uses: Uses;
  /** What node names begin with from here on: the module path they come from. */
  scope = '';

  /** @param prefix  what names of values begin with: a graph inside another must not use the other's names */
  constructor(uses = new Uses(), prefix = '') {
    this.uses = uses;
    this.#prefix = prefix;
  }

  /** Applies an ONNX operator; returns the names of its outputs. An output that nobody needs may be left out by count. */
  apply(
    opType: string,
    inputs: readonly ValueName[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    outputCount = 1,
    domain = '',
  ): readonly ValueName[] {
    const present = inputs.map((name) => this.#present(name));
    const actual = opType === 'Reshape' ? this.#unreshaped(present) : present;
    const key = JSON.stringify([domain, opType, actual, attributes, outputCount]);
    const earlier = this.#emitted.get(key);
    if (earlier) return earlier;
    const output = Array.from({ length: outputCount }, () => this.#name('v'));
    this.#nodes.push(this.#node(opType, actual, output, attributes, domain));
    this.#emitted.set(key, output);
    for (const value of output) this.#computed.add(value);
    if (opType === 'Reshape' && this.#knownShapes.has(actual[1]!)) this.#reshaped.set(output[0]!, actual[0]!);
    return output;
  }

  #name(kind: string): ValueName {
    return `${this.#prefix}${kind}${this.#nextValue++}`;
  }

  /** The operands of a Reshape of a Reshape: the value before both. Where a shape is computed, something waits for it. */
  #unreshaped([x, shape]: readonly ValueName[]): readonly ValueName[] {
    return [this.#knownShapes.has(shape!) ? (this.#reshaped.get(x!) ?? x!) : x!, shape!];
  }

  /** Applies an operator with one output. */
  one(
    opType: string,
    inputs: readonly ValueName[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
  ): ValueName {
    return this.apply(opType, inputs, attributes)[0]!;
  }

  /**
   * Computes values in one of two ways; which one, a value decides when the graph runs. The other one is not computed.
   *
   * @param condition  a bool of one element
   * @param taken      what the branches take of this graph, in the order in which they get it
   * @param types      of the values, the same from both branches
   */
  either(
    condition: ValueName,
    taken: readonly ValueName[],
    [then, otherwise]: readonly [Branch, Branch],
    types: readonly Type[],
  ): readonly ValueName[] {
    const present = taken.map((name) => this.#present(name));
    const branch = (name: string, emit: Branch): { readonly graph: GraphProto } => {
      const inner = new GraphBuilder(new Uses(), `${this.#name('b')}/`);
      inner.scope = this.scope;
      const outputs = emit(inner, present).map((value, i) => {
        const output = `${inner.#prefix}out${i}`;
        inner.rename(value, output);
        return valueInfo(output, types[i]!);
      });
      for (const [domain, version] of inner.domains) this.requireDomain(domain, version);
      return { graph: inner.build(name, [], outputs) };
    };
    return this.apply(
      'If',
      [condition],
      { then_branch: branch('then', then), else_branch: branch('else', otherwise) },
      types.length,
    );
  }

  /** Gives a value a public name. */
  rename(value: ValueName, name: string): void {
    const present = this.#present(value);
    // What a node computes takes the public name itself, because a copy of every weight would cost; an input, a constant
    // or a value with two names needs the copy.
    if (this.#computed.has(present) && !this.#publicNames.has(present)) this.#publicNames.set(present, name);
    else this.#nodes.push(this.#node('Identity', [present], [name], {}, ''));
  }

  /** Names a value that is emitted only if an operator asks for it under this name. */
  defer(emit: () => ValueName): ValueName {
    const name = this.#name('d');
    this.#deferred.set(name, this.inThisScope(emit));
    return name;
  }

  /** The same function, to be called later and to name nodes as if it were called now. */
  inThisScope<Args extends readonly unknown[], Result>(emit: (...args: Args) => Result): (...args: Args) => Result {
    const { scope } = this;
    return (...args) => {
      const later = this.scope;
      this.scope = scope;
      try {
        return emit(...args);
      } finally {
        this.scope = later;
      }
    };
  }

  /** A constant that is left out unless an operator asks for it: a lowering may prepare its values and use those instead. */
  deferConstant(value: HostArray): ValueName {
    let emitted: ValueName | undefined;
    const name = this.defer(() => (emitted ??= this.constant(value)));
    this.#constants.set(name, value);
    return name;
  }

  /** The values of a constant that was deferred. */
  constantValue(name: ValueName): HostArray | undefined {
    return this.#constants.get(name);
  }

  /** The name of a value that is in the graph: a deferred one is emitted now. Emitting twice gives the same name. */
  #present(name: ValueName): ValueName {
    const emit = this.#deferred.get(name);
    return emit ? emit() : name;
  }

  #node(
    opType: string,
    input: readonly ValueName[],
    output: readonly ValueName[],
    attributes: Readonly<Record<string, AttributeValue>>,
    domain: string,
  ): NodeProto {
    const path = `${this.scope}/${opType}`;
    const index = this.#scopes.get(path) ?? 0;
    this.#scopes.set(path, index + 1);
    return {
      name: `${path}_${index}`,
      opType,
      domain,
      input: [...input],
      output: [...output],
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    };
  }

  /** Declares that operators of a domain other than ONNX's own are used. */
  requireDomain(domain: string, version: number): void {
    this.#domains.set(domain, version);
  }

  get domains(): ReadonlyMap<string, number> {
    return this.#domains;
  }

  /** A constant; equal ones are stored once. */
  constant({ shape, dtype, data }: HostArray): ValueName {
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    // Large constants are weights: no two are equal, and comparing them would cost.
    const key = data.byteLength <= 256 ? `constant ${dtype} ${shape.join()} ${rawData.join()}` : undefined;
    const earlier = key && this.#emitted.get(key);
    if (earlier) return earlier[0]!;
    const name = this.weight(this.#name('c'), { shape, dtype, data });
    if (key) this.#emitted.set(key, [name]);
    return name;
  }

  /** A constant under a name of its own. */
  weight(name: string, { shape, dtype, data }: HostArray): ValueName {
    this.#initializers.push({
      name,
      dims: [...shape],
      dataType: onnxDataTypes[dtype],
      rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      floatData: [],
      int32Data: [],
      int64Data: [],
    });
    return name;
  }

  /** A 1-D list of integers: a shape, axes, pads. */
  ints(values: readonly number[]): ValueName {
    const name = this.constant({ shape: [values.length], dtype: 'i64', data: BigInt64Array.from(values, BigInt) });
    if (!values.includes(0)) this.#knownShapes.add(name);
    return name;
  }

  /** A float tensor filled with one value; equal ones are stored once. */
  filled(shape: Shape, value: number): ValueName {
    const key = `filled ${shape.join()} ${value}`;
    const earlier = this.#emitted.get(key);
    if (earlier) return earlier[0]!;
    const name = this.constant({ shape, dtype: 'f32', data: new Float32Array(sizeOf(shape)).fill(value) });
    this.#emitted.set(key, [name]);
    return name;
  }

  build(name: string, inputs: readonly ValueInfoProto[], outputs: readonly ValueInfoProto[]): GraphProto {
    const named = (value: ValueName) => this.#publicNames.get(value) ?? value;
    const nodes = this.#nodes.map((node) => renamed(node, named));
    // A lowering emits all outputs of its op, whoever needs them.
    const needed = new Set(outputs.map((output) => output.name));
    const used = nodes
      .toReversed()
      .filter((node) => {
        const isUsed = node.output.some((value) => needed.has(value));
        if (isUsed) for (const value of operandsOf(node)) needed.add(value);
        return isUsed;
      })
      .toReversed();
    return {
      name,
      node: used,
      initializer: this.#initializers.filter((tensor) => needed.has(tensor.name!)),
      input: [...inputs],
      output: [...outputs],
      valueInfo: [],
    };
  }
}

/** The declaration of a graph input or output. */
export function valueInfo(name: string, { shape, dtype }: Type): ValueInfoProto {
  return {
    name,
    type: { tensorType: { elemType: onnxDataTypes[dtype], shape: { dim: shape.map((dimValue) => ({ dimValue })) } } },
  };
}

/** A node with other names for values, also within its branches, which use names of their own and of the graph around them. */
function renamed(node: NodeProto, named: (value: ValueName) => ValueName): NodeProto {
  const within = (g: GraphProto): GraphProto => ({ ...g, node: g.node.map((inner) => renamed(inner, named)) });
  const attributes = node.attribute.some(({ g }) => g)
    ? node.attribute.map((a) => (a.g ? { ...a, g: within(a.g) } : a))
    : node.attribute;
  return { ...node, input: node.input.map(named), output: node.output.map(named), attribute: attributes };
}

function attribute(name: string, value: AttributeValue): AttributeProto {
  const lists = { floats: [], ints: [], strings: [] };
  if (typeof value === 'number') return { name, type: attributeType.int, i: value, ...lists };
  if (typeof value === 'string') return { name, type: attributeType.string, s: value, ...lists };
  if ('graph' in value) return { name, type: attributeType.graph, g: value.graph, ...lists };
  if ('float' in value) return { name, type: attributeType.float, f: value.float, ...lists };
  return { name, type: attributeType.ints, ...lists, ints: value };
}
