/** The shapes of all values of a graph, from the operators that compute them. */
import type { Shape } from '../core/index.ts';
import type { GraphProto, NodeProto, TensorProto } from './protobuf.ts';
import { tensorDataType } from './protobuf.ts';

/** What a value of a graph is: a shape and ONNX's number of its element type. */
export interface ValueType {
  readonly shape: Shape;
  readonly dataType: number;
}

const elementBytes: Readonly<Record<number, number>> = {
  [tensorDataType.bool]: 1,
  [tensorDataType.float16]: 2,
  [tensorDataType.bfloat16]: 2,
  [tensorDataType.int64]: 8,
};

/** Bytes of a value; what is not listed takes four an element. */
export function bytesOf({ shape, dataType }: ValueType): number {
  return shape.reduce((size, extent) => size * extent, 1) * (elementBytes[dataType] ?? 4);
}

/**
 * The type of every value: inputs, constants and what nodes compute.
 *
 * Knows the operators that our lowerings emit; of another one the result is taken to be as its operands broadcast.
 */
export function valueTypes(graph: GraphProto): Map<string, ValueType> {
  const types = new Map<string, ValueType>();
  const constants = new Map<string, TensorProto>();
  for (const { name, type } of graph.input) {
    const tensor = type?.tensorType;
    types.set(name, {
      shape: tensor?.shape?.dim.map((d) => d.dimValue ?? 1) ?? [],
      dataType: tensor?.elemType ?? tensorDataType.float,
    });
  }
  for (const tensor of graph.initializer) {
    constants.set(tensor.name!, tensor);
    types.set(tensor.name!, { shape: tensor.dims, dataType: tensor.dataType });
  }
  for (const node of graph.node) {
    const operands = node.input.map((name) => types.get(name) ?? { shape: [], dataType: tensorDataType.float });
    const shapes = (rules[node.opType] ?? pointwise)(
      new Application(
        node,
        operands.map((x) => x.shape),
        constants,
      ),
    );
    const dataType = resultType(node, operands);
    node.output.forEach((name, i) => types.set(name, { shape: shapes[i] ?? [], dataType }));
  }
  return types;
}

function resultType(node: NodeProto, operands: readonly ValueType[]): number {
  if (node.opType === 'Cast') return node.attribute.find((a) => a.name === 'to')!.i!;
  if (node.opType === 'Shape' || node.opType.startsWith('Arg')) return tensorDataType.int64;
  if (/^(Less|Greater|Equal|And|Or|Not)/.test(node.opType)) return tensorDataType.bool;
  if (node.opType === 'If') return node.attribute[0]!.g!.output[0]!.type!.tensorType.elemType;
  return operands[node.opType === 'Where' ? 1 : 0]?.dataType ?? tensorDataType.float;
}

/** One node with what its rule needs: operands' shapes, attributes, constant operands. */
class Application {
  readonly node: NodeProto;
  readonly inputs: readonly Shape[];
  readonly #constants: ReadonlyMap<string, TensorProto>;

  constructor(node: NodeProto, inputs: readonly Shape[], constants: ReadonlyMap<string, TensorProto>) {
    this.node = node;
    this.inputs = inputs;
    this.#constants = constants;
  }

  int(name: string, otherwise: number): number {
    return this.node.attribute.find((a) => a.name === name)?.i ?? otherwise;
  }

  ints(name: string, otherwise: readonly number[]): readonly number[] {
    const found = this.node.attribute.find((a) => a.name === name)?.ints;
    return found && found.length > 0 ? found : otherwise;
  }

  /** The numbers of a constant operand. */
  values(input: number): number[] | undefined {
    const tensor = this.#constants.get(this.node.input[input] ?? '');
    if (!tensor?.rawData) return undefined;
    const bytes = Uint8Array.from(tensor.rawData).buffer; // aligned
    return tensor.dataType === tensorDataType.int64
      ? Array.from(new BigInt64Array(bytes), Number)
      : [...(tensor.dataType === tensorDataType.int32 ? new Int32Array(bytes) : new Float32Array(bytes))];
  }
}

