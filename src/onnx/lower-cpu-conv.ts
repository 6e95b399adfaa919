/** Convolution and its gradients in ONNX Runtime's blocked layout; shapes it does not suit return undefined. */
import { float32, sizeOf, type Conv2dAttrs, type Node, type Shape } from '../core/index.ts';
import type { BlockedValues } from './blocked.ts';
import type { GraphBuilder, ValueName } from './builder.ts';

export type Quad = readonly [number, number, number, number];

/** OIHW → [O/b, I/b, T, b (of I), b (of O)] with T = kh · kw, named [O, I, kh, kw]. Constant ones are blocked here and now. */
export function blockedKernel(
  graph: GraphBuilder,
  values: BlockedValues,
  w: ValueName,
  [outChannels, inChannels, kh, kw]: Quad,
): ValueName {
  const { block } = values;
  const taps = kh * kw;
  const constant = graph.constantValue(w)?.data as Float32Array | undefined;
  if (constant) {
    const data = new Float32Array(constant.length);
    let at = 0;
    for (let o = 0; o < outChannels; o += block) {
      for (let i = 0; i < inChannels; i += block) {
        for (let t = 0; t < taps; t++)
          for (let di = 0; di < block; di++)
            for (let d = 0; d < block; d++) data[at++] = constant[((o + d) * inChannels + i + di) * taps + t]!;
      }
    }
    return graph.constant(float32([outChannels, inChannels, kh, kw], data));
  }
  const outInnermost = values.reorderIn(values.reshape(w, [1, outChannels, 1, inChannels * taps])); // [O/b, I, T, b]
  const both = values.swapMiddle(outInnermost, [(outChannels * inChannels) / block / block, block, taps, block]);
  return values.reshape(both, [outChannels, inChannels, kh, kw]);
}

/** OIHW → the kernel of the input gradient, turned by 180° and with O and I exchanged, blocked like any other. */
function blockedTurnedKernel(
  graph: GraphBuilder,
  values: BlockedValues,
  w: ValueName,
  [outChannels, inChannels, kh, kw]: Quad,
): ValueName {
  const { block } = values;
  const [taps, outBlocks, inBlocks] = [kh * kw, outChannels / block, inChannels / block];
  const inInnermost = values.reorderIn(values.reshape(w, [outChannels, inChannels, 1, taps])); // [O, I/b, T, b]
  const both = values.swapMiddle(inInnermost, [outBlocks, block, inBlocks * taps, block]); // [O/b, I/b, T, b (of O), b (of I)]
  const rows = values.reshape(both, [outBlocks * inBlocks * taps, block * block]);
  const order: number[] = [];
  for (let i = 0; i < inBlocks; i++)
    for (let o = 0; o < outBlocks; o++) for (let t = taps - 1; t >= 0; t--) order.push((o * inBlocks + i) * taps + t);
  return values.reshape(graph.one('Gather', [rows, graph.ints(order)], { axis: 0 }), [inChannels, outChannels, kh, kw]);
}

/** Fewer input channels than a block: the image is taken in order and the kernel is [O/b, I, kh, kw, b]. */
function fewChannelsKernel(
  graph: GraphBuilder,
  values: BlockedValues,
  w: ValueName,
  [outChannels, inChannels, kh, kw]: Quad,
): ValueName {
  const constant = graph.constantValue(w)?.data as Float32Array | undefined;
  if (constant) {
    const { block } = values;
    const size = inChannels * kh * kw;
    const data = new Float32Array(constant.length);
    for (let i = 0; i < data.length; i++)
      data[i] = constant[(Math.floor(i / block / size) * block + (i % block)) * size + (Math.floor(i / block) % size)]!;
    return graph.constant(float32([outChannels, inChannels, kh, kw], data));
  }
  return values.reshape(values.reorderIn(values.reshape(w, [1, outChannels, 1, inChannels * kh * kw])), [
    outChannels,
    inChannels,
    kh,
    kw,
  ]);
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

export function blockedConv2d(
  graph: GraphBuilder,
  values: BlockedValues,
  [x, w, bias]: readonly ValueName[],
  { inputs: [, kernel], attrs }: Node<Conv2dAttrs>,
): ValueName | undefined {
  const shape = kernel!.shape as Quad;
  const [outChannels, inChannels, kh, kw] = shape;
  const { block } = values;
  const options = { ...attrs, groups: 1, kernel: [kh, kw] };
  if (attrs.groups !== 1) return undefined;
  if (inChannels < block && outChannels % block === 0)
    return values.nameAddable(
      (addend) => values.conv([x!, fewChannelsKernel(graph, values, w!, shape), bias, addend], options),
      outChannels,
    );
  if (inChannels % block !== 0) return undefined;
  // Missing output channels are zeros until the result is put in order.
  const missing = (block - (outChannels % block)) % block;
  if (missing === 0)
    return values.nameAddable(
      (addend) => values.conv([values.of(x!), blockedKernel(graph, values, w!, shape), bias, addend], options),
      outChannels,
    );
  const wider = lengthened(graph, w!, shape, missing);
  const widerBias = bias && lengthened(graph, bias, [outChannels], missing);
  return values.reorderOut(
    values.conv(
      [values.of(x!), blockedKernel(graph, values, wider, [outChannels + missing, inChannels, kh, kw]), widerBias],
      options,
    ),
    outChannels,
  );
}

/** At stride 1 the input gradient is a convolution with the turned kernel. */
export function blockedInputGrad(
  graph: GraphBuilder,
  values: BlockedValues,
  [dy, w]: readonly ValueName[],
  {
    inputs: [, kernel],
    attrs: { strides, dilations, pads, groups, inputShape },
  }: Node<Conv2dAttrs & { inputShape: Shape }>,
): ValueName | undefined {
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
    return values.nameAddable(
      (addend) =>
        values.conv([values.of(dy!), blockedTurnedKernel(graph, values, w!, shape), undefined, addend], options),
      inChannels,
    );
  }
  if (outChannels > block) return undefined;
  const exchanged = values.reshape(graph.one('Transpose', [w!], { perm: [1, 0, 2, 3] }), [
    inChannels * outChannels,
    kh * kw,
  ]);
  const turned = graph.one(
    'Gather',
    [exchanged, graph.ints(Array.from({ length: kh * kw }, (_, t) => kh * kw - 1 - t))],
    { axis: 1 },
  );
  return values.name(
    values.conv([dy!, fewChannelsKernel(graph, values, turned, [inChannels, outChannels, kh, kw])], options),
    inputShape[1]!,
  );
}
