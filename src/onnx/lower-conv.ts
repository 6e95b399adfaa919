/** Convolution and its gradients in standard ONNX operators. */
import type { Conv2dAttrs, Node, Shape } from '../core/index.ts';
import type { GraphBuilder, ValueName } from './builder.ts';

function convAttributes(kernel: readonly number[], { strides, pads, dilations, groups }: Conv2dAttrs) {
  return { kernel_shape: kernel, strides, pads, dilations, group: groups };
}

/** Of a `conv2dWeightGrad` node: the shapes of the image and of the output's gradient, and its attributes. */
export interface WeightGradNode {
  readonly inputs: readonly { readonly shape: Shape }[];
  readonly attrs: Conv2dAttrs & { readonly weightShape: Shape };
}

/** Of the vertical and of the horizontal axis. */
function both(of: (axis: 0 | 1) => number): [number, number] {
  return [of(0), of(1)];
}

export function lowerConv2d(
  graph: GraphBuilder,
  inputs: readonly ValueName[],
  { inputs: [, w], attrs }: Node<Conv2dAttrs>,
): readonly ValueName[] {
  return [graph.one('Conv', inputs, convAttributes(w!.shape.slice(2), attrs))];
}

/**
 * At stride 1 the input gradient is a convolution with the kernel transposed and flipped, which has a faster
 * kernel than ConvTranspose; other strides take ConvTranspose, whose output padding restores the exact extent.
 */
export function lowerConv2dInputGrad(
  graph: GraphBuilder,
  [dy, w]: readonly ValueName[],
  { inputs: [gradient, kernel], attrs: { inputShape, ...attrs } }: Node<Conv2dAttrs & { inputShape: Shape }>,
): readonly ValueName[] {
  const extents = both((axis) => kernel!.shape[axis + 2]!);
  const reach = both((axis) => (extents[axis] - 1) * attrs.dilations[axis]);
  const [top, left] = attrs.pads;
  if (attrs.groups === 1 && attrs.strides.every((s) => s === 1) && top <= reach[0] && left <= reach[1]) {
    const turned = graph.one('Transpose', [w!], { perm: [1, 0, 2, 3] });
    const flipped =
      extents[0] * extents[1] === 1
        ? turned
        : graph.one('Slice', [
            turned,
            graph.ints([-1, -1]),
            graph.ints([-1 << 30, -1 << 30]),
            graph.ints([2, 3]),
            graph.ints([-1, -1]),
          ]);
    const pads = both((axis) => reach[axis] - attrs.pads[axis]);
    const ends = both((axis) => inputShape[axis + 2]! - (gradient!.shape[axis + 2]! + pads[axis] - reach[axis]));
    if (ends.every((n) => n >= 0))
      return [graph.one('Conv', [dy!, flipped], convAttributes(extents, { ...attrs, pads: [...pads, ...ends] }))];
  }
  const outputPadding = both(
    (axis) =>
      inputShape[axis + 2]! -
      ((gradient!.shape[axis + 2]! - 1) * attrs.strides[axis] +
        reach[axis] +
        1 -
        attrs.pads[axis] -
        attrs.pads[axis + 2]!),
  );
  return [graph.one('ConvTranspose', [dy!, w!], { ...convAttributes(extents, attrs), output_padding: outputPadding })];
}

/**
 * The weight gradient, for each tap (u, v) of the kernel one matrix product over batch and pixels:
 *
 *     dW[o, i, u, v] = Σ_{b, y, z} dY[b, o, y, z] · X[b, i, y·s + u·d − p, z·s + v·d − p]
 */
export function lowerConv2dWeightGrad(
  graph: GraphBuilder,
  inputs: readonly ValueName[],
  node: WeightGradNode,
): readonly ValueName[] {
  return [node.attrs.groups === 1 ? weightGradByColumns(graph, inputs, node) : weightGradByGroups(graph, inputs, node)];
}

/**
 * With the channels moved to the front, batch and pixels are one long inner axis, so that a tap is a single product of
 * matrices and nothing is left to add up. At stride 1 the image is shifted for v and the output gradient for u: six
 * shifted copies with zeros at the edges serve all nine taps of a 3 × 3 kernel, and two of them are the originals.
 */
