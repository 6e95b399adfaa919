import { describeType, sizeOf } from '../dtype.ts';
import { apply, defineOp, type Tensor } from '../tensor.ts';
import { channelAffine } from './channel-affine.ts';
import { add, mul, neg, sub } from './elementwise.ts';
import { broadcastTo, full, reshape, sum } from './structure.ts';

/** Settings of a group normalization. */
export interface GroupNormAttrs {
  readonly groups: number;
  readonly eps: number;
}

export const groupNormOp = defineOp<'groupNorm', GroupNormAttrs>({
  name: 'groupNorm',
  infer([x, gamma, beta], { groups }) {
    const [batch, channels] = x!.shape;
    if (x!.shape.length < 2) throw new Error(`groupNorm: needs [B, C, ...], got ${describeType(x!)}`);
    if (!Number.isInteger(groups) || groups < 1 || channels! % groups !== 0)
      throw new Error(
        `groupNorm: ${channels} channels do not split into ${groups} groups (x is [${x!.shape.join(', ')}])`,
      );
    for (const p of [gamma!, beta!])
      if (p.shape.length !== 1 || p.shape[0] !== channels)
        throw new Error(`groupNorm: gain and shift must be [${channels}], got ${describeType(p)}`);
    const perGroup = { shape: [batch!, groups], dtype: x!.dtype };
    return [{ shape: x!.shape, dtype: x!.dtype }, perGroup, perGroup];
  },
  evaluate([x, gamma, beta], { eps }, [, perGroup]) {
    const groups = sizeOf(perGroup!.shape);
    const count = x!.data.length / groups;
    const channels = x!.shape[1]!;
    const area = sizeOf(x!.shape) / x!.shape[0]! / channels;
    const mean = new Float64Array(groups);
    const invStd = new Float64Array(groups);
    for (let group = 0; group < groups; group++) {
      const values = x!.data.subarray(group * count, (group + 1) * count);
      mean[group] = values.reduce((total, v) => total + v, 0) / count;
      const variance = values.reduce((total, v) => total + (v - mean[group]!) ** 2, 0) / count;
      invStd[group] = 1 / Math.sqrt(variance + eps);
    }
    const y = x!.data.map((v, i) => {
      const channel = Math.floor(i / area) % channels;
      const group = Math.floor(i / count);
      return (v - mean[group]!) * invStd[group]! * gamma!.data[channel]! + beta!.data[channel]!;
    });
    return [y, mean, invStd];
  },
  /**
   * With x̂ = (x − μ)/σ and means over a group of n values,
   *
   *     dx = (γ g − mean(γ g) − x̂ · mean(γ g x̂)) / σ  =  A_c · g + B_g · x + C_g:
   *
   * two passes over the pixels once Σ g and Σ g x of each channel are known, and those also give dγ and dβ.
   */
  vjp([gy, gMean, gInverse], { inputs: [x, gamma], outputs: [, mu, invStd], attrs: { groups } }) {
    const [batch, channels] = x!.shape as [number, number];
    const count = sizeOf(x!.shape) / batch / groups;
    const pixels = x!.shape.slice(2).map((_, i) => i + 2);
    const column = [batch, groups, 1];
    const byGroup = [batch, groups, channels / groups];
    const inverse = reshape(invStd!, column);
    const mean = reshape(mu!, column);
    const toChannels = (perGroup: Tensor) => reshape(broadcastTo(perGroup, byGroup), [batch, channels]);

    let dGamma: Tensor | undefined;
    let dBeta: Tensor | undefined;
    let scale: Tensor | undefined; // A
    let slope: Tensor | undefined; // B, [B, G, 1]
    let offset: Tensor | undefined; // C, [B, G, 1]
    const plus = (sofar: Tensor | undefined, more: Tensor) => (sofar ? add(sofar, more) : more);
    if (gy) {
      const sumG = reshape(sum(gy, pixels), byGroup);
      const sumGx = reshape(sum(mul(gy, x!), pixels), byGroup);
      const sumGxHat = mul(inverse, sub(sumGx, mul(mean, sumG)));
      dGamma = reshape(sum(sumGxHat, [0]), [channels]);
      dBeta = reshape(sum(sumG, [0]), [channels]);
      const gain = reshape(gamma!, [1, groups, channels / groups]);
      scale = reshape(mul(gain, inverse), [batch, channels]);
      // The negated means over the group, with the division where there are the fewest numbers.
      const share = mul(gain, -1 / count);
      const overGroup = (perChannel: Tensor) => sum(mul(share, perChannel), [2], true);
      slope = mul(overGroup(sumGxHat), mul(inverse, inverse));
      offset = sub(mul(overGroup(sumG), inverse), mul(slope, mean));
    }
    if (gInverse) {
      // d(1/σ)/dx_i = −(x_i − μ) / (n σ³)
      const steep = mul(reshape(gInverse, column), mul(mul(inverse, mul(inverse, inverse)), -1 / count));
      slope = plus(slope, steep);
      offset = plus(offset, neg(mul(steep, mean)));
    }
    if (gMean) offset = plus(offset, mul(reshape(gMean, column), 1 / count));
    if (!offset) return [];
    const zeros = full([batch, channels], 0);
    const constantPart = toChannels(offset);
    const viaStatistics = channelAffine(x!, slope ? toChannels(slope) : zeros, constantPart);
    const dx = gy ? channelAffine(gy, scale!, zeros, viaStatistics) : viaStatistics;
    return [dx, dGamma, dBeta];
  },
  // With the statistics there are, one pass.
  recompute({ inputs: [x, gamma, beta], outputs: [, mean, invStd], attrs: { groups } }) {
    const [batch, channels] = x!.shape as [number, number];
    const byGroup = (perChannel: Tensor) => reshape(perChannel, [1, groups, channels / groups]);
    const [mu, inverse] = [mean!, invStd!].map((statistic) => reshape(statistic, [batch, groups, 1]));
    const scale = mul(byGroup(gamma!), inverse!);
    const shift = sub(byGroup(beta!), mul(scale, mu!));
    return [channelAffine(x!, reshape(scale, [batch, channels]), reshape(shift, [batch, channels])), mean!, invStd!];
  },
});

/**
 * Normalizes each group of channels over channels and pixels, then scales and shifts each channel:
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
