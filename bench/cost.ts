/** A tensor as ONNX Runtime's profile describes it. */
export interface TracedType {
  /** ONNX Runtime's word: float, float16, int64, bool, … */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/** What one run of an operator has to do. */
export interface Cost {
  /** Additions and multiplications; NaN where they cannot be known. */
  readonly flops: number;
  /** Bytes read and written if every operand passes between the operator and memory once. */
  readonly bytes: number;
}

const sizes: Readonly<Record<string, number>> = {
  double: 8,
  int64: 8,
  uint64: 8,
  float: 4,
  int32: 4,
  uint32: 4,
  float16: 2,
  bfloat16: 2,
  int16: 2,
  uint16: 2,
};
const count = (type: TracedType | undefined): number =>
  type ? type.shape.reduce((product, extent) => product * extent, 1) : NaN;
const bytesOf = (type: TracedType): number => count(type) * (sizes[type.dtype] ?? 1);
const sum = (types: readonly TracedType[]): number => types.reduce((total, type) => total + bytesOf(type), 0);

type Types = readonly TracedType[];
type Rule = (inputs: Types, output: TracedType) => number;

/** Extent of the sum in A·B: A has M·K elements of its last two axes, however it is transposed. */
function sumLength([a]: Types, output: TracedType): number {
  const [rows = 1, columns = 1] = a!.shape.slice(-2);
  return a!.shape.length < 2 ? rows : (rows * columns) / output.shape.at(-2)!;
}

const product: Rule = (inputs, output) => 2 * count(output) * sumLength(inputs, output);
/** y[n, o, …] sums over a kernel of |w| / O weights; groups and blocked layouts keep this count. */
const conv: Rule = ([, w], output) => 2 * count(output) * (count(w) / w!.shape[0]!);
const transposedConv: Rule = ([x, w]) => 2 * count(x) * (count(w) / w!.shape[0]!);
const once: Rule = (_, output) => count(output);
const overInputs: Rule = ([x]) => count(x);

/** Operators that compute nothing. */
const movers = [
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Identity',
  'Transpose',
  'Concat',
  'Split',
  'Slice',
  'Pad',
  'Expand',
  'Tile',
  'Gather',
  'Cast',
  'Resize',
  'Shape',
  'ReorderInput',
  'ReorderOutput',
];

/** FLOPs by operator; what is not listed does one for each element of its output. */
const flopRules: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(movers.map((mover): [string, Rule] => [mover, () => 0])),
  Conv: conv,
  FusedConv: conv,
  ConvTranspose: transposedConv,
  MatMul: product,
  FusedMatMul: product,
  Gemm: product,
  FusedGemm: product,
  ReduceSum: overInputs,
  ReduceMean: overInputs,
  ReduceMax: overInputs,
  ReduceMin: overInputs,
  ReduceSumSquare: (inputs) => 2 * count(inputs[0]),
  GlobalAveragePool: overInputs,
  AveragePool: overInputs,
  MaxPool: overInputs,
  Softmax: (_, output) => 5 * count(output), // Maximum, difference, exponential, sum, quotient.
  LayerNormalization: (_, output) => 8 * count(output), // Two sums, difference, square, and four of scale and shift.
};

/** Operators that rename memory, and those that read only what they pass on. */
const views = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten']);
const pickers = new Set(['Slice', 'Gather', 'Split']);

/**
 * FLOPs and bytes of one run of an operator.
 *
 * @param inputs  as traced: a constant second factor of a product is missing there, because ONNX Runtime has packed it
 */
export function costOf(opType: string, inputs: Types, outputs: Types): Cost {
  const output = outputs[0];
  if (!output) return { flops: 0, bytes: 0 };
  const rule = flopRules[opType] ?? once;
  const isConv = rule === conv || rule === transposedConv;
  const flops = isConv && !inputs[1] ? NaN : rule(inputs, output);
  const packed = rule === product && inputs.length === 1 ? 4 * sumLength(inputs, output) * output.shape.at(-1)! : 0;
  const bytes = views.has(opType) ? 0 : pickers.has(opType) ? 2 * sum(outputs) : sum(inputs) + sum(outputs) + packed;
  return { flops, bytes };
}
