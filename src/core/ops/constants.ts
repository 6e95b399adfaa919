/** Constants that are written out when the graph is built. */
import { allocate, sizeOf, type DType, type Shape } from '../dtype.ts';
import { constant, type Tensor } from '../tensor.ts';

/** A constant whose elements are a function of their place, in row-major order. */
function tabulate(shape: Shape, dtype: DType, at: (i: number) => number): Tensor {
  if (dtype === 'f16' || dtype === 'bf16') throw new Error(`a constant of ${dtype}: build it as f32 and cast it`);
  const data = allocate(dtype, sizeOf(shape));
  for (let i = 0; i < data.length; i++) data[i] = data instanceof BigInt64Array ? BigInt(at(i)) : at(i);
  return constant({ shape, dtype, data });
}

/** 0, 1, … n − 1. */
export function arange(n: number, dtype: DType = 'i64'): Tensor {
  return tabulate([n], dtype, (i) => i);
}

/** The identity matrix [n, n]. */
export function eye(n: number, dtype: DType = 'f32'): Tensor {
  return tabulate([n, n], dtype, (i) => Number(i % (n + 1) === 0));
}

/**
 * True on and below a diagonal of a matrix [rows, columns], as the mask by which row i sees columns 0 … i.
 *
 * @param diagonal  0 is the main diagonal (default), 1 the one above, −1 the one below
 */
export function lowerTriangle(rows: number, columns = rows, diagonal = 0): Tensor {
  return tabulate([rows, columns], 'bool', (i) => Number(i % columns <= Math.floor(i / columns) + diagonal));
}