function weightGradByColumns(
  graph: GraphBuilder,
  [x, dy]: readonly ValueName[],
  {
    inputs: [image, gradient],
    attrs: {
      weightShape,
      strides,
      dilations,
      pads: [top, left, bottom, right],
    },
  }: WeightGradNode,
): ValueName {
  const [batch, inChannels, height, width] = image!.shape as [number, number, number, number];
  const [, outChannels, outHeight, outWidth] = gradient!.shape as [number, number, number, number];
  const [, , kh, kw] = weightShape as [number, number, number, number];
  const channelsFirst = (value: ValueName) => graph.one('Transpose', [value], { perm: [1, 0, 2, 3] });
  const columns = channelsFirst(x!); // [I, B, H, W]
  const rows = channelsFirst(dy!); // [O, B, H', W']
  // A negative pad cuts off.
  const padded = (value: ValueName, begins: readonly [number, number], ends: readonly [number, number]) =>
    [...begins, ...ends].every((n) => n === 0)
      ? value
      : graph.one('Pad', [value, graph.ints([0, 0, ...begins, 0, 0, ...ends])]);
  const flat = (value: ValueName, channels: number, area: number) =>
    graph.one('Reshape', [value, graph.ints([channels, batch * area])]);

  const tap = (u: number, v: number): ValueName => {
    const [dv, du] = [v * dilations[1] - left, u * dilations[0] - top];
    if (strides[0] === 1 && strides[1] === 1) {
      const shiftedX = padded(columns, [0, -dv], [0, dv + outWidth - width]); // [I, B, H, W']
      const shiftedDy = padded(rows, [du, 0], [height - outHeight - du, 0]); // [O, B, H, W']
      return product(flat(shiftedDy, outChannels, height * outWidth), flat(shiftedX, inChannels, height * outWidth));
    }
    const around = padded(columns, [top, left], [bottom, right]);
    const [row, column] = [u * dilations[0], v * dilations[1]];
    const every = (value: ValueName, axis: number, start: number, count: number, step: number) =>
      graph.one('Slice', [
        value,
        graph.ints([start]),
        graph.ints([start + (count - 1) * step + 1]),
        graph.ints([axis]),
        graph.ints([step]),
      ]);
    const picked = every(every(around, 3, column, outWidth, strides[1]), 2, row, outHeight, strides[0]);
    return product(flat(rows, outChannels, outHeight * outWidth), flat(picked, inChannels, outHeight * outWidth));
  };
  const product = (a: ValueName, b: ValueName) => graph.one('Gemm', [a, b], { transB: 1 }); // [O, I]

  if (kh * kw === 1) return graph.one('Reshape', [tap(0, 0), graph.ints(weightShape)]);
  const taps: ValueName[] = [];
  for (let u = 0; u < kh; u++) for (let v = 0; v < kw; v++) taps.push(tap(u, v));
  const joined = graph.one('Reshape', [
    graph.one('Concat', taps, { axis: 0 }),
    graph.ints([kh * kw, outChannels * inChannels]),
  ]);
  return graph.one('Reshape', [graph.one('Transpose', [joined], { perm: [1, 0] }), graph.ints(weightShape)]);
}

/** In groups the products are batched over images and groups, and added up over the images. */
function weightGradByGroups(
  graph: GraphBuilder,
  [x, dy]: readonly ValueName[],
  {
    inputs: [image, gradient],
    attrs: {
      weightShape,
      groups,
      strides,
      dilations,
      pads: [top, left, bottom, right],
    },
  }: WeightGradNode,
): ValueName {
  const [batch, inChannels] = image!.shape as [number, number];
  const [, outChannels, outHeight, outWidth] = gradient!.shape as [number, number, number, number];
  const [, , kh, kw] = weightShape as [number, number, number, number];
  const area = outHeight * outWidth;
  const padded = graph.one('Pad', [x!, graph.ints([0, 0, top, left, 0, 0, bottom, right])]);
  const grouped = (value: ValueName, channels: number) =>
    graph.one('Reshape', [value, graph.ints([batch, groups, channels / groups, area])]);
  const flatDy = grouped(dy!, outChannels);
  const taps: ValueName[] = [];
  for (let u = 0; u < kh; u++) {
    for (let v = 0; v < kw; v++) {
      const starts = [u * dilations[0], v * dilations[1]];
      const ends = [starts[0]! + (outHeight - 1) * strides[0] + 1, starts[1]! + (outWidth - 1) * strides[1] + 1];
      const picked = grouped(
        graph.one('Slice', [padded, graph.ints(starts), graph.ints(ends), graph.ints([2, 3]), graph.ints(strides)]),
        inChannels,
      );
      const product = graph.one('MatMul', [flatDy, graph.one('Transpose', [picked], { perm: [0, 1, 3, 2] })]); // [B, G, O/G, I/G]
      const summed = graph.one('ReduceSum', [product, graph.ints([0])], { keepdims: 0 });
      taps.push(graph.one('Reshape', [summed, graph.ints([outChannels, inChannels / groups, 1])]));
    }
  }
  const joined = taps.length === 1 ? taps[0]! : graph.one('Concat', taps, { axis: 2 });
  return graph.one('Reshape', [joined, graph.ints(weightShape)]);
}
