/** Convolution and its gradients in standard ONNX operators. */
import type { Conv2dAttrs, Node, Shape } from '../core/index.ts';
import type { GraphBuilder, ValueName } from './builder.ts';

function convAttributes(kernel: readonly number[], { strides, pads, dilations, groups }: Conv2dAttrs) {
  return { kernel_shape: kernel, strides, pads, dilations, group: groups };
}

export function lowerConv2d(graph: GraphBuilder, inputs: readonly ValueName[], { inputs: [, w], attrs }: Node<Conv2dAttrs>): readonly ValueName[] {
  return [graph.one('Conv', inputs, convAttributes(w!.shape.slice(2), attrs))];
}

/**
 * At stride 1 the input gradient is a convolution with the kernel transposed and flipped, which has a faster
 * kernel than ConvTranspose; other strides take ConvTranspose, whose output padding restores the exact extent.
 */
export function lowerConv2dInputGrad(graph: GraphBuilder, [dy, w]: readonly ValueName[], { inputs: [gradient, kernel], attrs: { inputShape, ...attrs } }: Node<Conv2dAttrs & { inputShape: Shape }>): readonly ValueName[] {
  const extents = kernel!.shape.slice(2) as [number, number];
  const reach = extents.map((extent, axis) => (extent - 1) * attrs.dilations[axis]!) as [number, number];
  const [top, left] = attrs.pads;
  if (attrs.groups === 1 && attrs.strides.every((s) => s === 1) && top <= reach[0] && left <= reach[1]) {
    const turned = graph.one('Transpose', [w!], { perm: [1, 0, 2, 3] });
    const flipped = extents[0] * extents[1] === 1 ? turned
      : graph.one('Slice', [turned, graph.ints([-1, -1]), graph.ints([-1 << 30, -1 << 30]), graph.ints([2, 3]), graph.ints([-1, -1])]);
    const pads = [0, 1].map((axis) => reach[axis]! - attrs.pads[axis]!);
    const ends = [0, 1].map((axis) => inputShape[axis + 2]! - (gradient!.shape[axis + 2]! + pads[axis]! - reach[axis]!));
    if (ends.every((n) => n >= 0)) return [graph.one('Conv', [dy!, flipped], convAttributes(extents, { ...attrs, pads: [...pads, ...ends] as unknown as Conv2dAttrs['pads'] }))];
  }
  const outputPadding = [0, 1].map((axis) => inputShape[axis + 2]! - ((gradient!.shape[axis + 2]! - 1) * attrs.strides[axis]! + reach[axis]! + 1 - attrs.pads[axis]! - attrs.pads[axis + 2]!));
  return [graph.one('ConvTranspose', [dy!, w!], { ...convAttributes(extents, attrs), output_padding: outputPadding })];
}

/**
 * The weight gradient, a matrix product over batch and pixels for each tap of the kernel.
 *
 * At stride 1 images are padded and laid out flat, so that a tap is one contiguous shift along the flat axis: the
 * output gradient is widened with zeros to the padded width, and these cancel whatever a shift reads past a row's end.
 */
export function lowerConv2dWeightGrad(graph: GraphBuilder, [x, dy]: readonly ValueName[], { inputs: [image, gradient], attrs: { weightShape, ...attrs } }: Node<Conv2dAttrs & { weightShape: Shape }>): readonly ValueName[] {
  const [batch, inChannels, height, width] = image!.shape as [number, number, number, number];
  const [, outChannels, outHeight, outWidth] = gradient!.shape as [number, number, number, number];
  const [, , kh, kw] = weightShape as [number, number, number, number];
  const { groups, strides, dilations, pads: [top, left, bottom, right] } = attrs;
  const unitStride = strides.every((s) => s === 1);
  const paddedWidth = width + left + right;
  // The last tap's shift may read up to this far past the last row that it needs.
  const overrun = unitStride && (kw > 1 || paddedWidth > outWidth) ? 1 : 0;
  const paddedHeight = height + top + bottom + overrun;
  const padded = paddedHeight === height && paddedWidth === width ? x! : graph.one('Pad', [x!, graph.ints([0, 0, top, left, 0, 0, bottom + overrun, right])]);
  const grouped = (channels: number, area: number) => graph.ints(groups === 1 ? [batch, channels, area] : [batch, groups, channels / groups, area]);
  const turn = groups === 1 ? [0, 2, 1] : [0, 1, 3, 2];

  let area: number;
  let tapOf: (ky: number, kx: number) => ValueName;
  let wide: ValueName;
  if (unitStride) {
    area = outHeight * paddedWidth;
    wide = paddedWidth === outWidth ? dy! : graph.one('Pad', [dy!, graph.ints([0, 0, 0, 0, 0, 0, 0, paddedWidth - outWidth])]);
    const flat = graph.one('Reshape', [padded, grouped(inChannels, paddedHeight * paddedWidth)]);
    const axis = groups === 1 ? 2 : 3;
    tapOf = (ky, kx) => {
      const start = ky * dilations[0] * paddedWidth + kx * dilations[1];
      if (start === 0 && area === paddedHeight * paddedWidth) return flat;
      return graph.one('Slice', [flat, graph.ints([start]), graph.ints([start + area]), graph.ints([axis])]);
    };
  } else {
    area = outHeight * outWidth;
    wide = dy!;
    tapOf = (ky, kx) => {
      const starts = [ky * dilations[0], kx * dilations[1]];
      const ends = [starts[0]! + (outHeight - 1) * strides[0] + 1, starts[1]! + (outWidth - 1) * strides[1] + 1];
      const picked = graph.one('Slice', [padded, graph.ints(starts), graph.ints(ends), graph.ints([2, 3]), graph.ints(strides)]);
      return graph.one('Reshape', [picked, grouped(inChannels, area)]);
    };
  }

  const flatDy = graph.one('Reshape', [wide, grouped(outChannels, area)]);
  const taps: ValueName[] = [];
  for (let ky = 0; ky < kh; ky++) {
    for (let kx = 0; kx < kw; kx++) {
      const product = graph.one('MatMul', [flatDy, graph.one('Transpose', [tapOf(ky, kx)], { perm: turn })]); // [B, (G,) O, I]
      const summed = graph.one('ReduceSum', [product, graph.ints([0])], { keepdims: 0 });
      taps.push(graph.one('Reshape', [summed, graph.ints([outChannels, inChannels / groups, 1])]));
    }
  }
  const joined = taps.length === 1 ? taps[0]! : graph.one('Concat', taps, { axis: 2 });
  return [graph.one('Reshape', [joined, graph.ints(weightShape)])];
}