function broadcast(...shapes: readonly Shape[]): Shape {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) =>
    Math.max(...shapes.map((shape) => shape[i - rank + shape.length] ?? 1)),
  );
}

type Rule = (application: Application) => readonly Shape[];

/** As the operands broadcast; never an error, because an operator without a rule comes here too. */
const pointwise: Rule = ({ inputs }) => [broadcast(...inputs)];
const asFirst: Rule = ({ inputs }) => [inputs[0]!];

const reduction: Rule = (a) => {
  const rank = a.inputs[0]!.length;
  const axes = (
    a.values(1) ??
    a.ints(
      'axes',
      a.inputs[0]!.map((_, i) => i),
    )
  ).map((axis) => (axis + rank) % rank);
  const keep = a.int('keepdims', 1) === 1;
  return [a.inputs[0]!.flatMap((extent, i) => (axes.includes(i) ? (keep ? [1] : []) : [extent]))];
};

const position: Rule = (a) => {
  const axis = (a.int('axis', 0) + a.inputs[0]!.length) % a.inputs[0]!.length;
  return [a.inputs[0]!.flatMap((extent, i) => (i === axis ? (a.int('keepdims', 1) === 1 ? [1] : []) : [extent]))];
};

/** Convolutions and pooling with a window. */
const windowed =
  (outChannels: (a: Application) => number): Rule =>
  (a) => {
    const [batch, , ...extents] = a.inputs[0]!;
    const kernel = a.ints('kernel_shape', a.inputs[1]?.slice(2) ?? [1, 1]);
    const [pads, strides, dilations] = [
      a.ints('pads', [0, 0, 0, 0]),
      a.ints('strides', [1, 1]),
      a.ints('dilations', [1, 1]),
    ];
    return [
      [
        batch!,
        outChannels(a),
        ...extents.map(
          (extent, i) =>
            Math.floor((extent + pads[i]! + pads[i + 2]! - (kernel[i]! - 1) * dilations[i]! - 1) / strides[i]!) + 1,
        ),
      ],
    ];
  };

const product =
  (transA: boolean, transB: boolean): Rule =>
  ({ inputs: [a, b] }) => {
    const batch = broadcast(a!.slice(0, -2), b!.slice(0, -2));
    return [[...batch, a!.at(transA ? -1 : -2)!, b!.at(transB ? -2 : -1)!]];
  };

const scaled: Rule = (a) => {
  const scales = a.ints('scales', a.values(2) ?? []);
  return [a.inputs[0]!.map((extent, i) => Math.floor(extent * (scales[i] ?? 1)))];
};

