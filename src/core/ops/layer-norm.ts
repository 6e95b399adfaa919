import { describeType, sizeOf, type Type } from '../dtype.ts';
import { apply, defineOp, type Tensor } from '../tensor.ts';
import { add, div, mul, neg, sqrt, sub } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { sumSquares } from './reduce.ts';
import { broadcastTo, reshape, sum } from './structure.ts';

function requireWidth(op: string, x: Type, parameters: readonly Type[]): void {
  const width = x.shape.at(-1);
  if (width === undefined) throw new Error(`${op}: needs [..., D], got a scalar`);
  for (const p of parameters)
    if (p.shape.length !== 1 || p.shape[0] !== width)
      throw new Error(
        `${op}: gain and shift must be [${width}], got ${describeType(p)} (x is [${x.shape.join(', ')}])`,
      );
}

export const layerNormOp = defineOp<'layerNorm', { eps: number }>({
  name: 'layerNorm',
  infer([x, gamma, beta]) {
    requireWidth('layerNorm', x!, [gamma!, beta!]);
    const perRow = { shape: [...x!.shape.slice(0, -1), 1], dtype: x!.dtype };
    return [{ shape: x!.shape, dtype: x!.dtype }, perRow, perRow];
  },
  evaluate([x, gamma, beta], { eps }, [, perRow]) {
    const rows = sizeOf(perRow!.shape);
    const width = gamma!.data.length;
    const [mean, invStd] = [new Float64Array(rows), new Float64Array(rows)];
    for (let row = 0; row < rows; row++) {
      const values = x!.data.subarray(row * width, (row + 1) * width);
      mean[row] = values.reduce((total, v) => total + v, 0) / width;
      invStd[row] = 1 / Math.sqrt(values.reduce((total, v) => total + (v - mean[row]!) ** 2, 0) / width + eps);
    }
    const y = x!.data.map((v, i) => {
      const row = Math.floor(i / width);
      return (v - mean[row]!) * invStd[row]! * gamma!.data[i % width]! + beta!.data[i % width]!;
    });
    return [y, mean, invStd];
  },
  /**
   * With x̂ = (x − μ)/σ and means over the D values of a row,
   *
   *     dx = (γ g − mean(γ g) − x̂ · mean(γ g x̂)) / σ  =  γ g / σ + b · x + c
   *
   * with two numbers b and c a row. Products with a vector read g and g x once each for the sums over rows and once for
   * those over columns, which also give dγ and dβ.
   */
  vjp([gy, gMean, gInverse], { inputs: [x, gamma], outputs: [, mu, invStd] }) {
    const width = gamma!.shape[0]!;
    const rows = sizeOf(mu!.shape);
    const matrix = [rows, width];
    const column = [rows, 1];
    const values = reshape(x!, matrix);
    const inverse = reshape(invStd!, column);
    const mean = reshape(mu!, column);

    let dGamma: Tensor | undefined;
    let dBeta: Tensor | undefined;
    let direct: Tensor | undefined; // γ g / σ
    let slope: Tensor | undefined; // b
    let offset: Tensor | undefined; // c
    const plus = (sofar: Tensor | undefined, more: Tensor) => (sofar ? add(sofar, more) : more);
    if (gy) {
      const g = reshape(gy, matrix);
      const gx = mul(g, values);
      const gain = reshape(gamma!, [width, 1]);
      const sumG = matmul(g, gain);
      const sumGxHat = mul(inverse, sub(matmul(gx, gain), mul(mean, sumG)));
      dGamma = reshape(sub(matmul(inverse, gx, { transA: true }), matmul(mul(inverse, mean), g, { transA: true })), [
        width,
      ]);
      dBeta = sum(g, [0]);
      direct = mul(mul(g, gamma!), inverse);
      slope = mul(mul(sumGxHat, -1 / width), mul(inverse, inverse));
      offset = neg(add(mul(mul(sumG, 1 / width), inverse), mul(slope, mean)));
    }
    if (gInverse) {
      // d(1/σ)/dx_i = −(x_i − μ) / (D σ³)
      const steep = mul(reshape(gInverse, column), mul(mul(inverse, mul(inverse, inverse)), -1 / width));
      slope = plus(slope, steep);
      offset = plus(offset, neg(mul(steep, mean)));
    }
    if (gMean) offset = plus(offset, mul(reshape(gMean, column), 1 / width));
    if (!offset) return [];
    const viaStatistics = slope ? add(mul(values, slope), offset) : broadcastTo(offset, matrix);
    return [reshape(direct ? add(direct, viaStatistics) : viaStatistics, x!.shape), dGamma, dBeta];
  },
});

/**
 * Normalizes each row, then scales and shifts each column:
 *
 *     y = γ · (x − μ) / √(σ² + eps) + β,   mean μ and variance σ² over the last axis
 *
 * @param x      [..., D]
 * @param gamma  [D] gain
 * @param beta   [D] shift
 * @throws if gain or shift have another width
 * @see Ba, Kiros & Hinton 2016 — https://arxiv.org/abs/1607.06450
 */
export function layerNorm(x: Tensor, gamma: Tensor, beta: Tensor, { eps = 1e-5 }: { eps?: number } = {}): Tensor {
  return apply(layerNormOp, [x, gamma, beta], { eps });
}

/**
 * Divides each row by its root mean square, then scales each column: y = γ · x / √(mean(x²) + eps).
 *
 * @param x      [..., D]
 * @param gamma  [D] gain
 * @throws if the gain has another width
 * @see Zhang & Sennrich 2019, eq. 4 — https://arxiv.org/abs/1910.07467
 */
export function rmsNorm(x: Tensor, gamma: Tensor, { eps = 1e-6 }: { eps?: number } = {}): Tensor {
  requireWidth('rmsNorm', x, [gamma]);
  const meanSquare = mul(sumSquares(x, [-1], true), 1 / gamma.shape[0]!);
  return mul(div(x, sqrt(add(meanSquare, eps))), gamma);
}
