/**
 * Lowerings for ONNX Runtime's CPU provider: images stay in its blocked layout (see blocked.ts) through convolutions,
 * normalization and everything between them. For programs that run here and now; what is exported is standard ONNX.
 */
import { float32, sameShape, sizeOf, type HostArray, type OpName, type PoolAttrs, type Shape, type Type } from '../core/index.ts';
import { BlockedValues } from './blocked.ts';
import type { GraphBuilder, ValueName } from './builder.ts';
import { blockedConv2d, blockedInputGrad, blockedWeightGrad, type Quad } from './lower-cpu-conv.ts';
import { doubledConv2d, doubledInputGrad, doubledWeightGrad, isDoubledConv } from './lower-cpu-upsample.ts';
import { scatterElements } from './lower-indexing.ts';
import { standardLowerings } from './lower.ts';
import type { Lowering, Lowerings } from './lowering.ts';

type Lowered = Exclude<OpName, 'input' | 'state'>;

/** Ops that this provider has an operator of its own for, or a faster one than every provider. */
const ownLowerings = {
  gelu(graph, inputs) {
    graph.requireDomain('com.microsoft', 1);
    return graph.apply('Gelu', inputs, {}, 1, 'com.microsoft');
  },
  logSoftmax: (graph, [x]) => [graph.one('LogSoftmax', [x!], { axis: -1 })],
  scatterAlongAxis: scatterElements,
} satisfies Partial<Lowerings>;

const plainLowerings: Lowerings = { ...standardLowerings, ...ownLowerings };

/**
 * @param block  channels in a block of this machine's kernels, as a probe has found them
 */
