import {
  add,
  and,
  lowerTriangle,
  matmul,
  mul,
  reshape,
  softmax,
  transpose,
  where,
  type Tensor,
} from '../core/index.ts';
import { Dropout } from './dropout.ts';
import { Linear } from './linear.ts';
import { Module, type Context } from './module.ts';
import { GroupNorm } from './norm.ts';
import { nearlyZero } from './resnet.ts';

/** Which keys a query sees, and how its scores are formed. */
export interface AttentionMasks {
  /** Query i sees keys 0 … i only. */
  readonly causal?: boolean;
  /** [B, Lk] of bool: the keys that are there; padding is false, as in the attention masks of Hugging Face. */
  readonly keyMask?: Tensor;
  /** Broadcasts to [B, N, Lq, Lk]; added to the scores: relative positions, or a mask of large negative numbers. */
  readonly bias?: Tensor;
  /** What q kᵀ is multiplied by; default 1 / √K. */
  readonly scale?: number;
  /** Applied to the weights [B, N, Lq, Lk] before they mix the values: dropout. */
  readonly weights?: (weights: Tensor) => Tensor;
}

/** Scores of keys that are not seen. Finite, so that a query that sees none has no NaN but the mean of all. */
const unseen = -3.4028234663852886e38;

/**
 * Multi-head scaled dot-product attention: softmax(q kᵀ / √K + bias) v over the keys that are seen.
 *
 * @param q  [B, Lq, D]
 * @param k  [B, Lk, D]
 * @param v  [B, Lk, D′]
 * @param numHeads  must divide D and D′; K = D / numHeads
 * @returns  [B, Lq, D′]
 * @throws   if the heads do not divide the width, or a mask has another shape or type
 * @see Vaswani et al. 2017, eq. 1 — https://arxiv.org/abs/1706.03762
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  numHeads: number,
  { causal = false, keyMask, bias, scale, weights = (shares) => shares }: AttentionMasks = {},
): Tensor {
  const [batch, lq, width] = q.shape as [number, number, number];
  const lk = k.shape[1]!;
  const widthOfValues = v.shape[2]!;
  if (width % numHeads !== 0 || widthOfValues % numHeads !== 0)
    throw new Error(
      `attention: ${width % numHeads === 0 ? widthOfValues : width} channels do not split into ${numHeads} heads`,
    );
  if (keyMask && (keyMask.dtype !== 'bool' || keyMask.shape.join() !== [batch, lk].join()))
    throw new Error(
      `attention: the key mask must be bool[${batch}, ${lk}], got ${keyMask.dtype}[${keyMask.shape.join(', ')}]`,
    );
  const heads = (x: Tensor) =>
    transpose(reshape(x, [batch, x.shape[1]!, numHeads, x.shape[2]! / numHeads]), [0, 2, 1, 3]); // [B, N, L, K]
  // Scaling q is a pass over L · D values; scaling the products would be one over L².
  const factor = scale ?? (width / numHeads) ** -0.5;
  const products = matmul(heads(factor === 1 ? q : mul(q, factor)), heads(k), { transB: true }); // [B, N, Lq, Lk]
  const scores = bias ? add(products, bias) : products;
  const present = keyMask && reshape(keyMask, [batch, 1, 1, lk]);
  const earlier = causal ? lowerTriangle(lq, lk) : undefined;
  const seen = present && earlier ? and(present, earlier) : (present ?? earlier);
  const mixed = matmul(weights(softmax(seen ? where(seen, scores, unseen) : scores)), heads(v)); // [B, N, Lq, K]
  return reshape(transpose(mixed, [0, 2, 1, 3]), [batch, lq, widthOfValues]);
}

/** Pixels as a sequence of tokens, row by row: [B, C, H, W] → [B, HW, C]. */
export function pixelsToTokens(x: Tensor): Tensor {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  return transpose(reshape(x, [batch, channels, height * width]), [0, 2, 1]);
}

/** The inverse of `pixelsToTokens`: [B, HW, C] → [B, C, H, W]. */
export function tokensToPixels(tokens: Tensor, height: number, width: number): Tensor {
  const [batch, , channels] = tokens.shape as [number, number, number];
  return reshape(transpose(tokens, [0, 2, 1]), [batch, channels, height, width]);
}

/** The four maps around attention, whatever a model calls them. */
export interface AttentionMaps {
  readonly toQ: Linear;
  readonly toK: Linear;
  readonly toV: Linear;
  /** Applied to the result; none where a model has this map elsewhere. */
  readonly out?: Linear;
}

/**
 * Attention of the positions of `x` to those of `context`, with the maps before and after it.
 *
 * @param x        [B, Lq, ...]
 * @param context  [B, Lk, ...]; x itself is self-attention
 * @returns        [B, Lq, ...] as wide as `out` makes it
 */
export function attend(
  ctx: Context,
  { toQ, toK, toV, out }: AttentionMaps,
  x: Tensor,
  context: Tensor,
  numHeads: number,
  masks: AttentionMasks = {},
): Tensor {
  const mixed = scaledDotProductAttention(
    toQ.forward(ctx, x),
    toK.forward(ctx, context),
    toV.forward(ctx, context),
    numHeads,
    masks,
  );
  return out ? out.forward(ctx, mixed) : mixed;
}

