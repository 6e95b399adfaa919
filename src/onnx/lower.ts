/**
 * What each op means in standard ONNX (opset 18). One entry an op; the type makes a missing one an error.
 *
 * Only operators of the ai.onnx domain: they run on every provider, and ONNX Runtime's own optimizer fuses what
 * it has faster kernels for.
 */
import { float32, type HostArray, type Type } from '../core/index.ts';
import { lowerControlDependency } from './lower-control-dependency.ts';
import { lowerConv2d, lowerConv2dInputGrad, lowerConv2dWeightGrad } from './lower-conv.ts';
import { onnxDataTypes, type ValueName } from './builder.ts';
import { lowerUniform } from './lower-random.ts';
import { indexingLowerings } from './lower-indexing.ts';
import { groupNormBy, layerNormalization, layerNormBy } from './lower-norm.ts';
import { pointwiseLowerings } from './lower-pointwise.ts';
import { reduceLowerings } from './lower-reduce.ts';
import type { Lowerings } from './lowering.ts';

/** The lowering of each op in operators of the standard domain. */
export const standardLowerings: Lowerings = {
  constant: (graph, _, { attrs }) => [graph.constant(attrs as HostArray)],

  reshape: (graph, [x], { attrs }) => [graph.one('Reshape', [x!, graph.ints(attrs.shape)])],
  transpose(graph, [x], { inputs, outputs, attrs: { perm } }) {
    // Moving axes of extent 1 moves nothing; Transpose would copy.
    const moved = perm.filter((axis) => inputs[0]!.shape[axis] !== 1);
    const inOrder = moved.every((axis, i) => i === 0 || moved[i - 1]! < axis);
    return [
      inOrder ? graph.one('Reshape', [x!, graph.ints(outputs[0]!.shape)]) : graph.one('Transpose', [x!], { perm }),
    ];
  },
  broadcastTo: (graph, [x], { attrs }) => [graph.one('Expand', [x!, graph.ints(attrs.shape)])],
  ...reduceLowerings,
  slice(graph, [x], { inputs, attrs: { starts, sizes, steps } }) {
    const axes = sizes.flatMap((size, axis) => (size === inputs[0]!.shape[axis] && steps[axis] === 1 ? [] : [axis]));
    const pick = (list: readonly number[]) => graph.ints(axes.map((axis) => list[axis]!));
    // Backwards to the very first element has no end to name: −1 is the last.
    const ends = starts.map((start, axis) => {
      const end = start + (sizes[axis]! - 1) * steps[axis]! + Math.sign(steps[axis]!);
      return end < 0 ? -1 << 30 : end;
    });
    return [
      graph.one('Slice', [
        x!,
        pick(starts),
        pick(ends),
        graph.ints(axes),
        ...(steps.every((step) => step === 1) ? [] : [pick(steps)]),
      ]),
    ];
  },
  pad: (graph, [x], { attrs: { before, after } }) => [graph.one('Pad', [x!, graph.ints([...before, ...after])])],
  concat: (graph, inputs, { attrs }) => [graph.one('Concat', inputs, { axis: attrs.axis })],
  ...indexingLowerings,
  cast: (graph, [x], { attrs }) => [graph.one('Cast', [x!], { to: onnxDataTypes[attrs.dtype] })],

  ...pointwiseLowerings,

  matmul(graph, [a, b], { inputs, attrs: { transA, transB } }) {
    if (inputs[0]!.shape.length === 2 && inputs[1]!.shape.length === 2)
      return [graph.one('Gemm', [a!, b!], { transA: Number(transA), transB: Number(transB) })];
    const turned = (x: ValueName, { shape }: Type, trans: boolean) =>
      trans ? graph.one('Transpose', [x], { perm: swapLast(shape.length) }) : x;
    return [graph.one('MatMul', [turned(a!, inputs[0]!, transA), turned(b!, inputs[1]!, transB)])];
  },
  conv2d: lowerConv2d,
  conv2dInputGrad: lowerConv2dInputGrad,
  conv2dWeightGrad: lowerConv2dWeightGrad,

  groupNorm: groupNormBy(layerNormalization),
  layerNorm: layerNormBy(layerNormalization),
  channelAffine(graph, [x, scale, shift, addend], { inputs }) {
    const column = graph.ints([...inputs[1]!.shape, ...inputs[0]!.shape.slice(2).map(() => 1)]);
    const scaled = graph.one('Mul', [x!, graph.one('Reshape', [scale!, column])]);
    const shifted = graph.one('Add', [scaled, graph.one('Reshape', [shift!, column])]);
    return [addend ? graph.one('Add', [shifted, addend]) : shifted];
  },
  // Expand does the same at a tenth of the speed.
  upsampleNearest: (graph, [x], { attrs: { factor } }) => [
    graph.one('Resize', [x!, '', graph.constant(float32([4], Float32Array.of(1, 1, factor, factor)))], {
      mode: 'nearest',
      coordinate_transformation_mode: 'asymmetric',
      nearest_mode: 'floor',
    }),
  ],
  sumPool(graph, [x], { attrs: { factor } }) {
    const mean = graph.one('AveragePool', [x!], {
      kernel_shape: [factor, factor],
      strides: [factor, factor],
      pads: [0, 0, 0, 0],
    });
    return [graph.one('Mul', [mean, graph.filled([], factor * factor)])];
  },
  uniform: lowerUniform,
  stopGradient: (_, [x]) => [x!],
  controlDependency: (graph, [x, earlier], { inputs: [value, other] }) => [
    value!.shape.length === 0
      ? x!
      : lowerControlDependency(graph, x!, earlier!, value!.shape, other!.shape.length === 0),
  ],
  avgPool2d: (graph, [x], { attrs: { kernel, strides, pads } }) => [
    graph.one('AveragePool', [x!], { kernel_shape: kernel, strides, pads, count_include_pad: 1 }),
  ],
  maxPool2d: (graph, [x], { attrs: { kernel, strides, pads } }) => [
    graph.one('MaxPool', [x!], { kernel_shape: kernel, strides, pads }),
  ],
};

function swapLast(rank: number): number[] {
  const perm = Array.from({ length: rank }, (_, axis) => axis);
  perm[rank - 2] = rank - 1;
  perm[rank - 1] = rank - 2;
  return perm;
}