export function cpuLowerings(block: number): Partial<Lowerings> {
  const graphs = new WeakMap<GraphBuilder, BlockedValues>();
  const valuesOf = (graph: GraphBuilder): BlockedValues => {
    let values = graphs.get(graph);
    if (!values) graphs.set(graph, values = new BlockedValues(graph, block));
    return values;
  };
  const isImage = ({ shape, dtype }: Type) => dtype === 'f32' && shape.length === 4 && shape[1]! % block === 0;

  /** Tries the blocked lowering; where it returns undefined, the standard one. */
  const orStandard = <Name extends Lowered>(name: Name, lower: (graph: GraphBuilder, values: BlockedValues, ...rest: Tail<Parameters<Lowerings[Name]>>) => readonly ValueName[] | undefined): Lowerings[Name] => {
    const standard = plainLowerings[name] as Lowering<unknown>;
    return ((graph: GraphBuilder, ...rest: Tail<Parameters<Lowerings[Name]>>) =>
      lower(graph, valuesOf(graph), ...rest) ?? standard(graph, ...(rest as unknown as Tail<Parameters<Lowering<unknown>>>))) as Lowerings[Name];
  };
  const one = (value: ValueName | undefined) => (value === undefined ? undefined : [value]);

  /** Each element alone: if one operand is blocked the others become so, and so does the result. */
  const pointwise = (name: Lowered): Lowering<unknown> => orStandard(name, (graph, values, inputs, node) => {
    const output: Type = node.outputs[0]!;
    const whole = node.inputs.map((x) => sameShape(x.shape, output.shape));
    if (!isImage(output) || !node.inputs.every((x, i) => whole[i] || sizeOf(x.shape) === 1) || !inputs.some((x, i) => whole[i] && values.has(x))) return undefined;
    const standard = plainLowerings[name] as Lowering<unknown>;
    const [y] = standard(graph, inputs.map((x, i) => (whole[i] ? values.of(x) : x)), node as never);
    return [values.name(y!, output.shape[1]!)];
  }) as Lowering<unknown>;

  /** A truth value for each pixel, which the reordering operators do not move: computed in order again if asked for. */
  const comparison = (name: 'less' | 'lessEqual' | 'equal'): Lowering<unknown> => orStandard(name, (graph, values, inputs, node) => {
    const { shape } = node.outputs[0]!;
    const whole = node.inputs.map((x) => sameShape(x.shape, shape));
    if (!node.inputs.every((x, i) => x.dtype === 'f32' && (sizeOf(x.shape) === 1 || (whole[i] && isImage(x)))) || !inputs.some((x, i) => whole[i] && values.has(x))) return undefined;
    const compare = (operands: readonly ValueName[]) => (standardLowerings[name] as Lowering<unknown>)(graph, operands, node)[0]!;
    return [values.nameBoth(() => compare(inputs), () => compare(inputs.map((x, i) => (whole[i] ? values.of(x) : x))))];
  }) as Lowering<unknown>;

  /** Of a blocked image and a number for each channel of each image, [B, C, 1, 1]. */
  const withChannels = (name: 'add' | 'mul'): Lowering<unknown> => {
    const otherwise = pointwise(name);
    return (graph, inputs, node) => {
      const values = valuesOf(graph);
      const { shape } = node.outputs[0]!;
      const image = node.inputs.findIndex((x, i) => sameShape(x.shape, shape) && values.has(inputs[i]!));
      const other = node.inputs[1 - image];
      const [batch, channels] = shape as [number, number];
      if (image < 0 || !isImage(node.outputs[0]!) || sameShape(other!.shape, shape) || !sameShape(other!.shape, [batch, channels, 1, 1])) return otherwise(graph, inputs, node);
      const numbers = inputs[1 - image]!;
      const blocked = values.of(inputs[image]!);
      const y = name === 'mul' ? values.channelAffine(blocked, shape, numbers) : values.channelAffine(blocked, shape, graph.filled([batch, channels], 1), numbers);
      return [values.name(y, channels)];
    };
  };

  const pool = (name: 'avgPool2d' | 'maxPool2d', opType: string): Lowering<PoolAttrs> => orStandard(name, (_, values, [x], { outputs: [output], attrs: { kernel, strides, pads } }) => {
    if (!isImage(output!) || !values.has(x!)) return undefined;
    const mean = opType === 'AveragePool' ? { count_include_pad: 1 } : {};
    return [values.name(values.apply(opType, [values.of(x!)], { kernel_shape: kernel, strides, pads, ...mean }), output!.shape[1]!)];
  });

  return {
    ...ownLowerings,
    // Convolutions block constant kernels themselves; the original is then left out.
    constant(graph, _, { attrs }) {
      let name: ValueName | undefined;
      return [graph.defer(() => name ??= graph.constant(attrs as HostArray))];
    },

    conv2d: orStandard('conv2d', (graph, values, inputs, node) => {
      const { inputs: [, w], outputs: [output], attrs } = node;
      const before = values.beforeDoubling.get(inputs[0]!);
      if (before === undefined || !isDoubledConv(block, w!.shape, attrs)) return one(blockedConv2d(graph, values, inputs, node));
      const [batch, outChannels, height, width] = output!.shape as Quad;
      const y = doubledConv2d(graph, values, values.of(before), inputs[1]!, inputs[2], [batch, w!.shape[1]!, height / 2, width / 2], outChannels);
      return [values.name(y, outChannels)];
    }),
    conv2dInputGrad: orStandard('conv2dInputGrad', (graph, values, inputs, node) => {
      const gradient = blockedInputGrad(graph, values, inputs, node);
      const { inputs: [, w], attrs } = node;
      const [outChannels, inChannels] = w!.shape as Quad;
      const even = attrs.inputShape.slice(2).every((extent) => extent % 2 === 0);
      if (gradient !== undefined && even && isDoubledConv(block, w!.shape, attrs)) {
        values.summedByFour.set(gradient, () => doubledInputGrad(graph, values, values.of(inputs[0]!), inputs[1]!, [outChannels, inChannels]));
      }
      return one(gradient);
    }),
    conv2dWeightGrad: orStandard('conv2dWeightGrad', (graph, values, [x, dy], node) => {
      const { inputs: [image], attrs } = node;
      const before = values.beforeDoubling.get(x!);
      if (before === undefined || !isDoubledConv(block, attrs.weightShape, attrs)) return one(blockedWeightGrad(graph, values, [x!, dy!], node));
      const [batch, inChannels, height, width] = image!.shape as Quad;
      return one(doubledWeightGrad(graph, values, before, dy!, [batch, inChannels, height / 2, width / 2], attrs.weightShape[0]!));
    }),

    ...Object.fromEntries((['sub', 'div', 'minimum', 'maximum', 'pow', 'clip', 'neg', 'abs', 'floor', 'exp', 'log', 'sqrt', 'tanh', 'sigmoid', 'silu', 'relu', 'softplus', 'erf', 'gelu'] as const).map((name) => [name, pointwise(name)])),
    less: comparison('less'),
    lessEqual: comparison('lessEqual'),
    equal: comparison('equal'),
    where: orStandard('where', (graph, values, inputs, { inputs: operands, outputs: [output] }) => {
      const whole = operands.map((x) => sameShape(x.shape, output!.shape));
      if (!isImage(output!) || !whole[0] || !values.has(inputs[0]!) || !operands.every((x, i) => whole[i] || sizeOf(x.shape) === 1)) return undefined;
      return [values.name(graph.one('Where', inputs.map((x, i) => (whole[i] ? values.of(x) : x))), output!.shape[1]!)];
    }),
    cast: orStandard('cast', (graph, values, [x], node) => {
      const { outputs: [output] } = node;
      return isImage(output!) && values.has(x!) ? [values.name(standardLowerings.cast(graph, [values.of(x!)], node)[0]!, output!.shape[1]!)] : undefined;
    }),
    add: withChannels('add'),
    mul: withChannels('mul'),

    channelAffine: orStandard('channelAffine', (_, values, [x, scale, shift, addend], { outputs: [output] }) => {
      if (!isImage(output!) || !(values.has(x!) || (addend && values.has(addend)))) return undefined;
      return [values.name(values.channelAffine(values.of(x!), output!.shape, scale!, shift, addend && values.of(addend)), output!.shape[1]!)];
    }),

    groupNorm: orStandard('groupNorm', (graph, values, [x, gamma, beta], { inputs: [image], attrs: { groups, eps } }) => {
      if (!isImage(image!)) return undefined;
      return blockedGroupNorm(graph, values, x!, gamma!, beta!, image!.shape, groups, eps);
    }),

    sum: orStandard('sum', (graph, values, [x], { inputs: [image], outputs: [output], attrs: { axes } }) => {
      const [outer, ...pixels] = axes.length === 3 ? axes : [undefined, ...axes];
      if (!isImage(image!) || !values.has(x!) || pixels.join() !== '2,3' || (outer !== undefined && outer !== 0)) return undefined;
      // The engine has no sum by channel as fast as its pooling.
      const [, , height, width] = image!.shape as [number, number, number, number];
      const byImage = graph.one('Mul', [values.pixelMeans(values.of(x!), image!.shape), graph.filled([], height * width)]);
      const sums = outer === undefined ? byImage : graph.one('ReduceSum', [byImage, graph.ints([0])], { keepdims: 0 });
      return [values.reshape(sums, output!.shape)];
    }),

    concat: orStandard('concat', (graph, values, inputs, { inputs: images, outputs: [output], attrs: { axis } }) => {
      if (axis !== 1 || !images.every(isImage) || !inputs.some((x) => values.has(x))) return undefined;
      return [values.name(graph.one('Concat', inputs.map((x) => values.of(x)), { axis }), output!.shape[1]!)];
    }),

    slice: orStandard('slice', (graph, values, [x], node) => {
      const { inputs: [image], outputs: [output], attrs: { starts, steps } } = node;
      const onlyChannels = image!.shape.every((extent, axis) => steps[axis] === 1 && (axis === 1 || extent === output!.shape[axis]));
      if (!isImage(image!) || !isImage(output!) || !onlyChannels || starts[1]! % block !== 0 || !values.has(x!)) return undefined;
      return [values.name(standardLowerings.slice(graph, [values.of(x!)], node)[0]!, output!.shape[1]!)];
    }),

    // Reads transposed matrices in place; from standard operators ONNX Runtime would make the same, by rewriting.
    matmul: orStandard('matmul', (graph, _, inputs, { inputs: [a, b], attrs: { transA, transB } }) => {
      if (a!.dtype !== 'f32' || !(transA || transB) || (a!.shape.length === 2 && b!.shape.length === 2)) return undefined;
      graph.requireDomain('com.microsoft', 1);
      return graph.apply('FusedMatMul', inputs, { transA: Number(transA), transB: Number(transB), alpha: { float: 1 } }, 1, 'com.microsoft');
    }),

    // Pixels in one axis, as attention wants them, and back: only a name changes.
    reshape: orStandard('reshape', (_, values, [x], { inputs: [from], outputs: [to] }) => {
      const images = [from!, to!].every(({ shape }) => (shape.length === 3 || shape.length === 4) && shape[1]! % block === 0 && sameShape(shape.slice(0, 2), from!.shape.slice(0, 2)));
      if (!images || !values.has(x!)) return undefined;
      const label: Shape = to!.shape.length === 4 ? to!.shape : [...to!.shape.slice(0, 2), 1, to!.shape[2]!];
      return [values.nameBoth(() => values.reshape(x!, to!.shape), () => values.reshape(values.of(x!), label))];
    }),

    // [B, C, L] ⇄ [B, L, C], which the reordering operators do on the way.
    transpose: orStandard('transpose', (graph, values, [x], { inputs: [from], outputs: [to], attrs: { perm } }) => {
      if (perm.join() !== '0,2,1') return undefined;
      const [batch, rows, columns] = from!.shape as [number, number, number];
      if (values.has(x!)) return [values.reshape(values.reorderOut(values.reshape(values.of(x!), [batch, rows, 1, columns]), rows, true), to!.shape)];
      if (columns % block !== 0) return undefined;
      return [values.nameBoth(() => graph.one('Transpose', [x!], { perm }), () => values.reorderIn(values.reshape(x!, [batch, 1, rows, columns]), true))];
    }),

    upsampleNearest: orStandard('upsampleNearest', (_, values, [x], { outputs: [output], attrs: { factor } }) => {
      if (!isImage(output!) || !values.has(x!)) return undefined;
      const channels = output!.shape[1]!;
      // A convolution may not need it: emitted only if asked for.
      const whole = () => values.apply('Upsample', [values.of(x!)], { scales: [1, 1, factor, factor], mode: 'nearest' });
      const name = values.nameBoth(() => values.reorderOut(whole(), channels), whole);
      if (factor === 2) values.beforeDoubling.set(name, x!);
      return [name];
    }),
    avgPool2d: pool('avgPool2d', 'AveragePool'),
    maxPool2d: pool('maxPool2d', 'MaxPool'),
    sumPool: orStandard('sumPool', (graph, values, [x], { outputs: [output], attrs: { factor } }) => {
      if (!isImage(output!) || !values.has(x!)) return undefined;
      const cheaper = factor === 2 ? values.summedByFour.get(x!) : undefined;
      if (cheaper) return [values.name(cheaper(), output!.shape[1]!)];
      const mean = values.apply('AveragePool', [values.of(x!)], { kernel_shape: [factor, factor], strides: [factor, factor], pads: [0, 0, 0, 0] });
      return [values.name(graph.one('Mul', [mean, graph.filled([], factor * factor)]), output!.shape[1]!)];
    }),
  };
}

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer Rest] ? Rest : never;

