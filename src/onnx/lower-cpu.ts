/**
 * Lowerings for ONNX Runtime's CPU provider: images stay in its blocked layout (see blocked.ts) through convolutions,
 * normalization and everything between them. For programs that run here and now; what is exported is standard ONNX.
 */
import {
  ops,
  sameShape,
  sizeOf,
  type AttrsOf,
  type HostArray,
  type Node,
  type Op,
  type OpName,
  type PoolAttrs,
  type Shape,
  type Type,
} from '../core/index.ts';
import { BlockedValues } from './blocked.ts';
import type { GraphBuilder, ValueName } from './builder.ts';
import { lowerControlDependency } from './lower-control-dependency.ts';
import { blockedConv2d, blockedInputGrad, type Quad } from './lower-cpu-conv.ts';
import { blockedGroupNorm } from './lower-cpu-norm.ts';
import { cpuWeightGrad } from './lower-cpu-weight-grad.ts';
import { doubledConv2d, doubledInputGrad, doubledWeightGrad, isDoubledConv } from './lower-cpu-upsample.ts';
import { cutOff } from './lower-cpu-split.ts';
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

const elementwiseNames = Object.values(ops as Readonly<Record<OpName, Op<OpName>>>)
  .filter(({ elementwise }) => elementwise)
  .map(({ name }) => name as Lowered);

/**
 * @param block  channels in a block of this machine's kernels, as a probe has found them
 */
