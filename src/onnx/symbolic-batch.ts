/**
 * One ONNX model for every batch size. Our graphs have static shapes, so the model is lowered at two sizes and what
 * differs between the two is made to follow the batch.
 */
import type { DimensionProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from './protobuf.ts';
import { attributeType, tensorDataType } from './protobuf.ts';

/**
 * Two sizes at which to lower: primes that no network has as an extent, so that no constant of the one graph is shared
 * where those of the other are not.
 */
export const probeBatches = [1_000_003, 1_000_033] as const;

/** The name of the symbolic extent. */
const symbol = 'batch';

/** An integer that changes with the batch: base + factor · batch. */
interface Affine {
  readonly base: number;
  readonly factor: number;
}

/**
 * The model for a symbolic batch from the same model lowered at both of `probeBatches`. Every input, output and
 * list of integers that differs becomes a function of the batch; all else has to be equal.
 *
 * @throws if the two differ in anything but extents, or an extent is not base + factor · batch
 */
export function generalizeBatch(first: ModelProto, second: ModelProto): ModelProto {
  const [a, b] = [first.graph, second.graph];
  if (JSON.stringify(a.node) !== JSON.stringify(b.node))
    throw new Error(`toOnnx: ${differingNode(a, b)} depends on the batch in more than its shapes; give a fixed batch`);

  const initializer: TensorProto[] = [];
  const head: NodeProto[] = [];
  const batch = batchInput(a);
  a.initializer.forEach((tensor, i) => {
    const other = b.initializer[i]!;
    if (sameTensor(tensor, other)) return initializer.push(tensor);
    const entries = affineEntries(tensor, other);
    const users = a.node.filter(({ input }) => input.includes(tensor.name!));
    const varying = entries.filter(({ factor }) => factor !== 0);
    // Reshape finds one extent itself.
    if (varying.length === 1 && users.every(({ opType, input }) => opType === 'Reshape' && input[1] === tensor.name)) {
      return initializer.push(
        integers(
          tensor.name!,
          entries.map(({ base, factor }) => (factor === 0 ? base : -1)),
        ),
      );
    }
    const [factors, bases] = [`${tensor.name}_factor`, `${tensor.name}_base`];
    initializer.push(
      integers(
        factors,
        entries.map(({ factor }) => factor),
      ),
      integers(
        bases,
        entries.map(({ base }) => base),
      ),
    );
    head.push(
      operator('Mul', [symbol, factors], `${tensor.name}_scaled`),
      operator('Add', [`${tensor.name}_scaled`, bases], tensor.name!),
    );
    return undefined;
  });
  if (head.length > 0)
    head.unshift(operator('Shape', [batch.name], symbol, { start: batch.axis, end: batch.axis + 1 }));

  const graph: GraphProto = {
    ...a,
    node: [...head, ...a.node],
    initializer,
    input: symbolic(a.input, b.input),
    output: symbolic(a.output, b.output),
  };
  return { ...first, graph };
}

/** An input that has the batch as one of its extents. */
function batchInput({ input }: GraphProto): { readonly name: string; readonly axis: number } {
  for (const info of input) {
    const axis = dimensions(info).findIndex(({ dimValue }) => dimValue === probeBatches[0]);
    if (axis >= 0) return { name: info.name, axis };
  }
  throw new Error('toOnnx: no input has the batch as an extent; give a fixed batch');
}

function symbolic(first: readonly ValueInfoProto[], second: readonly ValueInfoProto[]): ValueInfoProto[] {
  return first.map((info, i) => {
    const others = dimensions(second[i]!);
    const dim = dimensions(info).map((extent, axis): DimensionProto => {
      if (extent.dimValue === others[axis]!.dimValue) return extent;
      // A multiple of the batch has no name in ONNX.
      return extent.dimValue === probeBatches[0] ? { dimParam: symbol } : {};
    });
    return { name: info.name, type: { tensorType: { elemType: info.type!.tensorType.elemType, shape: { dim } } } };
  });
}

function dimensions({ type }: ValueInfoProto): readonly DimensionProto[] {
  return type!.tensorType.shape!.dim;
}

function sameTensor(a: TensorProto, b: TensorProto): boolean {
  if (a.name !== b.name || a.dataType !== b.dataType || a.dims.join() !== b.dims.join()) return false;
  const [x, y] = [a.rawData!, b.rawData!];
  // Weights are one array in both.
  return (x.buffer === y.buffer && x.byteOffset === y.byteOffset) || x.every((byte, i) => byte === y[i]);
}

function affineEntries(a: TensorProto, b: TensorProto): Affine[] {
  if (
    a.name !== b.name ||
    a.dataType !== tensorDataType.int64 ||
    a.dims.length !== 1 ||
    a.dims.join() !== b.dims.join()
  )
    throw new Error(`toOnnx: the constant ${a.name} [${a.dims.join(', ')}] depends on the batch; give a fixed batch`);
  const [x, y] = [values(a), values(b)];
  const [one, two] = probeBatches;
  return x.map((at1, i) => {
    const factor = (y[i]! - at1) / (two - one);
    if (!Number.isInteger(factor))
      throw new Error(
        `toOnnx: an extent is ${at1} for a batch of ${one} and ${y[i]} for ${two}, which is no multiple of it; give a fixed batch`,
      );
    return { base: at1 - factor * one, factor };
  });
}

function values({ rawData }: TensorProto): number[] {
  const { buffer, byteOffset, byteLength } = rawData!;
  return Array.from(new BigInt64Array(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer), Number);
}

function integers(name: string, list: readonly number[]): TensorProto {
  return {
    name,
    dims: [list.length],
    dataType: tensorDataType.int64,
    rawData: new Uint8Array(BigInt64Array.from(list, BigInt).buffer),
    floatData: [],
    int32Data: [],
    int64Data: [],
  };
}

function operator(
  opType: string,
  input: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number>> = {},
): NodeProto {
  const attribute = Object.entries(attributes).map(([name, i]) => ({ name, type: attributeType.int, i }));
  return { name: `/batch/${output}`, opType, domain: '', input, output: [output], attribute };
}

function differingNode(a: GraphProto, b: GraphProto): string {
  const index = a.node.findIndex((node, i) => JSON.stringify(node) !== JSON.stringify(b.node[i]));
  return a.node[index]?.name ?? 'the graph';
}
