import { add, matmul, mul, reshape, softmax, transpose, type Tensor } from '../core/index.ts';
import { Linear } from './linear.ts';
import { Module, type Context } from './module.ts';
import { GroupNorm } from './norm.ts';
import { nearlyZero } from './resnet.ts';

/**
 * Multi-head scaled dot-product attention: softmax(q kᵀ / √K) v.
 *
 * @param q  [B, Lq, D]
 * @param k  [B, Lk, D]
 * @param v  [B, Lk, D]
 * @param numHeads  must divide D; K = D / numHeads
 * @returns  [B, Lq, D]
 * @see Vaswani et al. 2017, eq. 1 — https://arxiv.org/abs/1706.03762
 */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, numHeads: number): Tensor {
  const [batch, length, width] = q.shape as [number, number, number];
  const headDim = width / numHeads;
  const heads = (x: Tensor) => transpose(reshape(x, [batch, x.shape[1]!, numHeads, headDim]), [0, 2, 1, 3]); // [B, N, L, K]
  // Scaling q is a pass over L · D values; scaling the products would be one over L².
  const scores = matmul(heads(mul(q, headDim ** -0.5)), heads(k), { transB: true }); // [B, N, Lq, Lk]
  const mixed = matmul(softmax(scores), heads(v)); // [B, N, Lq, K]
  return reshape(transpose(mixed, [0, 2, 1, 3]), [batch, length, width]);
}

/** Options of `SpatialAttention`. */
export interface AttentionOptions {
  readonly channels: number;
  /** Channels of one head; null is a single head over all. */
  readonly headDim: number | null;
  readonly groups: number;
  readonly eps: number;
  readonly rescaleOutputFactor?: number;
}

/** Self-attention between the pixels of a feature map, with its normalization and residual connection. */
export class SpatialAttention extends Module {
  readonly groupNorm: GroupNorm;
  readonly toQ: Linear;
  readonly toK: Linear;
  readonly toV: Linear;
  readonly toOut: readonly [Linear];
  readonly #numHeads: number;
  readonly #rescale: number;

  /** @throws if headDim does not divide the channels */
  constructor({ channels, headDim, groups, eps, rescaleOutputFactor = 1 }: AttentionOptions) {
    super();
    if (headDim !== null && channels % headDim !== 0) throw new Error(`attention: ${channels} channels do not split into heads of ${headDim} (attentionHeadDim)`);
    this.groupNorm = new GroupNorm(groups, channels, eps);
    this.toQ = new Linear(channels, channels);
    this.toK = new Linear(channels, channels);
    this.toV = new Linear(channels, channels);
    this.toOut = [new Linear(channels, channels, { init: nearlyZero })];
    this.#numHeads = headDim === null ? 1 : channels / headDim;
    this.#rescale = rescaleOutputFactor;
  }

  /** @param x  [B, C, H, W] */
  forward(ctx: Context, x: Tensor): Tensor {
    const [batch, channels, height, width] = x.shape as [number, number, number, number];
    const pixels = transpose(reshape(this.groupNorm.forward(ctx, x), [batch, channels, height * width]), [0, 2, 1]); // [B, HW, C]
    const mixed = scaledDotProductAttention(this.toQ.forward(ctx, pixels), this.toK.forward(ctx, pixels), this.toV.forward(ctx, pixels), this.#numHeads);
    const out = reshape(transpose(this.toOut[0].forward(ctx, mixed), [0, 2, 1]), x.shape);
    const total = add(x, out);
    return this.#rescale === 1 ? total : mul(total, 1 / this.#rescale);
  }
}
