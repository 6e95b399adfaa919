/** Ops that move, repeat, select or add up elements. Each other's gradients, so they share a file. */
import { describeType, sameShape, sizeOf, stridesOf, type DType, type Shape, type Type } from '../dtype.ts';
import { apply, reapply, constant, defineOp, type Tensor } from '../tensor.ts';

/** Axes counted from the front, in order; negative ones count from the back. */
export function normalizeAxes(op: string, axes: readonly number[], rank: number): number[] {
  const normal = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  for (const [i, axis] of normal.entries()) {
    if (!Number.isInteger(axis) || axis < 0 || axis >= rank)
      throw new Error(`${op}: axis ${axes[i]} is outside a tensor of rank ${rank}`);
  }
  if (new Set(normal).size !== normal.length) throw new Error(`${op}: axes [${axes.join(', ')}] repeat`);
  return normal.sort((a, b) => a - b);
}

/** The common shape of numpy's rule: align at the end, extents equal or 1. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const x = a[a.length - i] ?? 1;
    const y = b[b.length - i] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw new Error(`${op}: shapes [${a.join(', ')}] and [${b.join(', ')}] do not broadcast`);
    shape[rank - i] = x === 1 ? y : x;
  }
  return shape;
}

/** Strides that read an array of `shape` as if it were broadcast to `to`. */
export function broadcastStrides(shape: Shape, to: Shape): number[] {
  const own = stridesOf(shape);
  return to.map((_, axis) => {
    const ownAxis = axis - (to.length - shape.length);
    return ownAxis < 0 || shape[ownAxis] === 1 ? 0 : own[ownAxis]!;
  });
}

