/**
 * The part of ONNX's format that we write and read: plain types and one table of field numbers, shared by `encode.ts` and `decode.ts`.
 *
 * A property left out is a field left out. Integers are numbers (64-bit ones up to ±2⁵³).
 *
 * @see https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */

/** A whole model. */
export interface ModelProto {
  readonly irVersion: number;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly graph: GraphProto;
  readonly opsetImport: readonly OperatorSetIdProto[];
  readonly metadataProps: readonly StringStringEntryProto[];
}

/** `''` (or nothing) is the standard domain. */
export interface OperatorSetIdProto {
  readonly domain?: string;
  readonly version: number;
}

export interface StringStringEntryProto {
  readonly key: string;
  readonly value: string;
}

/** A graph: its nodes in an order in which they can be computed, its constants and its interface. */
export interface GraphProto {
  readonly node: readonly NodeProto[];
  readonly name?: string;
  readonly initializer: readonly TensorProto[];
  readonly input: readonly ValueInfoProto[];
  readonly output: readonly ValueInfoProto[];
  readonly valueInfo: readonly ValueInfoProto[];
}

/** An input `''` is an optional one left out. */
export interface NodeProto {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name?: string;
  readonly opType: string;
  readonly attribute: readonly AttributeProto[];
  readonly domain?: string;
}

/** `type` says which of the others holds the value; an empty list is left out when read. */
export interface AttributeProto {
  readonly name: string;
  readonly f?: number;
  readonly i?: number;
  readonly s?: string;
  readonly t?: TensorProto;
  readonly g?: GraphProto;
  readonly floats?: readonly number[];
  readonly ints?: readonly number[];
  readonly strings?: readonly string[];
  readonly type: number;
}

/** The values are in `rawData` (little-endian, row-major) or in the list of their type; an empty list is left out when read. */
export interface TensorProto {
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly floatData?: readonly number[];
  readonly int32Data?: readonly number[];
  readonly int64Data?: readonly number[];
  readonly name?: string;
  readonly rawData?: Uint8Array;
}

/** The name and type of an input or output. */
export interface ValueInfoProto {
  readonly name: string;
  readonly type?: TypeProto;
}

export interface TypeProto {
  readonly tensorType: TensorTypeProto;
}

export interface TensorTypeProto {
  readonly elemType: number;
  /** Left out where even the rank is unknown; without dimensions a scalar. */
  readonly shape?: TensorShapeProto;
}

export interface TensorShapeProto {
  readonly dim: readonly DimensionProto[];
}

/** A number, a symbol, or neither: an unknown extent. */
export interface DimensionProto {
  readonly dimValue?: number;
  readonly dimParam?: string;
}

/** What a node takes: its inputs, and what its branches take of the graph around them. */
export function operandsOf({ input, attribute }: NodeProto): readonly string[] {
  const branches = attribute.flatMap(({ g }) => g ?? []);
  if (branches.length === 0) return input;
  const taken = branches.flatMap(({ node, initializer, input: given, output }) => {
    const own = new Set([
      ...initializer.map(({ name }) => name),
      ...given.map(({ name }) => name),
      ...node.flatMap((inner) => inner.output),
    ]);
    return [...node.flatMap(operandsOf), ...output.map(({ name }) => name)].filter(
      (name) => name !== '' && !own.has(name),
    );
  });
  return [...input, ...new Set(taken)];
}

/** `AttributeProto.type`. */
export const attributeType = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;

/** `TensorProto.dataType` and `TensorTypeProto.elemType`. */
export const tensorDataType = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

export interface Messages {
  readonly ModelProto: ModelProto;
  readonly OperatorSetIdProto: OperatorSetIdProto;
  readonly StringStringEntryProto: StringStringEntryProto;
  readonly GraphProto: GraphProto;
  readonly NodeProto: NodeProto;
  readonly AttributeProto: AttributeProto;
  readonly TensorProto: TensorProto;
  readonly ValueInfoProto: ValueInfoProto;
  readonly TypeProto: TypeProto;
  readonly TensorTypeProto: TensorTypeProto;
  readonly TensorShapeProto: TensorShapeProto;
  readonly DimensionProto: DimensionProto;
}

export type MessageName = keyof Messages;
export type ScalarKind = 'string' | 'bytes' | 'int32' | 'int64' | 'float';

