/** The weight gradient of a convolution on the processor, in each of the ways that `weightGradStrategy` chooses from. */
import type { BlockedValues } from './blocked.ts';
import type { GraphBuilder, ValueName } from './builder.ts';
import type { Quad } from './lower-cpu-conv.ts';
import { lowerConv2dWeightGrad, type WeightGradNode } from './lower-conv.ts';
import { bandsOf, readMargins, weightGradStrategy, type WeightGradStrategy } from './weight-grad-strategy.ts';

/** The weight gradient by the strategy that costs least for its shapes. */
export function cpuWeightGrad(
  graph: GraphBuilder,
  values: BlockedValues,
  operands: readonly ValueName[],
  node: WeightGradNode,
): ValueName {
  return weightGradBy(chosenStrategy(values, operands, node), graph, values, operands, node);
}

/** The strategy that costs least for a node whose operands have these names. */
export function chosenStrategy(
  values: BlockedValues,
  [x, dy]: readonly ValueName[],
  { inputs: [image, gradient], attrs }: WeightGradNode,
): WeightGradStrategy {
  const [batch, inChannels, height, width] = image!.shape as Quad;
  const [, outChannels, outHeight, outWidth] = gradient!.shape as Quad;
  const [, , kh, kw] = attrs.weightShape as Quad;
  const { strides, pads, dilations, groups } = attrs;
  return weightGradStrategy({
    block: values.block,
    batch,
    inChannels,
    outChannels,
    image: [height, width],
    output: [outHeight, outWidth],
    kernel: [kh, kw],
    strides,
    pads,
    dilations,
    groups,
    arriveBlocked: [values.has(x!), values.has(dy!)],
  });
}

/** The weight gradient by a strategy that the shapes allow: x [B, I, H, W] and dY [B, O, H', W'] to [O, I, kh, kw]. */
export function weightGradBy(
  strategy: WeightGradStrategy,
  graph: GraphBuilder,
  values: BlockedValues,
  operands: readonly ValueName[],
  node: WeightGradNode,
): ValueName {
  switch (strategy) {
    case 'taps':
      return lowerConv2dWeightGrad(graph, operands, node)[0]!;
    case 'pixels':
      return byPixels(graph, values, operands, node);
    case 'images':
      return byImages(graph, values, operands, node);
    case 'blocked':
    case 'bands':
      return byConvolution(graph, values, operands, node);
  }
}

/** Of a kernel of one pixel, dYᵀ · X with the channels last. */
function byPixels(
  graph: GraphBuilder,
  values: BlockedValues,
  [x, dy]: readonly ValueName[],
  node: WeightGradNode,
): ValueName {
  const [outChannels, inChannels] = node.attrs.weightShape as Quad;
  const [batch, , outHeight, outWidth] = node.inputs[1]!.shape as Quad;
  const matrix = (blocked: ValueName, channels: number) =>
    values.reshape(values.reorderOut(blocked, channels, true), [batch * outHeight * outWidth, channels]);
  const product = graph.one(
    'Gemm',
    [
      matrix(values.of(dy!), outChannels),
      matrix(atStrides(graph, values, values.of(x!), node, values.block), inChannels),
    ],
    { transA: 1 },
  );
  return values.reshape(product, node.attrs.weightShape);
}

/** Of a kernel of one pixel, Σ_n dY_n · X_nᵀ. */
function byImages(
  graph: GraphBuilder,
  values: BlockedValues,
  [x, dy]: readonly ValueName[],
  node: WeightGradNode,
): ValueName {
  const [outChannels, inChannels] = node.attrs.weightShape as Quad;
  const [batch, , outHeight, outWidth] = node.inputs[1]!.shape as Quad;
  const matrices = (value: ValueName, channels: number) =>
    values.reshape(value, [batch, channels, outHeight * outWidth]);
  const thinnedFirst = values.has(x!) && node.attrs.strides.some((s) => s !== 1);
  const taken = thinnedFirst
    ? values.reorderOut(atStrides(graph, values, values.of(x!), node, values.block), inChannels)
    : atStrides(graph, values, x!, node, 1);
  graph.requireDomain('com.microsoft', 1);
  const [products] = graph.apply(
    'FusedMatMul',
    [matrices(dy!, outChannels), matrices(taken, inChannels)],
    { transA: 0, transB: 1, alpha: { float: 1 } },
    1,
    'com.microsoft',
  ); // [B, O, I]
  return values.reshape(
    batch === 1 ? products! : graph.one('ReduceSum', [products!, graph.ints([0])], { keepdims: 0 }),
    node.attrs.weightShape,
  );
}

