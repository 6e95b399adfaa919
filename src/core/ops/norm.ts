import { describeType, sizeOf } from '../dtype.ts';
import { apply, defineOp, type Tensor } from '../tensor.ts';
import { add, mul, sub } from './elementwise.ts';
import { mean } from './reduce.ts';
import { reshape, sum } from './structure.ts';

export interface GroupNormAttrs {
  readonly groups: number;
  readonly eps: number;
}

export const groupNormOp = defineOp<'groupNorm', GroupNormAttrs>({
  name: 'groupNorm',
  infer([x, gamma, beta], { groups }) {
    const [batch, channels] = x!.shape;
    if (x!.shape.length < 2) throw new Error(`groupNorm: needs [B, C, ...], got ${describeType(x!)}`);
    if (!Number.isInteger(groups) || groups < 1 || channels! % groups !== 0) throw new Error(`groupNorm: ${channels} channels do not split into ${groups} groups (x is [${x!.shape.join(', ')}])`);
    for (const p of [gamma!, beta!]) if (p.shape.length !== 1 || p.shape[0] !== channels) throw new Error(`groupNorm: gain and shift must be [${channels}], got ${describeType(p)}`);
    return [{ shape: x!.shape, dtype: x!.dtype }, { shape: [batch!, groups, sizeOf(x!.shape) / batch! / groups], dtype: x!.dtype }, { shape: [batch!, groups, 1], dtype: x!.dtype }];
  },
  evaluate([x, gamma, beta], { eps }, [, normal, inverse]) {
    const count = normal!.shape[2]!;
    const channels = x!.shape[1]!;
    const area = sizeOf(x!.shape) / x!.shape[0]! / channels;
    const xHat = new Float64Array(x!.data.length);
    const invStd = new Float64Array(sizeOf(inverse!.shape));
    for (let group = 0; group < invStd.length; group++) {
      const values = x!.data.subarray(group * count, (group + 1) * count);
      const mu = values.reduce((total, v) => total + v, 0) / count;
      const variance = values.reduce((total, v) => total + (v - mu) ** 2, 0) / count;
      invStd[group] = 1 / Math.sqrt(variance + eps);
      values.forEach((v, i) => { xHat[group * count + i] = (v - mu) * invStd[group]!; });
    }
    const y = xHat.map((v, i) => {
      const channel = Math.floor(i / area) % channels;
      return v * gamma!.data[channel]! + beta!.data[channel]!;
    });
    return [y, xHat, invStd];
  },
  vjp([gy, gNormal, gInverse], { inputs: [x, gamma], outputs: [, xHat, invStd] }) {
    const [batch, channels] = x!.shape as [number, number];
    const groups = invStd!.shape[1]!;
    const count = xHat!.shape[2]!;
    const area = sizeOf(x!.shape) / batch / channels;
    const byGroup = [batch, groups, count];
    const byChannel = [batch, groups, channels / groups, area];
    const scale = reshape(gamma!, [1, groups, channels / groups, 1]);
    // The two sums over each channel's pixels give the gradients of gain and shift, and, weighted by the gain,
    // the group means that the gradient of x needs: no second pass over the pixels.
    let dGamma: Tensor | undefined;
    let dBeta: Tensor | undefined;
    let gHat = gNormal;
    let meanG: Tensor | undefined;
    let meanGx: Tensor | undefined;
    if (gy) {
      const g = reshape(gy, byChannel);
      const sumG = sum(g, [3], true); // [B, G, C/G, 1]
      const sumGx = sum(mul(g, reshape(xHat!, byChannel)), [3], true);
      dGamma = reshape(sum(sumGx, [0]), [channels]);
      dBeta = reshape(sum(sumG, [0]), [channels]);
      meanG = mul(sum(mul(sumG, scale), [2]), 1 / count); // [B, G, 1]
      meanGx = mul(sum(mul(sumGx, scale), [2]), 1 / count);
      const direct = reshape(mul(g, scale), byGroup);
      gHat = gHat ? add(gHat, direct) : direct;
    }
    if (gNormal) {
      meanG = mean(gHat!, [2], true);
      meanGx = mean(mul(gHat!, xHat!), [2], true);
    }
    let dx: Tensor | undefined;
    if (gHat) dx = mul(sub(gHat, add(mul(xHat!, meanGx!), meanG!)), invStd!);
    if (gInverse) {
      // d(invStd)/dx_i = −invStd² · x̂_i / n
      const viaInverse = mul(xHat!, mul(gInverse, mul(mul(invStd!, invStd!), -1 / count)));
      dx = dx ? add(dx, viaInverse) : viaInverse;
    }
    return [dx && reshape(dx, x!.shape), dGamma, dBeta];
  },
});

/**
 * Normalises each group of channels over channels and pixels, then scales and shifts each channel:
 *
 *     y = γ_c · (x − μ_g) / √(σ_g² + eps) + β_c
 *
 * @param x      [B, C, ...]
 * @param gamma  [C] gain
 * @param beta   [C] shift
 * @param attrs.groups  must divide C
 * @see Wu & He 2018, eq. 1–7 — https://arxiv.org/abs/1803.08494
 */
export function groupNorm(x: Tensor, gamma: Tensor, beta: Tensor, attrs: GroupNormAttrs): Tensor {
  return apply(groupNormOp, [x, gamma, beta], attrs);
}