/** Calls `visit(i, offset)` for each element i of `shape` in order, with its offset under `strides`. */
export function walk(
  shape: Shape,
  strides: readonly number[],
  visit: (i: number, offset: number) => void,
  start = 0,
): void {
  const size = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  let offset = start;
  for (let i = 0; i < size; i++) {
    visit(i, offset);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      offset -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

function gatherBy(source: Float64Array, shape: Shape, strides: readonly number[], start = 0): Float64Array {
  const out = new Float64Array(sizeOf(shape));
  walk(
    shape,
    strides,
    (i, offset) => {
      out[i] = source[offset]!;
    },
    start,
  );
  return out;
}

export const reshapeOp = defineOp<'reshape', { shape: Shape }>({
  name: 'reshape',
  recompute: reapply,
  infer([x], { shape }) {
    if (sizeOf(shape) !== sizeOf(x!.shape))
      throw new Error(
        `reshape: ${describeType(x!)} has ${sizeOf(x!.shape)} elements, [${shape.join(', ')}] has ${sizeOf(shape)}`,
      );
    return [{ shape, dtype: x!.dtype }];
  },
  evaluate: ([x]) => [x!.data],
  vjp: ([g], { inputs }) => [g && reshape(g, inputs[0]!.shape)],
});

/** The same elements in row-major order under another shape. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  // A reshape of a reshape needs only the last shape.
  const source = x.node.op === (reshapeOp as unknown) ? x.node.inputs[0]! : x;
  return sameShape(source.shape, shape) ? source : apply(reshapeOp, [source], { shape });
}

export const transposeOp = defineOp<'transpose', { perm: readonly number[] }>({
  name: 'transpose',
  recompute: reapply,
  infer([x], { perm }) {
    if (perm.length !== x!.shape.length) throw new Error(`transpose: ${perm.length} axes for ${describeType(x!)}`);
    normalizeAxes('transpose', perm, perm.length);
    return [{ shape: perm.map((axis) => x!.shape[axis]!), dtype: x!.dtype }];
  },
  evaluate([x], { perm }, [out]) {
    const strides = stridesOf(x!.shape);
    return [
      gatherBy(
        x!.data,
        out!.shape,
        perm.map((axis) => strides[axis]!),
      ),
    ];
  },
  vjp([g], { attrs: { perm } }) {
    const inverse = new Array<number>(perm.length);
    perm.forEach((from, to) => {
      inverse[from] = to;
    });
    return [g && transpose(g, inverse)];
  },
});

/** Permutes the axes: output axis i is input axis `perm[i]`. */
export function transpose(x: Tensor, perm: readonly number[]): Tensor {
  return apply(transposeOp, [x], { perm });
}

export const broadcastToOp = defineOp<'broadcastTo', { shape: Shape }>({
  name: 'broadcastTo',
  recompute: reapply,
  infer([x], { shape }) {
    if (!sameShape(broadcastShapes('broadcastTo', x!.shape, shape), shape))
      throw new Error(`broadcastTo: ${describeType(x!)} does not broadcast to [${shape.join(', ')}]`);
    return [{ shape, dtype: x!.dtype }];
  },
  evaluate: ([x], { shape }) => [gatherBy(x!.data, shape, broadcastStrides(x!.shape, shape))],
  vjp: ([g], { inputs }) => [g && sumTo(g, inputs[0]!.shape)],
});

/** Repeats `x` along axes of extent 1 (and new leading ones) to fill `shape`. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor {
  return sameShape(x.shape, shape) ? x : apply(broadcastToOp, [x], { shape });
}

export const sumOp = defineOp<'sum', { axes: readonly number[]; keepDims: boolean }>({
  name: 'sum',
  infer([x], { axes, keepDims }) {
    const reduced = new Set(normalizeAxes('sum', axes, x!.shape.length));
    const shape = x!.shape.flatMap((extent, axis) => (reduced.has(axis) ? (keepDims ? [1] : []) : [extent]));
    return [{ shape, dtype: x!.dtype }];
  },
  evaluate([x], { axes }, [out]) {
    const kept = keptShape(x!.shape, axes);
    const strides = broadcastStrides(kept, x!.shape);
    const sums = new Float64Array(sizeOf(out!.shape));
    walk(x!.shape, strides, (i, offset) => {
      sums[offset]! += x!.data[i]!;
    });
    return [sums];
  },
  vjp: ([g], { inputs, attrs }) => [
    g && broadcastTo(reshape(g, keptShape(inputs[0]!.shape, attrs.axes)), inputs[0]!.shape),
  ],
});

/** The shape with the reduced axes kept at extent 1. */
export function keptShape(shape: Shape, axes: readonly number[]): Shape {
  const reduced = new Set(normalizeAxes('reduce', axes, shape.length));
  return shape.map((extent, axis) => (reduced.has(axis) ? 1 : extent));
}

/** Every axis of a shape, the default of reductions. */
export function allAxes(x: Type): number[] {
  return x.shape.map((_, axis) => axis);
}

/** Σ over the given axes (all of them by default). */
export function sum(x: Tensor, axes: readonly number[] = allAxes(x), keepDims = false): Tensor {
  if (axes.length === 0) return x;
  return apply(sumOp, [x], { axes: normalizeAxes('sum', axes, x.shape.length), keepDims });
}

/** The transpose of broadcasting: adds up `x` until it has `shape`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape.flatMap((extent, axis) =>
    axis < lead || (shape[axis - lead] === 1 && extent !== 1) ? [axis] : [],
  );
  return reshape(sum(x, axes), shape);
}

/** Where a slice begins, how much it takes and how far apart, axis by axis. */
export interface SliceAttrs {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}

export const sliceOp = defineOp<'slice', SliceAttrs>({
  name: 'slice',
  recompute: reapply,
  infer([x], { starts, sizes, steps }) {
    const { shape } = x!;
    if ([starts, sizes, steps].some((list) => list.length !== shape.length))
      throw new Error(
        `slice: starts [${starts.join(', ')}], sizes [${sizes.join(', ')}] and steps [${steps.join(', ')}] must have one entry an axis of ${describeType(x!)}`,
      );
    shape.forEach((extent, axis) => {
      const [start, size, step] = [starts[axis]!, sizes[axis]!, steps[axis]!];
      if (![start, size, step].every(Number.isInteger) || step === 0)
        throw new Error(
          `slice: ${size} elements from ${start} in steps of ${step}, for axis ${axis} of ${describeType(x!)}: needs whole numbers, and steps that are not 0`,
        );
      const last = start + Math.max(size - 1, 0) * step;
      if (size < 0 || Math.min(start, last) < 0 || Math.max(start, last) + Math.min(size, 1) > extent)
        throw new Error(
          `slice: ${start} + ${size}${step === 1 ? '' : ` steps of ${step}`} is outside axis ${axis} of ${describeType(x!)}`,
        );
    });
    return [{ shape: sizes, dtype: x!.dtype }];
  },
  evaluate([x], { starts, sizes, steps }) {
    const strides = stridesOf(x!.shape);
    return [
      gatherBy(
        x!.data,
        sizes,
        strides.map((stride, axis) => stride * steps[axis]!),
        starts.reduce((offset, start, axis) => offset + start * strides[axis]!, 0),
      ),
    ];
  },
  vjp: ([g], { inputs, attrs: { starts, steps } }) => [g && unslice(g, inputs[0]!.shape, starts, steps)],
});

/**
 * The transpose of `slice`: zeros of `shape`, but for `x` where the slice reads.
 *
 * @param starts  where its first element goes along each axis
 */
export function unslice(
  x: Tensor,
  shape: Shape,
  starts: readonly number[],
  steps: readonly number[] = starts.map(() => 1),
): Tensor {
  const sizes = x.shape;
  const backward = steps.flatMap((step, axis) => (step < 0 ? [axis] : []));
  const first = starts.map((start, axis) => (steps[axis]! < 0 ? start + (sizes[axis]! - 1) * steps[axis]! : start));
  const stride = steps.map(Math.abs);
  // Zeros between the elements: each gets an axis of its own to stand first in, and the two become one.
  const apart = pad(
    reshape(
      flip(x, backward),
      sizes.flatMap((size) => [size, 1]),
    ),
    sizes.flatMap(() => [0, 0]),
    stride.flatMap((step) => [0, step - 1]),
  );
  const spread = reshape(
    apart,
    sizes.map((size, axis) => size * stride[axis]!),
  );
  const room = shape.map((extent, axis) => extent - first[axis]!);
  const kept = slice(
    spread,
    sizes.map(() => 0),
    spread.shape.map((extent, axis) => Math.min(extent, room[axis]!)),
  );
  return pad(
    kept,
    first,
    kept.shape.map((extent, axis) => room[axis]! - extent),
  );
}

/**
 * The block of `x` that begins at `starts` and has shape `sizes`.
 *
 * @param steps  distances between the elements along each axis, default 1; backwards if negative
 */
export function slice(
  x: Tensor,
  starts: readonly number[],
  sizes: Shape,
  steps: readonly number[] = starts.map(() => 1),
): Tensor {
  const whole = sameShape(x.shape, sizes) && steps.every((step, axis) => step === 1 || x.shape[axis] === 1);
  return whole ? x : apply(sliceOp, [x], { starts, sizes, steps });
}

/** The elements along the given axes in reverse order. */
export function flip(x: Tensor, axes: readonly number[]): Tensor {
  const turned = new Set(normalizeAxes('flip', axes, x.shape.length));
  return slice(
    x,
    x.shape.map((extent, axis) => (turned.has(axis) ? extent - 1 : 0)),
    x.shape,
    x.shape.map((_, axis) => (turned.has(axis) ? -1 : 1)),
  );
}

/**
 * Cuts a tensor along an axis, the inverse of `concat`.
 *
 * @param parts  how many equal parts, or the extent of each
 */
export function split(x: Tensor, parts: number | readonly number[], axis: number): Tensor[] {
  const along = normalizeAxes('split', [axis], x.shape.length)[0]!;
  const extent = x.shape[along]!;
  const sizes = typeof parts === 'number' ? Array.from({ length: parts }, () => extent / parts) : parts;
  if (
    !sizes.every((size) => Number.isInteger(size) && size > 0) ||
    sizes.reduce((total, size) => total + size, 0) !== extent
  )
    throw new Error(
      `split: axis ${axis} of ${describeType(x)} does not split into ${typeof parts === 'number' ? `${parts} equal parts` : `[${parts.join(', ')}]`}`,
    );
  let start = 0;
  return sizes.map((size) => {
    const part = slice(
      x,
      x.shape.map((_, i) => (i === along ? start : 0)),
      x.shape.map((n, i) => (i === along ? size : n)),
    );
    start += size;
    return part;
  });
}

export const padOp = defineOp<'pad', { before: readonly number[]; after: readonly number[] }>({
  name: 'pad',
  recompute: reapply,
  infer([x], { before, after }) {
    if (before.length !== x!.shape.length || after.length !== x!.shape.length)
      throw new Error(`pad: one entry an axis is needed for ${describeType(x!)}`);
    if ([...before, ...after].some((n) => n < 0)) throw new Error('pad: negative padding; use slice');
    return [{ shape: x!.shape.map((extent, axis) => extent + before[axis]! + after[axis]!), dtype: x!.dtype }];
  },
  evaluate([x], { before }, [out]) {
    const padded = new Float64Array(sizeOf(out!.shape));
    const strides = stridesOf(out!.shape);
    walk(
      x!.shape,
      strides,
      (i, offset) => {
        padded[offset] = x!.data[i]!;
      },
      before.reduce((offset, n, axis) => offset + n * strides[axis]!, 0),
    );
    return [padded];
  },
  vjp: ([g], { inputs, attrs: { before } }) => [g && slice(g, before, inputs[0]!.shape)],
});

/** Zeros around `x`: so many before and after along each axis. */
export function pad(x: Tensor, before: readonly number[], after: readonly number[]): Tensor {
  return [...before, ...after].every((n) => n === 0) ? x : apply(padOp, [x], { before, after });
}

export const concatOp = defineOp<'concat', { axis: number }>({
  name: 'concat',
  recompute: reapply,
  infer(xs, { axis }) {
    const first = xs[0]!;
    for (const x of xs) {
      const same =
        x.dtype === first.dtype &&
        x.shape.length === first.shape.length &&
        x.shape.every((extent, i) => i === axis || extent === first.shape[i]);
      if (!same) throw new Error(`concat: ${xs.map(describeType).join(', ')} differ in axes other than ${axis}`);
    }
    return [
      {
        shape: first.shape.map((extent, i) =>
          i === axis ? xs.reduce((total, x) => total + x.shape[axis]!, 0) : extent,
        ),
        dtype: first.dtype,
      },
    ];
  },
  evaluate(xs, { axis }, [out]) {
    const joined = new Float64Array(sizeOf(out!.shape));
    const strides = stridesOf(out!.shape);
    let start = 0;
    for (const x of xs) {
      walk(
        x.shape,
        strides,
        (i, offset) => {
          joined[offset] = x.data[i]!;
        },
        start * strides[axis]!,
      );
      start += x.shape[axis]!;
    }
    return [joined];
  },
  vjp([g], { inputs, attrs: { axis } }) {
    if (!g) return [];
    let start = 0;
    return inputs.map((x) => {
      const starts = x.shape.map((_, i) => (i === axis ? start : 0));
      start += x.shape[axis]!;
      return slice(g, starts, x.shape);
    });
  },
});

/** Joins tensors along an axis (negative counts from the back). */
export function concat(xs: readonly Tensor[], axis: number): Tensor {
  if (xs.length === 0) throw new Error('concat: nothing to join');
  return xs.length === 1
    ? xs[0]!
    : apply(concatOp, xs, { axis: normalizeAxes('concat', [axis], xs[0]!.shape.length)[0]! });
}

export const castOp = defineOp<'cast', { dtype: DType }>({
  name: 'cast',
  recompute: reapply,
  infer: ([x], { dtype }) => [{ shape: x!.shape, dtype }],
  evaluate([x], { dtype }) {
    return [x!.data.map((v) => (dtype === 'bool' ? Number(v !== 0) : isInteger({ dtype }) ? Math.trunc(v) : v))];
  },
  vjp: ([g], { inputs: [x] }) => [g && isFloat(x!) ? cast(g, x!.dtype) : undefined],
});

/** True for the types that carry a gradient. */
export function isFloat(type: Type): boolean {
  return type.dtype === 'f32' || type.dtype === 'f16' || type.dtype === 'bf16';
}

/** True for whole numbers. */
export function isInteger(type: Pick<Type, 'dtype'>): boolean {
  return type.dtype === 'i32' || type.dtype === 'i64';
}

/** The same values in another element type; to an integer it truncates toward zero. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : apply(castOp, [x], { dtype });
}

/**
 * One number of any element type.
 *
 * @throws if the type has no such number
 */
export function scalar(value: number, dtype: DType = 'f32'): Tensor {
  switch (dtype) {
    case 'f32':
      return constant(value);
    case 'f16':
    case 'bf16':
      return cast(constant(value), dtype);
    case 'bool':
      return constant({ shape: [], dtype, data: Uint8Array.of(Number(value !== 0)) });
    case 'i32':
    case 'i64':
      if (!Number.isInteger(value)) throw new Error(`${value} is no ${dtype}; cast the other operand to f32 first`);
      return constant({
        shape: [],
        dtype,
        data: dtype === 'i32' ? Int32Array.of(value) : BigInt64Array.of(BigInt(value)),
      });
  }
}

/** A tensor of one repeated value. */
export function full(shape: Shape, value: number, dtype: DType = 'f32'): Tensor {
  return broadcastTo(scalar(value, dtype), shape);
}
