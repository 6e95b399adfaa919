/** Reductions whose gradients need arithmetic, and what is built from them. */
import { sizeOf, stridesOf, type Shape } from '../dtype.ts';
import { apply, defineOp, type Tensor, type Values } from '../tensor.ts';
import { exp, mul, sub } from './elementwise.ts';
import { requireNumbers } from './pointwise.ts';
import { allAxes, broadcastStrides, keptShape, normalizeAxes, reshape, sum, sumOp, walk } from './structure.ts';

export const sumSquaresOp = defineOp<'sumSquares', { axes: readonly number[]; keepDims: boolean }>({
  name: 'sumSquares',
  infer: (inputs, attrs) => sumOp.infer(inputs, attrs),
  evaluate: ([x], attrs, outputs) => sumOp.evaluate([{ ...x!, data: x!.data.map((v) => v * v) }], attrs, outputs),
  vjp([g], { inputs: [x], attrs }) {
    if (!g) return [];
    return [mul(x!, mul(2, reshape(g, keptShape(x!.shape, attrs.axes))))];
  },
});

/** Σ x² over the given axes (all of them by default), in one pass. */
export function sumSquares(x: Tensor, axes: readonly number[] = allAxes(x), keepDims = false): Tensor {
  return apply(sumSquaresOp, [x], { axes: normalizeAxes('sumSquares', axes, x.shape.length), keepDims });
}

/** The mean over the given axes (all of them by default). */
export function mean(x: Tensor, axes: readonly number[] = allAxes(x), keepDims = false): Tensor {
  const count = axes.reduce((product, axis) => product * x.shape[axis < 0 ? axis + x.shape.length : axis]!, 1);
  return mul(sum(x, axes, keepDims), 1 / count);
}

/** The mean of (a − b)² over the given axes (all of them by default: a scalar). */
export function meanSquaredError(a: Tensor, b: Tensor, axes?: readonly number[]): Tensor {
  const difference = sub(a, b);
  const squares = sumSquares(difference, axes);
  return mul(squares, sizeOf(squares.shape) / sizeOf(difference.shape));
}

export const softmaxOp = defineOp<'softmax', Record<string, never>>({
  name: 'softmax',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  evaluate: ([x]) => [logSoftmaxOf(x!).map(Math.exp)],
  vjp([g], { outputs }) {
    if (!g) return [];
    const y = outputs[0]!;
    return [mul(y, sub(g, sum(mul(g, y), [-1], true)))];
  },
});

/** Softmax over the last axis: rows of positive numbers that add up to 1. */
export function softmax(x: Tensor): Tensor {
  return apply(softmaxOp, [x], {});
}

export const logSoftmaxOp = defineOp<'logSoftmax', Record<string, never>>({
  name: 'logSoftmax',
  infer([x], attrs) {
    requireNumbers('logSoftmax', x!, true);
    return softmaxOp.infer([x!], attrs);
  },
  evaluate: ([x]) => [logSoftmaxOf(x!)],
  vjp: ([g], { outputs: [y] }) => [g && sub(g, mul(exp(y!), sum(g, [-1], true)))],
});

export const logSumExpOp = defineOp<'logSumExp', { axes: readonly number[]; keepDims: boolean }>({
  name: 'logSumExp',
  infer([x], attrs) {
    requireNumbers('logSumExp', x!, true);
    return sumOp.infer([x!], attrs);
  },
  evaluate: ([x], { axes }) => [logSumExpOf(x!.data, x!.shape, keptShape(x!.shape, axes))],
  vjp([g], { inputs: [x], outputs: [y], attrs: { axes } }) {
    if (!g) return [];
    const kept = keptShape(x!.shape, axes);
    return [mul(reshape(g, kept), exp(sub(x!, reshape(y!, kept))))];
  },
});

/** Subtracting the largest of the elements that are added up keeps e^x finite and changes nothing else. */
function logSumExpOf(data: Float64Array, shape: Shape, kept: Shape): Float64Array {
  const strides = broadcastStrides(kept, shape);
  const largest = new Float64Array(sizeOf(kept)).fill(-Infinity);
  const totals = new Float64Array(sizeOf(kept));
  walk(shape, strides, (i, row) => {
    largest[row] = Math.max(largest[row]!, data[i]!);
  });
  walk(shape, strides, (i, row) => {
    totals[row]! += Math.exp(data[i]! - largest[row]!);
  });
  return totals.map((total, row) => largest[row]! + Math.log(total));
}

function logSoftmaxOf({ data, shape }: Values): Float64Array {
  const kept = keptShape(shape, [shape.length - 1]);
  const totals = logSumExpOf(data, shape, kept);
  const out = new Float64Array(data.length);
  walk(shape, broadcastStrides(kept, shape), (i, row) => {
    out[i] = data[i]! - totals[row]!;
  });
  return out;
}

/** ln softmax over the last axis, without the underflow of taking the logarithm afterwards. */
export function logSoftmax(x: Tensor): Tensor {
  return apply(logSoftmaxOp, [x], {});
}

/** ln Σ e^x over the given axes (all of them by default), without overflow. */
export function logSumExp(x: Tensor, axes: readonly number[] = allAxes(x), keepDims = false): Tensor {
  return apply(logSumExpOp, [x], { axes: normalizeAxes('logSumExp', axes, x.shape.length), keepDims });
}

/** Attributes of a running sum. */
export interface CumsumAttrs {
  readonly axis: number;
  /** Leave each element out of its own sum: the first is 0. */
  readonly exclusive: boolean;
  /** Run from the end to the beginning. */
  readonly reverse: boolean;
}

export const cumsumOp = defineOp<'cumsum', CumsumAttrs>({
  name: 'cumsum',
  infer([x]) {
    requireNumbers('cumsum', x!, false);
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
  evaluate([x], { axis, exclusive, reverse }) {
    const stride = stridesOf(x!.shape)[axis]!;
    const extent = x!.shape[axis]!;
    const sums = new Float64Array(x!.data.length);
    walk(x!.shape.with(axis, 1), stridesOf(x!.shape), (_, start) => {
      let total = 0;
      for (let i = 0; i < extent; i++) {
        const at = start + (reverse ? extent - 1 - i : i) * stride;
        sums[at] = exclusive ? total : total + x!.data[at]!;
        total += x!.data[at]!;
      }
    });
    return [sums];
  },
  vjp: ([g], { attrs: { axis, exclusive, reverse } }) => [g && cumsum(g, axis, { exclusive, reverse: !reverse })],
});

/** Running sums along an axis: y_i = Σ_{j ≤ i} x_j, or j < i, or from the end. */
export function cumsum(
  x: Tensor,
  axis: number,
  { exclusive = false, reverse = false }: Partial<Omit<CumsumAttrs, 'axis'>> = {},
): Tensor {
  return apply(cumsumOp, [x], { axis: normalizeAxes('cumsum', [axis], x.shape.length)[0]!, exclusive, reverse });
}