const rules: Readonly<Record<string, Rule>> = {
  // A shape that is computed is the one there is: see lower-control-dependency.ts.
  Reshape: (a) => [a.values(1) ?? a.inputs[0]!],
  Shape: (a) => [[a.int('end', a.inputs[0]!.length) - a.int('start', 0)]],
  Expand: (a) => [broadcast(a.inputs[0]!, a.values(1)!)],
  Transpose: (a) => [a.ints('perm', []).map((axis) => a.inputs[0]![axis]!)],
  Concat: (a) => [
    a.inputs[0]!.map((extent, i) => (i === a.int('axis', 0) ? a.inputs.reduce((sum, x) => sum + x[i]!, 0) : extent)),
  ],
  Split: (a) => {
    const axis = a.int('axis', 0);
    return a.values(1)!.map((size) => a.inputs[0]!.map((extent, i) => (i === axis ? size : extent)));
  },
  Slice: (a) => {
    const [starts, ends, axes, steps] = [1, 2, 3, 4].map((i) => a.values(i));
    const shape = [...a.inputs[0]!];
    axes!.forEach((axis, i) => {
      const [extent, step] = [shape[axis]!, steps?.[i] ?? 1];
      const clamped = (at: number, low: number, high: number) =>
        Math.min(Math.max(at < 0 ? at + extent : at, low), high);
      const count =
        step > 0
          ? (clamped(ends![i]!, 0, extent) - clamped(starts![i]!, 0, extent)) / step
          : (clamped(starts![i]!, 0, extent - 1) - clamped(ends![i]!, -1, extent - 1)) / -step;
      shape[axis] = Math.max(0, Math.ceil(count));
    });
    return [shape];
  },
  Pad: (a) => {
    const pads = a.values(1)!;
    return [a.inputs[0]!.map((extent, i) => extent + pads[i]! + pads[i + pads.length / 2]!)];
  },
  Gather: (a) => {
    const axis = a.int('axis', 0);
    return [[...a.inputs[0]!.slice(0, axis), ...a.inputs[1]!, ...a.inputs[0]!.slice(axis + 1)]];
  },
  GatherElements: ({ inputs }) => [inputs[1]!],
  ScatterElements: asFirst,
  ScatterND: asFirst,
  CumSum: asFirst,
  LogSoftmax: asFirst,
  Range: (a) => {
    const [start, limit, delta] = [0, 1, 2].map((i) => a.values(i)?.[0]);
    return [[Math.max(0, Math.ceil((limit! - start!) / delta!))]];
  },
  TopK: (a) => {
    const axis = (a.int('axis', -1) + a.inputs[0]!.length) % a.inputs[0]!.length;
    const kept = a.inputs[0]!.map((extent, i) => (i === axis ? a.values(1)![0]! : extent));
    return [kept, kept];
  },
  ArgMax: position,
  ArgMin: position,
  Softmax: asFirst,
  Cast: asFirst,
  LayerNormalization: (a) => {
    const axis = a.int('axis', -1);
    const statistics = a.inputs[0]!.map((extent, i) =>
      i < (axis + a.inputs[0]!.length) % a.inputs[0]!.length ? extent : 1,
    );
    return [a.inputs[0]!, statistics, statistics];
  },
  Gemm: (a) => product(a.int('transA', 0) === 1, a.int('transB', 0) === 1)(a),
  MatMul: product(false, false),
  FusedMatMul: (a) => product(a.int('transA', 0) === 1, a.int('transB', 0) === 1)(a),
  If: ({ node }) =>
    node.attribute[0]!.g!.output.map(({ type }) => type!.tensorType.shape!.dim.map(({ dimValue }) => dimValue!)),
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ReduceSumSquare: reduction,
  Conv: windowed((a) => a.inputs[1]![0]!),
  AveragePool: windowed((a) => a.inputs[0]![1]!),
  MaxPool: windowed((a) => a.inputs[0]![1]!),
  GlobalAveragePool: (a) => [a.inputs[0]!.map((extent, i) => (i < 2 ? extent : 1))],
  ConvTranspose: (a) => {
    const [batch, , ...extents] = a.inputs[0]!;
    const kernel = a.ints('kernel_shape', a.inputs[1]!.slice(2));
    const [pads, strides, dilations, more] = [
      a.ints('pads', [0, 0, 0, 0]),
      a.ints('strides', [1, 1]),
      a.ints('dilations', [1, 1]),
      a.ints('output_padding', [0, 0]),
    ];
    return [
      [
        batch!,
        a.inputs[1]![1]! * a.int('group', 1),
        ...extents.map(
          (extent, i) =>
            (extent - 1) * strides[i]! + (kernel[i]! - 1) * dilations[i]! + 1 + more[i]! - pads[i]! - pads[i + 2]!,
        ),
      ],
    ];
  },
  Resize: scaled,
  Upsample: scaled,
  // The reordering operators read their operand under other shapes; extents are those of the image.
  ReorderInput: (a) => {
    const [batch, second, third, last] = a.inputs[0]! as [number, number, number, number];
    return [a.int('channels_last', 0) === 1 ? [batch, last, second, third] : a.inputs[0]!];
  },
  ReorderOutput: (a) => {
    const [batch, , height, width] = a.inputs[0]! as [number, number, number, number];
    const channels = a.int('channels', 1);
    return [a.int('channels_last', 0) === 1 ? [batch, height, width, channels] : [batch, channels, height, width]];
  },
};
