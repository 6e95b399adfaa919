/** Standard operators for normalizations, whose statistics are as good as the provider's LayerNormalization. */
import { sizeOf, type AttrsOf } from '../core/index.ts';
import type { GraphBuilder, ValueName } from './builder.ts';
import type { Lowering } from './lowering.ts';

/**
 * Normalizes each row of [..., D], scales it by a gain [D] and adds a shift [D] if there is one.
 *
 * @returns the result, and each row's mean and inverse standard deviation [..., 1]
 */
type NormalizeRows = (graph: GraphBuilder, operands: readonly ValueName[], eps: number) => readonly ValueName[];

/** One operator. */
export const layerNormalization: NormalizeRows = (graph, operands, eps) =>
  graph.apply('LayerNormalization', operands, { axis: -1, epsilon: { float: eps } }, 3);

/** For a provider that takes the variance for E[x²] − E[x]², which cancels: the same of the differences to the row's mean. */
export const normalizationAroundMean: NormalizeRows = (graph, [x, ...parameters], eps) => {
  const mean = graph.one('ReduceMean', [x!, graph.ints([-1])], { keepdims: 1 });
  const [y, rest, invStd] = layerNormalization(graph, [graph.one('Sub', [x!, mean]), ...parameters], eps);
  return [y!, graph.one('Add', [mean, rest!]), invStd!];
};

/** Layer normalization is what rows are normalized by. */
export const layerNormBy =
  (normalize: NormalizeRows): Lowering<AttrsOf<'layerNorm'>> =>
  (graph, operands, { attrs }) =>
    normalize(graph, operands, attrs.eps);

/** Group normalization, with the values of a group as a row. */
export const groupNormBy =
  (normalize: NormalizeRows): Lowering<AttrsOf<'groupNorm'>> =>
  (graph, [x, gamma, beta], { inputs, outputs, attrs }) => {
    const perGroup = outputs[1]!.shape;
    const { shape } = inputs[0]!;
    const [batch, channels] = shape as [number, number];
    const count = sizeOf(shape) / sizeOf(perGroup);
    const byChannel = [batch, channels, sizeOf(shape) / batch / channels];
    const grouped = graph.one('Reshape', [x!, graph.ints([...perGroup, count])]);
    const [xHat, mean, invStd] = normalize(graph, [grouped, graph.filled([count], 1)], attrs.eps);
    const column = graph.ints([channels, 1]);
    const scaled = graph.one('Mul', [
      graph.one('Reshape', [xHat!, graph.ints(byChannel)]),
      graph.one('Reshape', [gamma!, column]),
    ]);
    const shifted = graph.one('Add', [scaled, graph.one('Reshape', [beta!, column])]);
    const flat = (statistic: ValueName) => graph.one('Reshape', [statistic, graph.ints(perGroup)]);
    return [graph.one('Reshape', [shifted, graph.ints(shape)]), flat(mean!), flat(invStd!)];
  };
