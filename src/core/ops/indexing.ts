/** Reading and adding up elements at places that are known only when the program runs. */
import { describeType, sameShape, sizeOf, stridesOf, type DType, type Type } from '../dtype.ts';
import { apply, defineOp, type Tensor } from '../tensor.ts';
import { equal } from './compare.ts';
import { arange } from './constants.ts';
import { cast, isInteger, normalizeAxes, reshape, transpose, walk } from './structure.ts';

function requireIndices(op: string, indices: Type): void {
  if (!isInteger(indices)) throw new Error(`${op}: indices must be i32 or i64, got ${describeType(indices)}`);
}

function requireInside(op: string, index: number, extent: number): number {
  if (index < 0 || index >= extent) throw new Error(`${op}: index ${index} is outside 0 … ${extent - 1}`);
  return index;
}

export const gatherOp = defineOp<'gather', { axis: number }>({
  name: 'gather',
  infer([table, indices], { axis }) {
    requireIndices('gather', indices!);
    if (table!.shape.length < 1) throw new Error('gather: the table is a scalar');
    return [
      {
        shape: [...table!.shape.slice(0, axis), ...indices!.shape, ...table!.shape.slice(axis + 1)],
        dtype: table!.dtype,
      },
    ];
  },
  evaluate([table, indices], { axis }, [out]) {
    const extent = table!.shape[axis]!;
    const width = sizeOf(table!.shape.slice(axis + 1));
    const picked = new Float64Array(sizeOf(out!.shape));
    for (let outer = 0, at = 0; outer < sizeOf(table!.shape.slice(0, axis)); outer++) {
      for (const index of indices!.data) {
        const start = (outer * extent + requireInside('gather', index, extent)) * width;
        picked.set(table!.data.subarray(start, start + width), at);
        at += width;
      }
    }
    return [picked];
  },
  vjp([g], { inputs: [table, indices], attrs: { axis } }) {
    if (!g) return [];
    // Rows are added up with their axes in front, and the axis goes back to its place.
    const count = indices!.shape.length;
    const order = g.shape.map((_, i) => i);
    const rowsFirst = [...order.slice(axis, axis + count), ...order.slice(0, axis), ...order.slice(axis + count)];
    const rows = scatterAdd(axis === 0 ? g : transpose(g, rowsFirst), indices!, table!.shape[axis]!);
    const back = table!.shape.map((_, i) => (i === axis ? 0 : i < axis ? i + 1 : i));
    return [axis === 0 ? rows : transpose(rows, back)];
  },
});

/**
 * Slices of `table` along an axis, picked by `indices`. Along axis 0 it is an embedding look-up:
 * `table [V, …]`, `indices […]` → `[…, …]`.
 *
 * @param indices  i32 or i64, 0 … V − 1, of any shape, which replaces the axis
 */
export function gather(table: Tensor, indices: Tensor, axis = 0): Tensor {
  return apply(gatherOp, [table, indices], {
    axis: table.shape.length === 0 ? 0 : normalizeAxes('gather', [axis], table.shape.length)[0]!,
  });
}

export const scatterAddOp = defineOp<'scatterAdd', { rows: number }>({
  name: 'scatterAdd',
  infer([updates, indices], { rows }) {
    requireIndices('scatterAdd', indices!);
    if (!sameShape(updates!.shape.slice(0, indices!.shape.length), indices!.shape))
      throw new Error(`scatterAdd: updates ${describeType(updates!)} do not match indices ${describeType(indices!)}`);
    return [{ shape: [rows, ...updates!.shape.slice(indices!.shape.length)], dtype: updates!.dtype }];
  },
  evaluate([updates, indices], { rows }, [out]) {
    const width = sizeOf(out!.shape.slice(1));
    const table = new Float64Array(sizeOf(out!.shape));
    indices!.data.forEach((row, i) => {
      const start = requireInside('scatterAdd', row, rows) * width;
      for (let j = 0; j < width; j++) table[start + j]! += updates!.data[i * width + j]!;
    });
    return [table];
  },
  vjp: ([g], { inputs: [, indices] }) => [g && gather(g, indices!)],
});

