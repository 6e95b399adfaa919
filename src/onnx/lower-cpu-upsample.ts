/**
 * A 3 × 3 convolution of an image doubled by repeating pixels, at 4/9 of the work.
 *
 * A window of three doubled pixels covers only two pixels of the original. In one dimension, with kernel w and x̂ the
 * doubled x, even and odd outputs are convolutions with two taps each:
 *
 *     Σ_u w_u x̂[2h + u − 1] = w₀ x[h−1] + (w₁ + w₂) x[h],      Σ_u w_u x̂[2h + u] = (w₀ + w₁) x[h] + w₂ x[h+1].
 *
 * Its gradient by x is one convolution of stride 2 with four taps, r − 1 pixels from 2h:  k_r = Σ_u T_ru w_u, and the
 * gradient by w is that of those four taps, multiplied by T again.
 */
import { float32, type Conv2dAttrs, type Shape } from '../core/index.ts';
import type { BlockedValues } from './blocked.ts';
import type { GraphBuilder, ValueName } from './builder.ts';
import type { WeightGradNode } from './lower-conv.ts';
import { blockedKernel, type Quad } from './lower-cpu-conv.ts';
import { chosenStrategy, weightGradBy } from './lower-cpu-weight-grad.ts';

/** Which of the three taps a window's two pixels add up, for even and for odd outputs. */
const phases = [
  [
    [1, 0, 0],
    [0, 1, 1],
  ],
  [
    [1, 1, 0],
    [0, 0, 1],
  ],
] as const;
/** T: which taps meet at four neighboring pixels of the output gradient. */
const meeting = [
  [0, 0, 1],
  [0, 1, 1],
  [1, 1, 0],
  [1, 0, 0],
] as const;

/** True for the convolutions this file knows: those that keep the extent of a whole number of blocks of channels. */
export function isDoubledConv(
  block: number,
  [outChannels, inChannels, kh, kw]: Shape,
  { strides, pads, dilations, groups }: Conv2dAttrs,
): boolean {
  return (
    kh === 3 &&
    kw === 3 &&
    groups === 1 &&
    [...strides, ...pads, ...dilations].every((n) => n === 1) &&
    outChannels! % block === 0 &&
    inChannels! % block === 0
  );
}

type Sums = readonly (readonly number[])[];

/** The two-dimensional sums that one-dimensional ones make: [u, v] down, [a, b] across (9 × n²). */
function products(rows: Sums, columns: Sums): number[][] {
  return [0, 1, 2].flatMap((u) =>
    [0, 1, 2].map((v) => rows.flatMap((row) => columns.map((column) => row[u]! * column[v]!))),
  );
}

/** The 3 × 3 taps w [O, I, 3, 3] added up to the kernel of another shape; constant ones here and now. */
function addedUp(
  graph: GraphBuilder,
  values: BlockedValues,
  w: ValueName,
  rows: Sums,
  columns: Sums,
  shape: Quad,
): ValueName {
  const known = graph.constantValue(w)?.data as Float32Array | undefined;
  const [outChannels, inChannels] = shape;
  if (!known)
    return values.reshape(
      graph.one('Gemm', [values.reshape(w, [outChannels * inChannels, 9]), sums(graph, rows, columns)]),
      shape,
    );
  const taps = products(rows, columns);
  const count = taps[0]!.length;
  const data = Float32Array.from({ length: outChannels * inChannels * count }, (_, i) => {
    const first = Math.floor(i / count) * 9;
    return taps.reduce((sum, row, tap) => sum + row[i % count]! * known[first + tap]!, 0);
  });
  return graph.deferConstant(float32(shape, data));
}

/** The sums of `products` as a constant, or their transpose. */
function sums(graph: GraphBuilder, rows: Sums, columns: Sums, transposed = false): ValueName {
  const taps = products(rows, columns);
  const matrix = transposed ? taps[0]!.map((_, i) => taps.map((row) => row[i]!)) : taps;
  return graph.constant(float32([matrix.length, matrix[0]!.length], Float32Array.from(matrix.flat())));
}

/** @param x  blocked [B, I, H, W], not doubled → blocked [B, O, 2H, 2W] */
export function doubledConv2d(
  graph: GraphBuilder,
  values: BlockedValues,
  x: ValueName,
  w: ValueName,
  bias: ValueName | undefined,
  [batch, inChannels, height, width]: Quad,
  outChannels: number,
): ValueName {
  const { block } = values;
  const parts = [0, 1].flatMap((py) =>
    [0, 1].map((px) => {
      const kernel: Quad = [outChannels, inChannels, 2, 2];
      const summed = addedUp(graph, values, w, phases[py]!, phases[px]!, kernel);
      const y = values.conv([x, blockedKernel(graph, values, summed, kernel), bias], {
        kernel: [2, 2],
        pads: [1 - py, 1 - px, py, px],
      });
      return values.reshape(y, [(batch * outChannels) / block, height * width * block]);
    }),
  );
  const images = (batch * outChannels) / block;
  const joined = graph.one('Concat', parts, { axis: 1 }); // [n, 2 (y), 2 (x), H, W, b]
  const columns = values.swapMiddle(joined, [images * 2, 2, height * width, block]); // [n, 2 (y), H, W, 2 (x), b]
  const lines = graph.one('Transpose', [values.reshape(columns, [images, 2, height, 2 * width * block])], {
    perm: [0, 2, 1, 3],
  });
  return values.reshape(lines, [batch, outChannels, 2 * height, 2 * width]);
}

/** @param dy  blocked [B, O, 2H, 2W] → blocked [B, I, H, W]: the gradient by the image before it was doubled */
export function doubledInputGrad(
  graph: GraphBuilder,
  values: BlockedValues,
  dy: ValueName,
  w: ValueName,
  [outChannels, inChannels]: readonly [number, number],
): ValueName {
  const exchanged = graph.one('Transpose', [values.reshape(w, [outChannels, inChannels, 9])], { perm: [1, 0, 2] });
  const shape: Quad = [inChannels, outChannels, 4, 4];
  const kernel = values.reshape(
    graph.one('Gemm', [values.reshape(exchanged, [inChannels * outChannels, 9]), sums(graph, meeting, meeting)]),
    shape,
  );
  return values.conv([dy, blockedKernel(graph, values, kernel, shape)], {
    kernel: [4, 4],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  });
}

/** @param x  the image before it was doubled [B, I, H, W]; dy [B, O, 2H, 2W] → [O, I, 3, 3] */
export function doubledWeightGrad(
  graph: GraphBuilder,
  values: BlockedValues,
  x: ValueName,
  dy: ValueName,
  [batch, inChannels, height, width]: Quad,
  outChannels: number,
): ValueName | undefined {
  const node: WeightGradNode = {
    inputs: [{ shape: [batch, outChannels, 2 * height, 2 * width] }, { shape: [batch, inChannels, height, width] }],
    attrs: {
      weightShape: [inChannels, outChannels, 4, 4],
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      dilations: [1, 1],
      groups: 1,
    },
  };
  const strategy = chosenStrategy(values, [dy, x], node);
  if (strategy === 'taps') return undefined;
  const fourTaps = weightGradBy(strategy, graph, values, [dy, x], node);
  const three = graph.one('Gemm', [
    values.reshape(fourTaps, [inChannels * outChannels, 16]),
    sums(graph, meeting, meeting, true),
  ]);
  const exchanged = graph.one('Transpose', [values.reshape(three, [inChannels, outChannels, 9])], { perm: [1, 0, 2] });
  return values.reshape(exchanged, [outChannels, inChannels, 3, 3]);
}
