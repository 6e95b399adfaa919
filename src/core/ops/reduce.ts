/** Reductions whose gradients need arithmetic, and what is built from them. */
import { sizeOf } from '../dtype.ts';
import { apply, defineOp, type Tensor } from '../tensor.ts';
import { mul, sub } from './elementwise.ts';
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
  evaluate([x]) {
    const kept = keptShape(x!.shape, [x!.shape.length - 1]);
    const strides = broadcastStrides(kept, x!.shape);
    const largest = new Float64Array(sizeOf(kept)).fill(-Infinity);
    const total = new Float64Array(sizeOf(kept));
    // Subtracting the row's largest entry keeps e^x finite and changes nothing else.
    walk(x!.shape, strides, (i, row) => { largest[row] = Math.max(largest[row]!, x!.data[i]!); });
    walk(x!.shape, strides, (i, row) => { total[row]! += Math.exp(x!.data[i]! - largest[row]!); });
    const out = new Float64Array(x!.data.length);
    walk(x!.shape, strides, (i, row) => { out[i] = Math.exp(x!.data[i]! - largest[row]!) / total[row]!; });
    return [out];
  },
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

