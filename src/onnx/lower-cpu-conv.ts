/** Convolution and its gradients in ONNX Runtime's blocked layout; shapes it does not suit return undefined. */
import { float32, sizeOf, type Conv2dAttrs, type Node, type Shape } from '../core/index.ts';
import type { BlockedValues } from './blocked.ts';
import type { GraphBuilder, ValueName } from './builder.ts';

export type Quad = readonly [number, number, number, number];

/** OIHW → [O/b, I/b, T, b (of I), b (of O)] with T = kh · kw, named [O, I, kh, kw]. Constant ones are blocked here and now. */
export function blockedKernel(graph: GraphBuilder, values: BlockedValues, w: ValueName, [outChannels, inChannels, kh, kw]: Quad): ValueName {
  const { block } = values;
  const taps = kh * kw;
  const constant = graph.constantValue(w)?.data as Float32Array | undefined;
  if (constant) {
    const data = new Float32Array(constant.length);
    let at = 0;
    for (let o = 0; o < outChannels; o += block) {
      for (let i = 0; i < inChannels; i += block) {
        for (let t = 0; t < taps; t++) for (let di = 0; di < block; di++) for (let d = 0; d < block; d++) data[at++] = constant[((o + d) * inChannels + i + di) * taps + t]!;
      }
    }
    return graph.constant(float32([outChannels, inChannels, kh, kw], data));
  }
  const outInnermost = values.reorderIn(values.reshape(w, [1, outChannels, 1, inChannels * taps])); // [O/b, I, T, b]
  const both = values.swapMiddle(outInnermost, [outChannels * inChannels / block / block, block, taps, block]);
  return values.reshape(both, [outChannels, inChannels, kh, kw]);
}

/** OIHW → the kernel of the input gradient, turned by 180° and with O and I exchanged, blocked like any other. */
function blockedTurnedKernel(graph: GraphBuilder, values: BlockedValues, w: ValueName, [outChannels, inChannels, kh, kw]: Quad): ValueName {
  const { block } = values;
  const [taps, outBlocks, inBlocks] = [kh * kw, outChannels / block, inChannels / block];
  const inInnermost = values.reorderIn(values.reshape(w, [outChannels, inChannels, 1, taps])); // [O, I/b, T, b]
  const both = values.swapMiddle(inInnermost, [outBlocks, block, inBlocks * taps, block]); // [O/b, I/b, T, b (of O), b (of I)]
  const rows = values.reshape(both, [outBlocks * inBlocks * taps, block * block]);
  const order: number[] = [];
  for (let i = 0; i < inBlocks; i++) for (let o = 0; o < outBlocks; o++) for (let t = taps - 1; t >= 0; t--) order.push((o * inBlocks + i) * taps + t);
  return values.reshape(graph.one('Gather', [rows, graph.ints(order)], { axis: 0 }), [inChannels, outChannels, kh, kw]);
}

/** Fewer input channels than a block: the image is taken in order and the kernel is [O/b, I, kh, kw, b]. */
function fewChannelsKernel(graph: GraphBuilder, values: BlockedValues, w: ValueName, [outChannels, inChannels, kh, kw]: Quad): ValueName {
  const constant = graph.constantValue(w)?.data as Float32Array | undefined;
  if (constant) {
    const { block } = values;
    const size = inChannels * kh * kw;
    const data = new Float32Array(constant.length);
    for (let i = 0; i < data.length; i++) data[i] = constant[(Math.floor(i / block / size) * block + i % block) * size + Math.floor(i / block) % size]!;
    return graph.constant(float32([outChannels, inChannels, kh, kw], data));
  }
  return values.reshape(values.reorderIn(values.reshape(w, [1, outChannels, 1, inChannels * kh * kw])), [outChannels, inChannels, kh, kw]);
}

/** Zeros behind the last of the outermost axis. */
function lengthened(graph: GraphBuilder, x: ValueName, shape: Shape, more: number): ValueName {
  const known = graph.constantValue(x);
  if (!known) return graph.one('Pad', [x, graph.ints([...shape.map(() => 0), more, ...shape.slice(1).map(() => 0)])]);
  const longer = [shape[0]! + more, ...shape.slice(1)];
  const data = new Float32Array(sizeOf(longer));
  data.set(known.data as Float32Array);
  return graph.deferConstant(float32(longer, data));
}

