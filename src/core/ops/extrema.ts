/** The largest and the smallest elements, and where they are. */
import { describeType, sizeOf, stridesOf, type Shape } from '../dtype.ts';
import { apply, applyAll, defineOp, type Op, type Tensor } from '../tensor.ts';
import { equal } from './compare.ts';
import { div, mul } from './elementwise.ts';
import { scatterAlongAxis } from './indexing.ts';
import { requireNumbers } from './pointwise.ts';
import { allAxes, broadcastStrides, cast, keptShape, normalizeAxes, reshape, sum, sumOp, walk } from './structure.ts';

function extremum<const Name extends string>(
  name: Name,
  start: number,
  choose: (a: number, b: number) => number,
): Op<Name, { axes: readonly number[]; keepDims: boolean }> {
  return defineOp<Name, { axes: readonly number[]; keepDims: boolean }>({
    name,
    infer([x], attrs) {
      requireNumbers(name, x!, false);
      if (attrs.axes.some((axis) => x!.shape[axis] === 0))
        throw new Error(`${name}: there are no elements in ${describeType(x!)}`);
      return sumOp.infer([x!], attrs);
    },
    evaluate([x], { axes }, [out]) {
      const found = new Float64Array(sizeOf(out!.shape)).fill(start);
      walk(x!.shape, broadcastStrides(keptShape(x!.shape, axes), x!.shape), (i, offset) => {
        found[offset] = choose(found[offset]!, x!.data[i]!);
      });
      return [found];
    },
    vjp([g], { inputs: [x], outputs: [y], attrs: { axes } }) {
      if (!g) return [];
      const kept = keptShape(x!.shape, axes);
      const chosen = cast(equal(x!, reshape(y!, kept)), x!.dtype);
      return [mul(chosen, div(reshape(g, kept), sum(chosen, axes, true)))];
    },
  });
}

export const maxOp = extremum('max', -Infinity, Math.max);
export const minOp = extremum('min', Infinity, Math.min);

/** Calls `visit` for each line along the axis: where it begins in an array of this shape, and its number. */
function eachLine(shape: Shape, axis: number, visit: (start: number, line: number) => void): void {
  walk(shape.with(axis, 1), stridesOf(shape), (line, start) => visit(start, line));
}

function position<const Name extends string>(
  name: Name,
  better: (a: number, b: number) => boolean,
): Op<Name, { axis: number; keepDims: boolean }> {
  return defineOp<Name, { axis: number; keepDims: boolean }>({
    name,
    infer([x], { axis, keepDims }) {
      requireNumbers(name, x!, false);
      if (x!.shape[axis] === 0)
        throw new Error(`${name}: there are no elements along axis ${axis} of ${describeType(x!)}`);
      return [{ shape: keepDims ? x!.shape.with(axis, 1) : x!.shape.toSpliced(axis, 1), dtype: 'i64' }];
    },
    evaluate([x], { axis }, [out]) {
      const found = new Float64Array(sizeOf(out!.shape));
      const stride = stridesOf(x!.shape)[axis]!;
      eachLine(x!.shape, axis, (start, line) => {
        for (let i = 1; i < x!.shape[axis]!; i++) {
          if (better(x!.data[start + i * stride]!, x!.data[start + found[line]! * stride]!)) found[line] = i;
        }
      });
      return [found];
    },
    vjp: () => [],
  });
}

export const argMaxOp = position('argMax', (a, b) => a > b);
export const argMinOp = position('argMin', (a, b) => a < b);

export const topKOp = defineOp<'topK', { k: number; axis: number; largest: boolean }>({
  name: 'topK',
  infer([x], { k, axis }) {
    requireNumbers('topK', x!, false);
    if (!Number.isInteger(k) || k < 1 || k > x!.shape[axis]!)
      throw new Error(`topK: ${k} elements of the ${x!.shape[axis]} along axis ${axis} of ${describeType(x!)}`);
    const shape = x!.shape.with(axis, k);
    return [
      { shape, dtype: x!.dtype },
      { shape, dtype: 'i64' },
    ];
  },
  evaluate([x], { k, axis, largest }, [out]) {
    const size = sizeOf(out!.shape);
    const [values, indices] = [new Float64Array(size), new Float64Array(size)];
    const stride = stridesOf(x!.shape)[axis]!;
    const extent = x!.shape[axis]!;
    const starts: number[] = [];
    eachLine(x!.shape, axis, (start) => starts.push(start));
    eachLine(out!.shape, axis, (outStart, line) => {
      const at = (i: number) => x!.data[starts[line]! + i * stride]!;
      const order = Array.from({ length: extent }, (_, i) => i).sort(
        (i, j) => (largest ? at(j) - at(i) : at(i) - at(j)) || i - j,
      );
      for (let i = 0; i < k; i++) {
        values[outStart + i * stride] = at(order[i]!);
        indices[outStart + i * stride] = order[i]!;
      }
    });
    return [values, indices];
  },
  vjp: ([g], { inputs: [x], outputs: [, indices], attrs: { axis } }) => [
    g && scatterAlongAxis(g, indices!, x!.shape[axis]!, axis),
  ],
});

/**
 * The largest element over the given axes (all of them by default). Its gradient goes in equal shares to all elements
 * that are as large, which does not depend on their order.
 */
export function max(x: Tensor, axes: readonly number[] = allAxes(x), keepDims = false): Tensor {
  return axes.length === 0 ? x : apply(maxOp, [x], { axes: normalizeAxes('max', axes, x.shape.length), keepDims });
}

/** The smallest element over the given axes (all of them by default); gradient as for `max`. */
export function min(x: Tensor, axes: readonly number[] = allAxes(x), keepDims = false): Tensor {
  return axes.length === 0 ? x : apply(minOp, [x], { axes: normalizeAxes('min', axes, x.shape.length), keepDims });
}

/** Where the largest element along an axis is, as i64; the first of equals. */
export function argMax(x: Tensor, axis: number, keepDims = false): Tensor {
  return apply(argMaxOp, [x], { axis: normalizeAxes('argMax', [axis], x.shape.length)[0]!, keepDims });
}

/** Where the smallest element along an axis is, as i64; the first of equals. */
export function argMin(x: Tensor, axis: number, keepDims = false): Tensor {
  return apply(argMinOp, [x], { axis: normalizeAxes('argMin', [axis], x.shape.length)[0]!, keepDims });
}

/**
 * The k largest elements of each line along an axis in falling order, and where they are; the first of equals first.
 *
 * @param options.axis     default the last
 * @param options.largest  false takes the smallest, in rising order
 * @returns                values, through which gradients pass, and indices as i64
 */
export function topK(
  x: Tensor,
  k: number,
  { axis = -1, largest = true }: { readonly axis?: number; readonly largest?: boolean } = {},
): { values: Tensor; indices: Tensor } {
  const [values, indices] = applyAll(topKOp, [x], {
    k,
    axis: normalizeAxes('topK', [axis], x.shape.length)[0]!,
    largest,
  });
  return { values: values!, indices: indices! };
}

/** The elements of each line along an axis (default the last) in rising order, and where they were. */
export function sort(
  x: Tensor,
  { axis = -1, descending = false }: { readonly axis?: number; readonly descending?: boolean } = {},
): { values: Tensor; indices: Tensor } {
  return topK(x, x.shape.at(axis)!, { axis, largest: descending });
}
