/**
 * Lowerings for ONNX Runtime's WebGPU provider, where the standard operator has no kernel or gives other numbers.
 *
 * It computes with no 64-bit integers: the program's are 32-bit ones in the model (`narrowIntegers`).
 */
import { type HostArray } from '../core/index.ts';
import { onnxDataTypes, type GraphBuilder, type ValueName } from './builder.ts';
import type { Lowering, Lowerings } from './lowering.ts';
import { narrowArray, narrowType } from './narrow.ts';
import { groupNormBy, layerNormBy, normalizationAroundMean } from './lower-norm.ts';
import { reduceLowerings } from './lower-reduce.ts';

/**
 * π in three parts of so few bits that a whole number below 2¹² times a part is exact in float32.
 *
 * @see Cody & Waite 1980, Software Manual for the Elementary Functions, chapter 8
 */
const piParts = [3.140625, 0.000967502593994140625, Math.PI - 3.140625 - 0.000967502593994140625] as const;

/** (−1)ⁿ / (2n + 1)!, n = 0 … 5: the next term is below float32's rounding for |r| ≤ π/2. */
const sineSeries = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362_880, -1 / 39_916_800] as const;

/** Places along an axis come out of the kernels in 64 bits, which only a look-up takes: of each place in the list of all. */
const places = (graph: GraphBuilder, found: ValueName, extent: number): ValueName =>
  graph.one(
    'Gather',
    [graph.constant({ shape: [extent], dtype: 'i32', data: Int32Array.from({ length: extent }, (_, i) => i) }), found],
    { axis: 0 },
  );

const place =
  (standard: Lowering<{ axis: number; keepDims: boolean }>): Lowering<{ axis: number; keepDims: boolean }> =>
  (graph, inputs, node) => [places(graph, standard(graph, inputs, node)[0]!, node.inputs[0]!.shape[node.attrs.axis]!)];

/**
 * The lowerings of ops that need one of their own on WebGPU.
 *
 * WGSL asks of sin and cos an absolute error of 2⁻¹¹ between −π and π and nothing beyond it. Times of a schedule are
 * angles of up to a thousand, and an embedding that is off by 10⁻³ is another network: both are computed here from exact
 * range reduction and a polynomial.
 */
export const webgpuLowerings: Partial<Lowerings> = {
  constant: (graph, _, { attrs }) => [graph.constant(narrowArray(attrs as HostArray))],
  cast(graph, [x], { inputs, outputs }) {
    const [from, to] = [narrowType(inputs[0]!), narrowType(outputs[0]!)];
    return [from.dtype === to.dtype ? x! : graph.one('Cast', [x!], { to: onnxDataTypes[to.dtype] })];
  },
  or: (graph, inputs) => [
    graph.one('Not', [
      graph.one(
        'And',
        inputs.map((x) => graph.one('Not', [x])),
      ),
    ]),
  ],
  argMax: place(reduceLowerings.argMax),
  argMin: place(reduceLowerings.argMin),
  topK(graph, inputs, node) {
    const [values, found] = reduceLowerings.topK(graph, inputs, node);
    return [values!, places(graph, found!, node.inputs[0]!.shape[node.attrs.axis]!)];
  },
  // Its LayerNormalization takes the variance for E[x²] − E[x]².
  groupNorm: groupNormBy(normalizationAroundMean),
  layerNorm: layerNormBy(normalizationAroundMean),
  // sin x = (−1)^k sin r,  r = x − k π,  k = ⌊x/π + ½⌋
  sin(graph, [x]) {
    const k = graph.one('Floor', [
      graph.one('Add', [graph.one('Mul', [x!, number(graph, 1 / Math.PI)]), number(graph, 0.5)]),
    ]);
    return [graph.one('Mul', [sign(graph, k), sineNearZero(graph, remainder(graph, x!, k))])];
  },
  // cos x = −(−1)^k sin r,  r = x − (k + ½) π,  k = ⌊x/π⌋
  cos(graph, [x]) {
    const k = graph.one('Floor', [graph.one('Mul', [x!, number(graph, 1 / Math.PI)])]);
    const r = remainder(graph, x!, graph.one('Add', [k, number(graph, 0.5)]));
    return [graph.one('Mul', [sign(graph, k), graph.one('Neg', [sineNearZero(graph, r)])])];
  },
};

const number = (graph: GraphBuilder, value: number): ValueName => graph.filled([], value);

/** x − kπ. */
function remainder(graph: GraphBuilder, x: ValueName, k: ValueName): ValueName {
  return piParts.reduce((rest, part) => graph.one('Sub', [rest, graph.one('Mul', [k, number(graph, part)])]), x);
}

/** (−1)^k of a whole number k: 1 − 2 (k − 2 ⌊k/2⌋). */
function sign(graph: GraphBuilder, k: ValueName): ValueName {
  const half = graph.one('Floor', [graph.one('Mul', [k, number(graph, 0.5)])]);
  const odd = graph.one('Sub', [k, graph.one('Mul', [half, number(graph, 2)])]);
  return graph.one('Sub', [number(graph, 1), graph.one('Mul', [odd, number(graph, 2)])]);
}

/** sin r for |r| ≤ π/2, by Horner's rule in r². */
function sineNearZero(graph: GraphBuilder, r: ValueName): ValueName {
  const square = graph.one('Mul', [r, r]);
  const sum = sineSeries
    .slice(0, -1)
    .reduceRight(
      (rest, coefficient) => graph.one('Add', [graph.one('Mul', [rest, square]), number(graph, coefficient)]),
      number(graph, sineSeries.at(-1)!),
    );
  return graph.one('Mul', [r, sum]);
}