/** Options of `Attention`. */
export interface AttentionOptions {
  /** Width of the queries and of the result. */
  readonly queryDim: number;
  /** Width of the context; default queryDim. */
  readonly crossAttentionDim?: number;
  readonly heads: number;
  /** `K`. */
  readonly dimHead: number;
  /** Whether q, k and v have a shift; diffusers' default is none. */
  readonly bias?: boolean;
  readonly dropout?: number;
}

/** What queries attend to, kept for those that come later. */
export interface KeysAndValues {
  /** [B, Lk, N·K] */
  readonly keys: Tensor;
  /** [B, Lk, N·K] */
  readonly values: Tensor;
}

/** Attention with learned queries, keys and values: of a sequence to itself, or to another one. */
export class Attention extends Module {
  readonly toQ: Linear;
  readonly toK: Linear;
  readonly toV: Linear;
  readonly toOut: readonly [Linear, Dropout];
  readonly #heads: number;

  constructor({ queryDim, crossAttentionDim = queryDim, heads, dimHead, bias = false, dropout = 0 }: AttentionOptions) {
    super();
    const inner = heads * dimHead;
    this.toQ = new Linear(queryDim, inner, { bias });
    this.toK = new Linear(crossAttentionDim, inner, { bias });
    this.toV = new Linear(crossAttentionDim, inner, { bias });
    this.toOut = [new Linear(inner, queryDim), new Dropout(dropout)];
    this.#heads = heads;
  }

  /**
   * @param x        [B, Lq, queryDim]
   * @param context  [B, Lk, crossAttentionDim]; default x
   */
  forward(ctx: Context, x: Tensor, context: Tensor = x, masks: AttentionMasks = {}): Tensor {
    const queries = this.toQ.forward(ctx, x);
    return this.#mixed(ctx, queries, this.keysAndValues(ctx, context), masks);
  }

  /** @param context  [B, Lk, crossAttentionDim] */
  keysAndValues(ctx: Context, context: Tensor): KeysAndValues {
    return { keys: this.toK.forward(ctx, context), values: this.toV.forward(ctx, context) };
  }

  /**
   * `forward` over keys and values that were computed before.
   *
   * @param x  [B, Lq, queryDim]
   */
  attendTo(ctx: Context, x: Tensor, kept: KeysAndValues, masks: AttentionMasks = {}): Tensor {
    return this.#mixed(ctx, this.toQ.forward(ctx, x), kept, masks);
  }

  #mixed(ctx: Context, queries: Tensor, { keys, values }: KeysAndValues, masks: AttentionMasks): Tensor {
    const [out, dropout] = this.toOut;
    const mixed = scaledDotProductAttention(queries, keys, values, this.#heads, masks);
    return dropout.forward(ctx, out.forward(ctx, mixed));
  }
}

/** Multi-head self-attention between the pixels of a feature map. */
export class PixelAttention extends Module {
  readonly toQ: Linear;
  readonly toK: Linear;
  readonly toV: Linear;
  readonly toOut: readonly [Linear];
  readonly #numHeads: number;

  /**
   * @param headDim  width of one head; there are as many heads as fit into the channels, together no wider than they
   * @throws if not even one head fits
   */
  constructor(channels: number, headDim: number) {
    super();
    this.#numHeads = Math.floor(channels / headDim);
    if (this.#numHeads < 1)
      throw new Error(`attention: a head of ${headDim} is wider than the ${channels} channels (attentionHeadDim)`);
    const width = this.#numHeads * headDim;
    this.toQ = new Linear(channels, width);
    this.toK = new Linear(channels, width);
    this.toV = new Linear(channels, width);
    this.toOut = [new Linear(width, channels, { init: nearlyZero })];
  }

  /** @param x  [B, C, H, W] */
  forward(ctx: Context, x: Tensor): Tensor {
    const [, , height, width] = x.shape as [number, number, number, number];
    const tokens = pixelsToTokens(x);
    const {
      toQ,
      toK,
      toV,
      toOut: [out],
    } = this;
    return tokensToPixels(attend(ctx, { toQ, toK, toV, out }, tokens, tokens, this.#numHeads), height, width);
  }
}

/** Options of `SpatialAttention`. */
export interface SpatialAttentionOptions {
  readonly channels: number;
  /** Channels of one head. */
  readonly headDim: number;
  /** Groups of the normalization before it; null has none. */
  readonly groups: number | null;
  readonly eps: number;
  readonly rescaleOutputFactor?: number;
}

/** Attention between pixels with its normalization and residual connection. */
export class SpatialAttention extends PixelAttention {
  readonly groupNorm: GroupNorm | null;
  readonly #rescale: number;

  constructor({ channels, headDim, groups, eps, rescaleOutputFactor = 1 }: SpatialAttentionOptions) {
    super(channels, headDim);
    this.groupNorm = groups === null ? null : new GroupNorm(groups, channels, eps);
    this.#rescale = rescaleOutputFactor;
  }

  /** @param x  [B, C, H, W] */
  override forward(ctx: Context, x: Tensor): Tensor {
    const total = add(x, super.forward(ctx, this.groupNorm ? this.groupNorm.forward(ctx, x) : x));
    return this.#rescale === 1 ? total : mul(total, 1 / this.#rescale);
  }
}