/** One field of a message. */
export interface Field {
  readonly no: number;
  readonly kind: ScalarKind | MessageName;
  /**
   * `required` is our demand where ONNX's own field is optional but a model without it means nothing. `repeated` is always a list here,
   * `values` a list left out when empty.
   */
  readonly rule: 'required' | 'optional' | 'repeated' | 'values';
  /** Numbers written in one piece, without a tag before each. */
  readonly packed?: true;
}

export interface Schema<Key extends string = string> {
  /** By ascending number, the order in which they are written (and in which Python's library writes). */
  readonly fields: Readonly<Record<Key, Field>>;
  /** Fields that carry meaning we would lose: refused when read. What is in neither list (documentation strings) is skipped. */
  readonly unsupported?: Readonly<Record<number, string>>;
}

const field = (no: number, kind: Field['kind'], rule: Field['rule'] = 'optional'): Field => ({ no, kind, rule });

export const schemas: { readonly [Name in MessageName]: Schema<keyof Messages[Name] & string> } = {
  ModelProto: {
    fields: {
      irVersion: field(1, 'int64', 'required'),
      producerName: field(2, 'string'),
      producerVersion: field(3, 'string'),
      graph: field(7, 'GraphProto', 'required'),
      opsetImport: field(8, 'OperatorSetIdProto', 'repeated'),
      metadataProps: field(14, 'StringStringEntryProto', 'repeated'),
    },
    unsupported: { 20: 'training_info', 25: 'functions' },
  },
  OperatorSetIdProto: { fields: { domain: field(1, 'string'), version: field(2, 'int64', 'required') } },
  StringStringEntryProto: { fields: { key: field(1, 'string', 'required'), value: field(2, 'string', 'required') } },
  GraphProto: {
    fields: {
      node: field(1, 'NodeProto', 'repeated'),
      name: field(2, 'string'),
      initializer: field(5, 'TensorProto', 'repeated'),
      input: field(11, 'ValueInfoProto', 'repeated'),
      output: field(12, 'ValueInfoProto', 'repeated'),
      valueInfo: field(13, 'ValueInfoProto', 'repeated'),
    },
    unsupported: { 15: 'sparse_initializer' },
  },
  NodeProto: {
    fields: {
      input: field(1, 'string', 'repeated'),
      output: field(2, 'string', 'repeated'),
      name: field(3, 'string'),
      opType: field(4, 'string', 'required'),
      attribute: field(5, 'AttributeProto', 'repeated'),
      domain: field(7, 'string'),
    },
  },
  AttributeProto: {
    fields: {
      name: field(1, 'string', 'required'),
      f: field(2, 'float'),
      i: field(3, 'int64'),
      s: field(4, 'string'),
      t: field(5, 'TensorProto'),
      g: field(6, 'GraphProto'),
      floats: field(7, 'float', 'values'),
      ints: field(8, 'int64', 'values'),
      strings: field(9, 'string', 'values'),
      type: field(20, 'int32', 'required'),
    },
    unsupported: {
      10: 'tensors',
      11: 'graphs',
      14: 'tp',
      15: 'type_protos',
      21: 'ref_attr_name',
      22: 'sparse_tensor',
      23: 'sparse_tensors',
    },
  },
  TensorProto: {
    fields: {
      dims: field(1, 'int64', 'repeated'),
      dataType: field(2, 'int32', 'required'),
      floatData: { no: 4, kind: 'float', rule: 'values', packed: true },
      int32Data: { no: 5, kind: 'int32', rule: 'values', packed: true },
      int64Data: { no: 7, kind: 'int64', rule: 'values', packed: true },
      name: field(8, 'string'),
      rawData: field(9, 'bytes'),
    },
    unsupported: { 3: 'segment', 6: 'string_data', 10: 'double_data', 11: 'uint64_data', 13: 'external_data' },
  },
  ValueInfoProto: { fields: { name: field(1, 'string', 'required'), type: field(2, 'TypeProto') } },
  TypeProto: {
    fields: { tensorType: field(1, 'TensorTypeProto', 'required') },
    unsupported: { 4: 'sequence_type', 5: 'map_type', 7: 'opaque_type', 8: 'sparse_tensor_type', 9: 'optional_type' },
  },
  TensorTypeProto: { fields: { elemType: field(1, 'int32', 'required'), shape: field(2, 'TensorShapeProto') } },
  TensorShapeProto: { fields: { dim: field(1, 'DimensionProto', 'repeated') } },
  DimensionProto: { fields: { dimValue: field(1, 'int64'), dimParam: field(2, 'string') } },
};