/** The pixels of x that a kernel of one pixel reads; `inner` of their channels lie side by side. */
function atStrides(
  graph: GraphBuilder,
  values: BlockedValues,
  x: ValueName,
  { inputs: [image, gradient], attrs: { strides } }: WeightGradNode,
  inner: number,
): ValueName {
  if (strides.every((s) => s === 1)) return x;
  const [batch, channels, height, width] = image!.shape as Quad;
  const [, , outHeight, outWidth] = gradient!.shape as Quad;
  const pixels = values.reshape(x, [(batch * channels) / inner, height, width, inner]);
  const taken = graph.one('Slice', [
    pixels,
    graph.ints([0, 0]),
    graph.ints([height, width]),
    graph.ints([1, 2]),
    graph.ints(strides),
  ]);
  return values.reshape(taken, [batch, channels, outHeight, outWidth]);
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
 * image is as good as an image.
 */
function byConvolution(
  graph: GraphBuilder,
  values: BlockedValues,
  [x, dy]: readonly ValueName[],
  { inputs: [image, gradient], attrs: { weightShape, strides, pads } }: WeightGradNode,
): ValueName {
  const [batch, inChannels, height, width] = image!.shape as Quad;
  const [, outChannels, outHeight, outWidth] = gradient!.shape as Quad;
  const [, , kh, kw] = weightShape as Quad;
  const { block } = values;
  const [top, left] = pads;
  const { below, after } = readMargins({
    image: [height, width],
    output: [outHeight, outWidth],
    kernel: [kh, kw],
    strides,
    pads,
  });
  const bands = bandsOf(batch, block);
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
    const cut = Array.from({ length: bands }, (_, i) =>
      graph.one('Slice', [padded, graph.ints([i * step]), graph.ints([i * step + bandHeight]), graph.ints([1])]),
    );
    return values.reshape(graph.one('Concat', cut, { axis: 0 }), [count, inChannels, bandHeight, left + width + after]);
  };
  /** [B, O/b, H', W', b] → [bands · B, O/b, H'/bands, W', b]. */
  const bandsOfGradient = (blocked: ValueName): ValueName => {
    const cut = values.reshape(blocked, [batch * outBlocks, bands, bandOut * outWidth * block]);
    return values.reshape(graph.one('Transpose', [cut], { perm: [1, 0, 2] }), [count, outChannels, bandOut, outWidth]);
  };
  // With several blocks of batch, they come after the blocks of channels.
  const channelsFirst = (value: ValueName, blocks: number, rest: number) =>
    batchBlocks === 1
      ? value
      : graph.one('Transpose', [values.reshape(value, [batchBlocks, blocks, rest])], { perm: [1, 0, 2] });

  const banded = bands > 1;
  const read = banded ? left + width + after : width;
  const batchInnermost = values.reorderIn(
    values.reshape(banded ? bandsOfImage(values.of(x!)) : values.of(x!), [1, count, 1, inChannels * bandHeight * read]),
  ); // [B/b, I/b, H, W, b (of I), b (of B)]
  const lines = values.reshape(channelsFirst(batchInnermost, inBlocks, bandHeight * read * block * block), [
    inBlocks * batchBlocks * bandHeight,
    read * block * block,
  ]);
  const padded =
    banded || (left === 0 && after === 0)
      ? lines
      : graph.one('Pad', [lines, graph.ints([0, left * block * block, 0, after * block * block])]);
  const wide = values.reshape(padded, [inBlocks, count, bandHeight, (left + width + after) * block]);

  const exchanged = values.swapMiddle(banded ? bandsOfGradient(values.of(dy!)) : values.of(dy!), [
    batchBlocks,
    block,
    outBlocks * bandOut * outWidth,
    block,
  ]); // [B/b, O/b, H', W', b (of B), b (of O)]
  const kernel = values.reshape(channelsFirst(exchanged, outBlocks, bandOut * outWidth * block * block), [
    outChannels,
    count,
    bandOut,
    outWidth,
  ]);
  const product = values.conv([wide, kernel], {
    kernel: [bandOut, outWidth],
    pads: banded ? [0, 0, 0, 0] : [top, 0, below, 0],
    dilations: [strides[0], strides[1] * block],
  }); // [I/b, O/b, T, b (of I), b (of O)]

  const taps = kh * kw;
  const tapsInner = values.reorderIn(values.reshape(product, [inBlocks * outBlocks, 1, taps, block * block]), true); // [I/b, O/b, b (of I), T, b (of O)]
  const ordered = values.reorderOut(values.reshape(tapsInner, [inBlocks, outChannels, 1, block * taps]), outChannels); // [I/b, O, b (of I), T]
  const turned = graph.one('Transpose', [values.reshape(ordered, [inBlocks, outChannels, block * taps])], {
    perm: [1, 0, 2],
  });
  return values.reshape(turned, weightShape);
}
