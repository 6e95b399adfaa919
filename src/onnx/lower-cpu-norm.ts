/** Group normalization of blocked images in three passes: two to read the image for its statistics, one to scale and shift it. */
import { float32, type Shape, type Type } from '../core/index.ts';
import { BlockedValues } from './blocked.ts';
import type { Branch, GraphBuilder, ValueName } from './builder.ts';

/** What is normalized: γ, β [C] and the settings. */
export interface GroupNormLowering {
  readonly gamma: ValueName;
  readonly beta: ValueName;
  readonly shape: Shape;
  readonly groups: number;
  readonly eps: number;
}

/**
 * How many times its variance the square of a group's mean may be before the variance is computed anew.
 *
 * E[x²] − E[x]² loses as many times the rounding of the sums, some 10⁻⁶ for a thousand pixels. The groups of trained
 * networks rarely have a mean of more than 1.4 deviations, and hardly ever one of more than 3.
 */
const mostMeanSquare = 2;

/**
 * Sums and sums of squares of each channel's pixels make the statistics. Where a mean is far from zero, the differences
 * from it make them, in two more passes: only the image, not its company in the batch, decides which numbers a group gets.
 *
 * An image with a number t added to each channel need not exist for it, because of x + t the mean is mean(x) + t, the mean
 * square is mean(x²) + t (mean(x) + mean(x + t)), and the shift takes up t.
 *
 * @param x  an image, blocked or not → the result, mean and inverse standard deviation [B, G]
 */
export function blockedGroupNorm(
  graph: GraphBuilder,
  values: BlockedValues,
  x: ValueName,
  { gamma, beta, shape, groups, eps }: GroupNormLowering,
): readonly ValueName[] {
  const [batch, channels, height, width] = shape as [number, number, number, number];
  const members = channels / groups;
  const byGroup = [batch, groups, members];
  const added = values.shifted.get(x);
  const image = values.of(added?.image ?? x);
  const t = added && values.reshape(added.numbers, byGroup);
  const onlyMean = values.reshape(values.pixelMeans(image, shape), byGroup);
  const means = t ? graph.one('Add', [onlyMean, t]) : onlyMean;
  const onlySquare = graph.one('Mul', [
    values.reshape(values.pixelProducts(image, image, shape), byGroup),
    graph.filled([], 1 / (height * width)),
  ]);
  const squares = t
    ? graph.one('Add', [onlySquare, graph.one('Mul', [t, graph.one('Add', [onlyMean, means])])])
    : onlySquare;
  const rough = overGroup(graph, means, members);
  const square = graph.one('Mul', [rough, rough]);
  const spread = graph.one('Sub', [overGroup(graph, squares, members), square]);

  const excess = graph.one('Sub', [square, graph.one('Mul', [spread, graph.filled([], mostMeanSquare)])]);
  const someFar = graph.one('Greater', [graph.one('ReduceMax', [excess], { keepdims: 0 }), graph.filled([], 0)]);
  // Rounding can leave the variance of a constant group just below zero.
  const near: Branch = (inner, [, mean, variance]) => [mean!, inner.one('Max', [variance!, inner.filled([], 0)])];
  const perGroup: Type = { shape: [batch, groups, 1], dtype: 'f32' };
  const [mean, spreadOf] = graph.either(
    someFar,
    [image, rough, spread, excess, ...(t ? [t] : [])],
    [aroundMean(values.block, { shape, groups }), near],
    [perGroup, perGroup],
  ) as [ValueName, ValueName];

  const variance = graph.one('Add', [spreadOf, graph.constant(float32([], Float32Array.of(eps)))]);
  const invStd = graph.one('Reciprocal', [graph.one('Sqrt', [variance])]);
  const ofChannel = (perChannel: ValueName) => values.reshape(perChannel, [1, groups, members]);
  const scale = graph.one('Mul', [ofChannel(gamma), invStd]);
  const shift = graph.one('Sub', [ofChannel(beta), graph.one('Mul', [scale, t ? graph.one('Sub', [mean, t]) : mean])]);
  const statistic = (value: ValueName) => graph.defer(() => values.reshape(value, [batch, groups]));
  return [
    values.nameAddable((addend) => values.channelAffine(image, shape, scale, shift, addend), channels),
    statistic(mean),
    statistic(invStd),
  ];
}

/** Means over the channels of a group, which all have as many pixels: [B, G, members] → [B, G, 1]. */
function overGroup(graph: GraphBuilder, perChannel: ValueName, members: number): ValueName {
  return members === 1 ? perChannel : graph.one('ReduceMean', [perChannel, graph.ints([2])], { keepdims: 1 });
}

/**
 * Mean and variance from the differences to a first estimate m of the mean, d = x + t − m: nothing cancels in
 * m + E[d] and E[d²] − E[d]². Groups whose mean is near zero keep what they have.
 */
const aroundMean =
  (block: number, { shape, groups }: { readonly shape: Shape; readonly groups: number }): Branch =>
  (graph, [image, rough, spread, excess, t]) => {
    const values = new BlockedValues(graph, block);
    const [batch, channels, height, width] = shape as [number, number, number, number];
    const members = channels / groups;
    const byGroup = [batch, groups, members];
    const less = graph.one('Expand', [graph.one('Neg', [rough!]), graph.ints(byGroup)]);
    const differences = values.channelAffine(
      image!,
      shape,
      graph.filled([batch, channels], 1),
      t ? graph.one('Add', [less, t]) : less,
    );
    const average = overGroup(graph, values.reshape(values.pixelMeans(differences, shape), byGroup), members);
    const squares = graph.one('Mul', [
      values.reshape(values.pixelProducts(differences, differences, shape), byGroup),
      graph.filled([], 1 / (height * width)),
    ]);
    const variance = graph.one('Sub', [overGroup(graph, squares, members), graph.one('Mul', [average, average])]);
    const isFar = graph.one('Greater', [excess!, graph.filled([], 0)]);
    const floor = graph.filled([], 0);
    return [
      graph.one('Where', [isFar, graph.one('Add', [rough!, average]), rough!]),
      graph.one('Max', [graph.one('Where', [isFar, variance, spread!]), floor]),
    ];
  };
