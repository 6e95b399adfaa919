/** Group normalization of blocked images in three passes: two to read the image for its statistics, one to scale and shift it. */
import { float32, type Shape } from '../core/index.ts';
import type { BlockedValues } from './blocked.ts';
import type { GraphBuilder, ValueName } from './builder.ts';

/** What is normalized: γ, β [C] and the settings. */
export interface GroupNormLowering {
  readonly gamma: ValueName;
  readonly beta: ValueName;
  readonly shape: Shape;
  readonly groups: number;
  readonly eps: number;
}

/**
 * Sums and sums of squares of each channel's pixels make the statistics.
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
  // All channels of a group have as many pixels.
  const overGroup = (perChannel: ValueName) =>
    members === 1 ? perChannel : graph.one('ReduceMean', [perChannel, graph.ints([2])], { keepdims: 1 }); // [B, G, 1]
  const mean = overGroup(means);
  const spread = graph.one('Sub', [overGroup(squares), graph.one('Mul', [mean, mean])]);
  // Rounding can leave the variance of a constant group just below zero.
  const variance = graph.one('Add', [
    graph.one('Max', [spread, graph.filled([], 0)]),
    graph.constant(float32([], Float32Array.of(eps))),
  ]);
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