export function blockedConv2d(graph: GraphBuilder, values: BlockedValues, [x, w, bias]: readonly ValueName[], { inputs: [, kernel], attrs }: Node<Conv2dAttrs>): ValueName | undefined {
  const shape = kernel!.shape as Quad;
  const [outChannels, inChannels, kh, kw] = shape;
  const { block } = values;
  const options = { ...attrs, groups: 1, kernel: [kh, kw] };
  if (attrs.groups !== 1) return undefined;
  if (inChannels < block && outChannels % block === 0) return values.nameAddable((addend) => values.conv([x!, fewChannelsKernel(graph, values, w!, shape), bias, addend], options), outChannels);
  if (inChannels % block !== 0) return undefined;
  // Missing output channels are zeros until the result is put in order.
  const missing = (block - outChannels % block) % block;
  if (missing === 0) return values.nameAddable((addend) => values.conv([values.of(x!), blockedKernel(graph, values, w!, shape), bias, addend], options), outChannels);
  const wider = lengthened(graph, w!, shape, missing);
  const widerBias = bias && lengthened(graph, bias, [outChannels], missing);
  return values.reorderOut(values.conv([values.of(x!), blockedKernel(graph, values, wider, [outChannels + missing, inChannels, kh, kw]), widerBias], options), outChannels);
}

/** At stride 1 the input gradient is a convolution with the turned kernel. */
export function blockedInputGrad(graph: GraphBuilder, values: BlockedValues, [dy, w]: readonly ValueName[], { inputs: [, kernel], attrs: { strides, dilations, pads, groups, inputShape } }: Node<Conv2dAttrs & { inputShape: Shape }>): ValueName | undefined {
  const shape = kernel!.shape as Quad;
  const [outChannels, inChannels, kh, kw] = shape;
  const { block } = values;
  if (groups !== 1 || strides.some((s) => s !== 1) || inChannels % block !== 0) return undefined;
  const reach = [(kh - 1) * dilations[0], (kw - 1) * dilations[1]] as const;
  const turnedPads = [reach[0] - pads[0], reach[1] - pads[1], reach[0] - pads[2], reach[1] - pads[3]];
  if (turnedPads.some((n) => n < 0)) return undefined;
  const options = { kernel: [kh, kw], pads: turnedPads, dilations };
  if (outChannels % block === 0) {
    // Emitted only if asked for: of a doubled image, only the sum over each pixel's copies is.
    return values.nameAddable((addend) => values.conv([values.of(dy!), blockedTurnedKernel(graph, values, w!, shape), undefined, addend], options), inChannels);
  }
  if (outChannels > block) return undefined;
  const exchanged = values.reshape(graph.one('Transpose', [w!], { perm: [1, 0, 2, 3] }), [inChannels * outChannels, kh * kw]);
  const turned = graph.one('Gather', [exchanged, graph.ints(Array.from({ length: kh * kw }, (_, t) => kh * kw - 1 - t))], { axis: 1 });
  return values.name(values.conv([dy!, fewChannelsKernel(graph, values, turned, [inChannels, outChannels, kh, kw])], options), inputShape[1]!);
}

/**
 * The weight gradient as one convolution, without a shifted copy of anything.
 *
 * Summing over batch and pixels means that the batch plays the part of the input channels and dY that of the kernel, as
 * large as the image. Its result is only kh × kw pixels, too few to keep a kernel of the engine busy. So the input
 * channels i join the width: with x laid out as [H, W · b] where position z · b + i holds channel i of pixel z, and the
 * kernel dilated by b in width, output position v · b + i is tap v for channel i:
 *
 *     out[o, u, v·b + i] = Σ_{n, y, z} dY[n, o, y, z] · x[n, i, y·s + u − p, z·s + v − p]
 *
 * Blocks of the batch and of the channels are exchanged by the reordering operators, read under other shapes. A batch that
 * fills no blocks is cut into bands of rows first: the sum over pixels is the sum over the bands' pixels, so a band of a
 * picture is as good as a picture.
 */
