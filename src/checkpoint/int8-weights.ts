/**
 * Weights of a frozen network in a quarter of their size: tables and matrices as int8 with a scale for each row and each column, vectors as
 * float16.
 *
 *     weight               I8 [rows, …]     q = round(w / (r c)), −127 … 127
 *     weight_scale         F32 [rows]       r, the largest |w / c| of the row / 127
 *     weight_column_scale  F32 [columns]    c, the column's root mean square, 1 in the mean
 *
 * A file of them is called `model.int8.safetensors`. Nothing is computed in int8: what is read is q r c in float32. Language models have single weights that are forty times as large as their
 * row's others. Without c, such a weight takes the whole row's precision; with it, MiniLM's embeddings lose a fifth as much.
 *
 * @see Dettmers et al. 2022, §2.1 (vector-wise quantization), §4 (outliers) — https://arxiv.org/abs/2208.07339
 */
import { asFloat32, float32, type FloatArray, type HostArray, type HostArrays } from '../core/index.ts';
import { quoteJson } from '../formats/quote.ts';
import type { FileTensor } from '../formats/safetensors.ts';
import { narrow } from './weights.ts';

/** What the scales of a tensor are called. */
const suffixes = { row: '_scale', column: '_column_scale' } as const;

/**
 * Weights as they are stored in int8.
 *
 * @param weights  by name, f32 and finite
 * @throws one line if a vector's value is too large for float16, or a name is taken
 */
export function quantizeWeights(weights: HostArrays, where: string): Map<string, FileTensor> {
  const stored = new Map<string, FileTensor>();
  for (const [name, array] of weights) {
    const floats = asFloat32(array, `${where}: tensor ${quoteJson(name)}`);
    if (floats.shape.length < 2) {
      stored.set(name, narrow(floats, name, where));
      continue;
    }
    const { values, rows, columns } = quantized(floats);
    for (const [suffix, scales] of [
      [suffixes.row, rows],
      [suffixes.column, columns],
    ] as const) {
      if (weights.has(name + suffix))
        throw new Error(`${where}: tensor ${quoteJson(name + suffix)} has the name of a scale`);
      stored.set(name + suffix, float32([scales.length], scales));
    }
    stored.set(name, { dtype: 'i8', shape: floats.shape, data: values });
  }
  return stored;
}

interface Quantized {
  readonly values: Int8Array;
  readonly rows: Float32Array;
  readonly columns: Float32Array;
}

function quantized({ shape, data }: FloatArray): Quantized {
  const height = shape[0]!;
  const width = height === 0 ? 0 : data.length / height;
  const columns = columnScales(data, width);
  const values = new Int8Array(data.length);
  const rows = new Float32Array(height);
  for (let row = 0; row < height; row++) {
    const start = row * width;
    let largest = 0;
    for (let i = 0; i < width; i++) largest = Math.max(largest, Math.abs(data[start + i]! / columns[i]!));
    const scale = Math.fround(largest / 127);
    rows[row] = scale;
    // A row of zeros, or of values below the smallest float times 127, stays zero.
    if (scale > 0)
      for (let i = 0; i < width; i++)
        values[start + i] = Math.max(-127, Math.min(127, Math.round(data[start + i]! / (scale * columns[i]!))));
  }
  return { values, rows, columns };
}

/** The root mean square of each column, divided by their mean. */
function columnScales(data: Float32Array, width: number): Float32Array {
  const squares = new Float64Array(width);
  for (const [i, value] of data.entries()) squares[i % width]! += value * value;
  const roots = squares.map(Math.sqrt);
  const mean = roots.reduce((sum, root) => sum + root, 0) / width;
  // A column of zeros needs none, and one that is next to nothing must not make its few values large.
  return Float32Array.from(roots, (root) => (root > mean * 1e-4 ? root / mean : 1));
}

/**
 * The tensors of a file with those in int8 as floats, their scales left out.
 *
 * @throws one line if a tensor in int8 has no scale for each of its rows and columns
 */
export function dequantized(tensors: ReadonlyMap<string, FileTensor>, where: string): ReadonlyMap<string, HostArray> {
  const floats = new Map<string, HostArray>();
  const used = new Set<string>();
  for (const [name, { dtype, shape, data }] of tensors) {
    if (!(data instanceof Int8Array)) continue;
    const height = shape[0] ?? 0;
    const width = height === 0 ? 0 : data.length / height;
    const scales = (kind: keyof typeof suffixes, count: number): Float32Array => {
      const scaleName = name + suffixes[kind];
      const found = tensors.get(scaleName);
      used.add(scaleName);
      if (found?.data instanceof Float32Array && found.data.length === count) return found.data;
      throw new Error(
        `${where}: tensor ${quoteJson(name)} ${dtype}[${shape.join(', ')}] needs a scale for each ${kind}, ${quoteJson(scaleName)} is ${found ? `${found.dtype}[${found.shape.join(', ')}]` : 'not there'}`,
      );
    };
    const [rows, columns] = [scales('row', height), scales('column', width)];
    const values = new Float32Array(data.length);
    for (const [row, scale] of rows.entries())
      for (let i = 0; i < width; i++) values[row * width + i] = data[row * width + i]! * scale * columns[i]!;
    floats.set(name, float32(shape, values));
  }
  return new Map(
    [...tensors]
      .filter(([name]) => !used.has(name))
      // What is no Int8Array has a type of ours.
      .map(([name, tensor]) => [name, floats.get(name) ?? (tensor as HostArray)]),
  );
}