/** A table of `rows` rows, zero but for `updates` added at `indices`; rows named twice add up. */
export function scatterAdd(updates: Tensor, indices: Tensor, rows: number): Tensor {
  return apply(scatterAddOp, [updates, indices], { rows });
}

/** Ranks equal, and extents too but along the axis. */
function requireAligned(op: string, x: Type, indices: Type, axis: number): void {
  requireIndices(op, indices);
  const aligned =
    x.shape.length === indices.shape.length && x.shape.every((extent, i) => i === axis || extent === indices.shape[i]);
  if (!aligned)
    throw new Error(`${op}: ${describeType(x)} and indices ${describeType(indices)} differ in axes other than ${axis}`);
}

export const takeAlongAxisOp = defineOp<'takeAlongAxis', { axis: number }>({
  name: 'takeAlongAxis',
  infer([x, indices], { axis }) {
    requireAligned('takeAlongAxis', x!, indices!, axis);
    return [{ shape: indices!.shape, dtype: x!.dtype }];
  },
  evaluate([x, indices], { axis }, [out]) {
    const taken = new Float64Array(sizeOf(out!.shape));
    const strides = stridesOf(x!.shape);
    walk(out!.shape, strides.with(axis, 0), (i, line) => {
      taken[i] = x!.data[line + requireInside('takeAlongAxis', indices!.data[i]!, x!.shape[axis]!) * strides[axis]!]!;
    });
    return [taken];
  },
  vjp: ([g], { inputs: [x, indices], attrs: { axis } }) => [g && scatterAlongAxis(g, indices!, x!.shape[axis]!, axis)],
});

/**
 * One element of each line of `x` along an axis for each index into that line:
 *
 *     y[i, k, j] = x[i, indices[i, k, j], j]
 *
 * @param x        [A, V, B]
 * @param indices  [A, K, B], i32 or i64, 0 … V − 1
 * @returns        [A, K, B]
 */
export function takeAlongAxis(x: Tensor, indices: Tensor, axis: number): Tensor {
  return apply(takeAlongAxisOp, [x, indices], { axis: normalizeAxes('takeAlongAxis', [axis], x.shape.length)[0]! });
}

export const scatterAlongAxisOp = defineOp<'scatterAlongAxis', { axis: number; extent: number }>({
  name: 'scatterAlongAxis',
  infer([updates, indices], { axis, extent }) {
    requireIndices('scatterAlongAxis', indices!);
    if (!sameShape(updates!.shape, indices!.shape))
      throw new Error(
        `scatterAlongAxis: updates ${describeType(updates!)} and indices ${describeType(indices!)} differ in shape`,
      );
    return [{ shape: updates!.shape.with(axis, extent), dtype: updates!.dtype }];
  },
  evaluate([updates, indices], { axis, extent }, [out]) {
    const sums = new Float64Array(sizeOf(out!.shape));
    const strides = stridesOf(out!.shape);
    walk(updates!.shape, strides.with(axis, 0), (i, line) => {
      sums[line + requireInside('scatterAlongAxis', indices!.data[i]!, extent) * strides[axis]!]! += updates!.data[i]!;
    });
    return [sums];
  },
  vjp: ([g], { inputs: [, indices], attrs: { axis } }) => [g && takeAlongAxis(g, indices!, axis)],
});

/** The transpose of `takeAlongAxis`: zeros with `extent` along the axis, but for `updates` added at `indices`. */
export function scatterAlongAxis(updates: Tensor, indices: Tensor, extent: number, axis: number): Tensor {
  return apply(scatterAlongAxisOp, [updates, indices], {
    axis: normalizeAxes('scatterAlongAxis', [axis], updates.shape.length)[0]!,
    extent,
  });
}

/** A 1 at each index and zeros around it: `indices […]`, 0 … depth − 1 → `[…, depth]`. */
export function oneHot(indices: Tensor, depth: number, dtype: DType = 'f32'): Tensor {
  requireIndices('oneHot', indices);
  // 32-bit comparisons: graphics processors have no others.
  return cast(equal(reshape(cast(indices, 'i32'), [...indices.shape, 1]), arange(depth, 'i32')), dtype);
}