export function blockedWeightGrad(graph: GraphBuilder, values: BlockedValues, [x, dy]: readonly ValueName[], { inputs: [image, gradient], attrs: { weightShape, strides, dilations, pads: [top, left, bottom, right], groups } }: { readonly inputs: readonly { readonly shape: Shape }[]; readonly attrs: Conv2dAttrs & { readonly weightShape: Shape } }): ValueName | undefined {
  const [batch, inChannels, height, width] = image!.shape as Quad;
  const [, outChannels, outHeight, outWidth] = gradient!.shape as Quad;
  const [, , kh, kw] = weightShape as Quad;
  const { block } = values;
  if (groups !== 1 || dilations.some((d) => d !== 1) || [inChannels, outChannels].some((n) => n % block !== 0)) return undefined;
  // What a stride leaves over at the end is not read by any tap.
  const below = bottom - (height + top + bottom - kh - (outHeight - 1) * strides[0]);
  const after = right - (width + left + right - kw - (outWidth - 1) * strides[1]);
  if (below < 0) return undefined;
  const bands = block / greatestCommonDivisor(batch, block);
  if (outHeight % bands !== 0) return undefined;
  const [inBlocks, outBlocks] = [inChannels / block, outChannels / block];
  const count = batch * bands;
  const batchBlocks = count / block;
  const bandOut = outHeight / bands;
  const bandHeight = bands === 1 ? height : (bandOut - 1) * strides[0] + kh;

  /** [B, I/b, H, W, b] → [bands · B, I/b, rows of a band, left + W + after, b], with the rows that bands share in both. */
  const bandsOfImage = (blocked: ValueName): ValueName => {
    const images = batch * inBlocks;
    const rows = values.reshape(blocked, [images, height, width * block]);
    const padded = graph.one('Pad', [rows, graph.ints([0, top, left * block, 0, below, after * block])]);
    const step = bandOut * strides[0];
    const cut = Array.from({ length: bands }, (_, i) => graph.one('Slice', [padded, graph.ints([i * step]), graph.ints([i * step + bandHeight]), graph.ints([1])]));
    return values.reshape(graph.one('Concat', cut, { axis: 0 }), [count, inChannels, bandHeight, left + width + after]);
  };
  /** [B, O/b, H', W', b] → [bands · B, O/b, H'/bands, W', b]. */
  const bandsOfGradient = (blocked: ValueName): ValueName => {
    const cut = values.reshape(blocked, [batch * outBlocks, bands, bandOut * outWidth * block]);
    return values.reshape(graph.one('Transpose', [cut], { perm: [1, 0, 2] }), [count, outChannels, bandOut, outWidth]);
  };
  // With several blocks of batch, they come after the blocks of channels.
  const channelsFirst = (value: ValueName, blocks: number, rest: number) =>
    batchBlocks === 1 ? value : graph.one('Transpose', [values.reshape(value, [batchBlocks, blocks, rest])], { perm: [1, 0, 2] });

  const banded = bands > 1;
  const read = banded ? left + width + after : width;
  const batchInnermost = values.reorderIn(values.reshape(banded ? bandsOfImage(values.of(x!)) : values.of(x!), [1, count, 1, inChannels * bandHeight * read])); // [B/b, I/b, H, W, b (of I), b (of B)]
  const lines = values.reshape(channelsFirst(batchInnermost, inBlocks, bandHeight * read * block * block), [inBlocks * batchBlocks * bandHeight, read * block * block]);
  const padded = banded || (left === 0 && after === 0) ? lines : graph.one('Pad', [lines, graph.ints([0, left * block * block, 0, after * block * block])]);
  const wide = values.reshape(padded, [inBlocks, count, bandHeight, (left + width + after) * block]);

  const exchanged = values.swapMiddle(banded ? bandsOfGradient(values.of(dy!)) : values.of(dy!), [batchBlocks, block, outBlocks * bandOut * outWidth, block]); // [B/b, O/b, H', W', b (of B), b (of O)]
  const kernel = values.reshape(channelsFirst(exchanged, outBlocks, bandOut * outWidth * block * block), [outChannels, count, bandOut, outWidth]);
  const product = values.conv([wide, kernel], { kernel: [bandOut, outWidth], pads: banded ? [0, 0, 0, 0] : [top, 0, below, 0], dilations: [strides[0], strides[1] * block] }); // [I/b, O/b, T, b (of I), b (of O)]

  const taps = kh * kw;
  const tapsInner = values.reorderIn(values.reshape(product, [inBlocks * outBlocks, 1, taps, block * block]), true); // [I/b, O/b, b (of I), T, b (of O)]
  const ordered = values.reorderOut(values.reshape(tapsInner, [inBlocks, outChannels, 1, block * taps]), outChannels); // [I/b, O, b (of I), T]
  const turned = graph.one('Transpose', [values.reshape(ordered, [inBlocks, outChannels, block * taps])], { perm: [1, 0, 2] });
  return values.reshape(turned, weightShape);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
