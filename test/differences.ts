/** How far arrays are from those of the Python originals. */
import { expect } from 'vitest';
import type { HostArray } from '../src/core/index.ts';

/** The largest absolute value. */
export function largest(values: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < values.length; i++) worst = Math.max(worst, Math.abs(values[i]!));
  return worst;
}

/** a − b, value by value, of two arrays of one shape. */
export function difference(a: HostArray, b: HostArray): Float64Array {
  expect(a.shape).toEqual(b.shape);
  return Float64Array.from(a.data as Float32Array, (v, i) => v - Number(b.data[i]!));
}