export function cpuLowerings(block: number): Partial<Lowerings> {
  const graphs = new WeakMap<GraphBuilder, BlockedValues>();
  const valuesOf = (graph: GraphBuilder): BlockedValues => {
    let values = graphs.get(graph);
    if (!values) graphs.set(graph, (values = new BlockedValues(graph, block)));
    return values;
  };
  const isImage = ({ shape, dtype }: Type) => dtype === 'f32' && shape.length === 4 && shape[1]! % block === 0;

  /** Tries the blocked lowering; where it returns undefined, the standard one. */
  const orStandard = <Name extends Lowered>(
    name: Name,
    lower: (
      graph: GraphBuilder,
      values: BlockedValues,
      inputs: readonly ValueName[],
      node: Node<AttrsOf<Name>>,
    ) => readonly ValueName[] | undefined,
  ): Lowering<AttrsOf<Name>> => {
    const standard: Lowering<AttrsOf<Name>> = plainLowerings[name];
    return (graph, inputs, node) => lower(graph, valuesOf(graph), inputs, node) ?? standard(graph, inputs, node);
  };
  const one = (value: ValueName | undefined) => (value === undefined ? undefined : [value]);

  /**
   * Each element alone: if one operand is blocked the others become so, and so does the result. The reordering operators
   * move floats only.
   */
  const pointwise = <Name extends Lowered>(
    name: Name,
    operator: Lowering<AttrsOf<Name>> = plainLowerings[name],
  ): Lowering<AttrsOf<Name>> =>
    orStandard(name, (graph, values, inputs, node) => {
      const output = node.outputs[0]!;
      const whole = node.inputs.map((x) => sameShape(x.shape, output.shape));
      if (
        !isImage(output) ||
        !node.inputs.every((x, i) => (whole[i] ? isImage(x) : sizeOf(x.shape) === 1)) ||
        !inputs.some((x, i) => whole[i] && values.has(x))
      )
        return undefined;
      const [y] = operator(
        graph,
        inputs.map((x, i) => (whole[i] ? values.of(x) : x)),
        node,
      );
      return [values.name(y!, output.shape[1]!)];
    });

  /** Of two whole images, at least one of them blocked. */
  const twoImages = (
    values: BlockedValues,
    inputs: readonly ValueName[],
    { inputs: operands, outputs: [output] }: Node,
  ) =>
    isImage(output!) && operands.every((x) => sameShape(x.shape, output!.shape)) && inputs.some((x) => values.has(x));

  /** An operator that can add on the way does so, if its result has no other use and the other image no later one. */
  const addedOnTheWay = (
    graph: GraphBuilder,
    values: BlockedValues,
    inputs: readonly ValueName[],
    node: Node,
  ): ValueName | undefined => {
    const into = [1, 0].find(
      (i) =>
        values.addable.has(inputs[i]!) &&
        graph.uses.isSingle(node.inputs[i]!) &&
        graph.uses.endsAt(node.inputs[1 - i]!, node),
    );
    if (into === undefined) return undefined;
    const sum = values.addable.get(inputs[into]!)!;
    return values.nameLater(() => sum(values.of(inputs[1 - into]!)), node.outputs[0]!.shape[1]!);
  };

  /** Of a blocked image and a number for each channel of each image, [B, C, 1, 1]. */
  const withChannels = (name: 'add' | 'mul'): Lowering<AttrsOf<'add' | 'mul'>> => {
    const otherwise = pointwise(name);
    return (graph, inputs, node) => {
      const values = valuesOf(graph);
      const { shape } = node.outputs[0]!;
      if (twoImages(values, inputs, node)) {
        const merged = name === 'add' ? addedOnTheWay(graph, values, inputs, node) : undefined;
        if (merged !== undefined) return [merged];
        if (name === 'mul') {
          const product = values.nameLater(
            () =>
              graph.one(
                'Mul',
                inputs.map((x) => values.of(x)),
              ),
            shape[1]!,
          );
          values.products.set(product, [inputs[0]!, inputs[1]!]);
          return [product];
        }
      }
      const image = node.inputs.findIndex((x, i) => sameShape(x.shape, shape) && values.has(inputs[i]!));
      const other = node.inputs[1 - image];
      const [batch, channels] = shape as [number, number];
      if (
        image < 0 ||
        !isImage(node.outputs[0]!) ||
        sameShape(other!.shape, shape) ||
        !sameShape(other!.shape, [batch, channels, 1, 1])
      )
        return otherwise(graph, inputs, node);
      const numbers = inputs[1 - image]!;
      if (name === 'mul')
        return [values.name(values.channelAffine(values.of(inputs[image]!), shape, numbers), channels)];
      const sum = values.nameLater(
        () => values.channelAffine(values.of(inputs[image]!), shape, graph.filled([batch, channels], 1), numbers),
        channels,
      );
      values.shifted.set(sum, { image: inputs[image]!, numbers });
      return [sum];
    };
  };

  const pool = (name: 'avgPool2d' | 'maxPool2d', opType: string): Lowering<PoolAttrs> =>
    orStandard(name, (_, values, [x], { outputs: [output], attrs: { kernel, strides, pads } }) => {
      if (!isImage(output!) || !values.has(x!)) return undefined;
      const mean = opType === 'AveragePool' ? { count_include_pad: 1 } : {};
      return [
        values.name(
          values.apply(opType, [values.of(x!)], { kernel_shape: kernel, strides, pads, ...mean }),
          output!.shape[1]!,
        ),
      ];
    });

  /** Σ x · y by channel, of images that may have a number added to each channel: Σ (x + t) y = Σ x y + t Σ y. */
  const pixelProducts = (
    graph: GraphBuilder,
    values: BlockedValues,
    [x, y]: readonly [ValueName, ValueName],
    shape: Shape,
  ): ValueName => {
    const added = values.shifted.get(x);
    if (!added)
      return values.shifted.has(y)
        ? pixelProducts(graph, values, [y, x], shape)
        : values.pixelProducts(values.of(x), values.of(y), shape);
    const sums = graph.one('Mul', [values.pixelMeans(values.of(y), shape), graph.filled([], shape[2]! * shape[3]!)]);
    return graph.one('Add', [
      values.pixelProducts(values.of(added.image), values.of(y), shape),
      graph.one('Mul', [values.reshape(added.numbers, shape.slice(0, 2)), sums]),
    ]);
  };

  // The gradient takes the sigmoid; where there is none, one operator does both.
  const twoStepSilu = pointwise('silu');
  const oneStepSilu = pointwise('silu', (graph, inputs) => {
    graph.requireDomain('com.microsoft', 1);
    return graph.apply('QuickGelu', inputs, { alpha: { float: 1 } }, 1, 'com.microsoft');
  });

  return {
    ...ownLowerings,
    // Convolutions block constant kernels themselves; the original is then left out.
    constant(graph, _, { attrs }) {
      return [graph.deferConstant(attrs as HostArray)];
    },

    conv2d: orStandard('conv2d', (graph, values, inputs, node) => {
      const {
        inputs: [, w],
        outputs: [output],
        attrs,
      } = node;
      const before = values.beforeDoubling.get(inputs[0]!);
      if (before === undefined || !isDoubledConv(block, w!.shape, attrs))
        return one(blockedConv2d(graph, values, inputs, node));
      const [batch, outChannels, height, width] = output!.shape as Quad;
      const y = doubledConv2d(
        graph,
        values,
        values.of(before),
        inputs[1]!,
        inputs[2],
        [batch, w!.shape[1]!, height / 2, width / 2],
        outChannels,
      );
      return [values.name(y, outChannels)];
    }),
    conv2dInputGrad: orStandard('conv2dInputGrad', (graph, values, inputs, node) => {
      const gradient = blockedInputGrad(graph, values, inputs, node);
      const {
        inputs: [, w],
        attrs,
      } = node;
      const [outChannels, inChannels] = w!.shape as Quad;
      const even = attrs.inputShape.slice(2).every((extent) => extent % 2 === 0);
      if (gradient !== undefined && even && isDoubledConv(block, w!.shape, attrs)) {
        values.summedByFour.set(gradient, () =>
          doubledInputGrad(graph, values, values.of(inputs[0]!), inputs[1]!, [outChannels, inChannels]),
        );
      }
      return one(gradient);
    }),
    conv2dWeightGrad: orStandard('conv2dWeightGrad', (graph, values, [x, dy], node) => {
      const {
        inputs: [image],
        attrs,
      } = node;
      if (image!.dtype !== 'f32') return undefined;
      const before = values.beforeDoubling.get(x!);
      if (before === undefined || !isDoubledConv(block, attrs.weightShape, attrs))
        return one(cpuWeightGrad(graph, values, [x!, dy!], node));
      const [batch, inChannels, height, width] = image!.shape as Quad;
      return one(
        doubledWeightGrad(
          graph,
          values,
          before,
          dy!,
          [batch, inChannels, height / 2, width / 2],
          attrs.weightShape[0]!,
        ),
      );
    }),

    ...Object.fromEntries(elementwiseNames.map((name) => [name, pointwise(name)])),
    // What the gradient asks of x is the sigmoid.
    silu: (graph, inputs, node) =>
      (graph.uses.of(node.inputs[0]!).some(({ origin }) => origin === node) ? twoStepSilu : oneStepSilu)(
        graph,
        inputs,
        node,
      ),
    add: withChannels('add'),
    mul: withChannels('mul'),

    controlDependency: orStandard('controlDependency', (graph, values, [x, earlier], { inputs: [image, other] }) => {
      if (!isImage(image!) || !values.has(x!)) return undefined;
      const [shape, channels] = [image!.shape, image!.shape[1]!];
      const waiting = (value: ValueName) =>
        values.nameLater(
          () =>
            lowerControlDependency(
              graph,
              values.of(value),
              values.has(earlier!) ? values.of(earlier!) : earlier!,
              shape,
              other!.shape.length === 0,
            ),
          channels,
        );
      const added = values.shifted.get(x!);
      if (!added) return [waiting(x!)];
      const before = waiting(added.image);
      const sum = values.nameLater(
        () => values.channelAffine(values.of(before), shape, graph.filled(shape.slice(0, 2), 1), added.numbers),
        channels,
      );
      values.shifted.set(sum, { image: before, numbers: added.numbers });
      return [sum];
    }),

    channelAffine: orStandard('channelAffine', (graph, values, [x, scale, shift, addend], node) => {
      const {
        inputs: operands,
        outputs: [output],
      } = node;
      if (!isImage(output!) || !(values.has(x!) || (addend && values.has(addend)))) return undefined;
      const [shape, channels] = [output!.shape, output!.shape[1]!];
      const added = values.shifted.get(x!);
      const image = added?.image ?? x!;
      // Where the image has a number added to each channel, that is in the shift.
      const wholeShift = () =>
        added
          ? graph.one('Add', [shift!, graph.one('Mul', [scale!, values.reshape(added.numbers, operands[1]!.shape)])])
          : shift!;
      const affine = (more?: ValueName) => values.channelAffine(values.of(image), shape, scale!, wholeShift(), more);
      if (!addend) return [values.nameAddable(affine, channels)];
      const [sum] =
        values.addable.has(addend) && graph.uses.isSingle(operands[3]!) ? [values.addable.get(addend)!] : [];
      return [
        values.nameAddable(
          (more) =>
            affine(
              more === undefined ? values.of(addend) : (sum?.(more) ?? graph.one('Add', [values.of(addend), more])),
            ),
          channels,
        ),
      ];
    }),

    groupNorm: orStandard(
      'groupNorm',
      (graph, values, [x, gamma, beta], { inputs: [image], attrs: { groups, eps } }) => {
        if (!isImage(image!)) return undefined;
        return blockedGroupNorm(graph, values, x!, { gamma: gamma!, beta: beta!, shape: image!.shape, groups, eps });
      },
    ),

    sum: orStandard('sum', (graph, values, [x], { inputs: [image], outputs: [output], attrs: { axes } }) => {
      const [outer, ...pixels] = axes.length === 3 ? axes : [undefined, ...axes];
      if (!isImage(image!) || !values.has(x!) || pixels.join() !== '2,3' || (outer !== undefined && outer !== 0))
        return undefined;
      const product = values.products.get(x!);
      if (product && outer === undefined)
        return [values.reshape(pixelProducts(graph, values, product, image!.shape), output!.shape)];
      // The engine has no sum by channel as fast as its pooling.
      const [, , height, width] = image!.shape as [number, number, number, number];
      const byImage = graph.one('Mul', [
        values.pixelMeans(values.of(x!), image!.shape),
        graph.filled([], height * width),
      ]);
      const sums = outer === undefined ? byImage : graph.one('ReduceSum', [byImage, graph.ints([0])], { keepdims: 0 });
      return [values.reshape(sums, output!.shape)];
    }),

    concat: orStandard('concat', (graph, values, inputs, { inputs: images, outputs: [output], attrs: { axis } }) => {
      if (axis !== 1 || !images.every(isImage) || !inputs.some((x) => values.has(x))) return undefined;
      return [
        values.name(
          graph.one(
            'Concat',
            inputs.map((x) => values.of(x)),
            { axis },
          ),
          output!.shape[1]!,
        ),
      ];
    }),

    slice: orStandard('slice', (graph, values, [x], node) => {
      const part = cutOff(graph, values, x!, node);
      if (part !== undefined) return [part];
      const {
        inputs: [image],
        outputs: [output],
        attrs: { starts, steps },
      } = node;
      const onlyChannels = image!.shape.every(
        (extent, axis) => steps[axis] === 1 && (axis === 1 || extent === output!.shape[axis]),
      );
      if (!isImage(image!) || !isImage(output!) || !onlyChannels || starts[1]! % block !== 0 || !values.has(x!))
        return undefined;
      return [values.name(standardLowerings.slice(graph, [values.of(x!)], node)[0]!, output!.shape[1]!)];
    }),

    // Reads transposed matrices in place; from standard operators ONNX Runtime would make the same, by rewriting.
    matmul: orStandard('matmul', (graph, _, inputs, { inputs: [a, b], attrs: { transA, transB } }) => {
      if (a!.dtype !== 'f32' || !(transA || transB) || (a!.shape.length === 2 && b!.shape.length === 2))
        return undefined;
      graph.requireDomain('com.microsoft', 1);
      return graph.apply(
        'FusedMatMul',
        inputs,
        { transA: Number(transA), transB: Number(transB), alpha: { float: 1 } },
        1,
        'com.microsoft',
      );
    }),

    // Pixels in one axis, as attention wants them, and back: only a name changes.
    reshape: orStandard('reshape', (_, values, [x], { inputs: [from], outputs: [to] }) => {
      const images = [from!, to!].every(
        ({ shape }) =>
          (shape.length === 3 || shape.length === 4) &&
          shape[1]! % block === 0 &&
          sameShape(shape.slice(0, 2), from!.shape.slice(0, 2)),
      );
      if (!images || !values.has(x!)) return undefined;
      const label: Shape = to!.shape.length === 4 ? to!.shape : [...to!.shape.slice(0, 2), 1, to!.shape[2]!];
      return [
        values.nameBoth(
          () => values.reshape(x!, to!.shape),
          () => values.reshape(values.of(x!), label),
        ),
      ];
    }),

    // [B, C, L] ⇄ [B, L, C], which the reordering operators do on the way.
    transpose: orStandard('transpose', (graph, values, [x], { inputs: [from], outputs: [to], attrs: { perm } }) => {
      if (perm.join() !== '0,2,1') return undefined;
      const [batch, rows, columns] = from!.shape as [number, number, number];
      if (values.has(x!))
        return [
          values.reshape(
            values.reorderOut(values.reshape(values.of(x!), [batch, rows, 1, columns]), rows, true),
            to!.shape,
          ),
        ];
      if (columns % block !== 0) return undefined;
      return [
        values.nameBoth(
          () => graph.one('Transpose', [x!], { perm }),
          () => values.reorderIn(values.reshape(x!, [batch, 1, rows, columns]), true),
        ),
      ];
    }),

    upsampleNearest: orStandard('upsampleNearest', (_, values, [x], { outputs: [output], attrs: { factor } }) => {
      if (!isImage(output!) || !values.has(x!)) return undefined;
      const channels = output!.shape[1]!;
      // A convolution may not need it: emitted only if asked for.
      const whole = () =>
        values.apply('Upsample', [values.of(x!)], { scales: [1, 1, factor, factor], mode: 'nearest' });
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
      const mean = values.apply('AveragePool', [values.of(x!)], {
        kernel_shape: [factor, factor],
        strides: [factor, factor],
        pads: [0, 0, 0, 0],
      });
      return [values.name(graph.one('Mul', [mean, graph.filled([], factor * factor)]), output!.shape[1]!)];
    }),
  };
}