/** Sums and sums of squares of each channel's pixels make the statistics; scaling and shifting is then one pass. */
function blockedGroupNorm(graph: GraphBuilder, values: BlockedValues, x: ValueName, gamma: ValueName, beta: ValueName, shape: Shape, groups: number, eps: number): readonly ValueName[] {
  const [batch, channels] = shape as [number, number];
  const members = channels / groups;
  const image = values.of(x);
  // All channels of a group have as many pixels.
  const groupMean = (blocked: ValueName) => graph.one('ReduceMean', [values.reshape(values.pixelMeans(blocked, shape), [batch, groups, members]), graph.ints([2])], { keepdims: 1 }); // [B, G, 1]
  const mean = groupMean(image);
  const spread = graph.one('Sub', [groupMean(graph.one('Mul', [image, image])), graph.one('Mul', [mean, mean])]);
  // Rounding can leave the variance of a constant group just below zero.
  const variance = graph.one('Add', [graph.one('Max', [spread, graph.filled([], 0)]), graph.constant(float32([], Float32Array.of(eps)))]);
  const invStd = graph.one('Reciprocal', [graph.one('Sqrt', [variance])]);
  const byGroup = (perChannel: ValueName) => values.reshape(perChannel, [1, groups, members]);
  const scale = graph.one('Mul', [byGroup(gamma), invStd]);
  const shift = graph.one('Sub', [byGroup(beta), graph.one('Mul', [scale, mean])]);
  const y = values.channelAffine(image, shape, scale, shift);
  return [values.name(y, channels), values.reshape(mean, [batch, groups]), values.reshape(invStd, [batch, groups])];
}
