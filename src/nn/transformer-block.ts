/** diffusers' transformer blocks: in a U-Net a token attends to the image, then to the text, then passes a gated MLP; in a sequence model to its own sequence. */
import { add, gelu, mul, split, type Tensor } from '../core/index.ts';
import { Attention, type AttentionMasks } from './attention.ts';
import { Dropout } from './dropout.ts';
import { Linear } from './linear.ts';
import { Module, type Context } from './module.ts';
import { LayerNorm } from './norm.ts';

/** Width of the hidden layer of a feed-forward network, in multiples of the tokens' width. */
const feedForwardFactor = 4;

/**
 * A gated linear unit: [u, g] = x Wᵀ + b, y = u · GELU(g).
 *
 * @see Shazeer 2020, eq. 6 (GEGLU) — https://arxiv.org/abs/2002.05202
 */
class GEGLU extends Module {
  readonly proj: Linear;
  readonly #width: number;

  constructor(inWidth: number, outWidth: number) {
    super();
    this.proj = new Linear(inWidth, 2 * outWidth);
    this.#width = outWidth;
  }

  /** @param x  [..., inWidth] → [..., outWidth] */
  forward(ctx: Context, x: Tensor): Tensor {
    const axis = x.shape.length - 1;
    const [value, gate] = split(this.proj.forward(ctx, x), [this.#width, this.#width], axis) as [Tensor, Tensor];
    return mul(value, gelu(gate));
  }
}

/** y = GELU(x Wᵀ + b), under the name that it has in diffusers. */
class GELU extends Module {
  readonly proj: Linear;

  constructor(inWidth: number, outWidth: number) {
    super();
    this.proj = new Linear(inWidth, outWidth);
  }

  /** @param x  [..., inWidth] → [..., outWidth] */
  forward(ctx: Context, x: Tensor): Tensor {
    return gelu(this.proj.forward(ctx, x));
  }
}

/** The first layer of a feed-forward network, by its name in diffusers. */
const firstLayers = { geglu: GEGLU, gelu: GELU } as const;

/** The two-layer network of a transformer block. */
class FeedForward extends Module {
  readonly net: readonly [GEGLU | GELU, Dropout, Linear];

  constructor(width: number, firstLayer: keyof typeof firstLayers, dropout = 0) {
    super();
    const hidden = feedForwardFactor * width;
    this.net = [new firstLayers[firstLayer](width, hidden), new Dropout(dropout), new Linear(hidden, width)];
  }

  /** @param x  [B, L, D] → [B, L, D] */
  forward(ctx: Context, x: Tensor): Tensor {
    const [first, dropout, out] = this.net;
    return out.forward(ctx, dropout.forward(ctx, first.forward(ctx, x)));
  }
}

/** The encoded text that a network attends to. */
export interface TextStates {
  /** [B, L, D] one vector for each token. */
  readonly states: Tensor;
  /** [B, 1, 1, L] added to the scores of attention: 0 keeps a token, a large negative number leaves it out. */
  readonly bias?: Tensor | undefined;
}

/** Options of `BasicTransformerBlock`. */
export interface TransformerBlockOptions {
  /** `D`, width of the tokens. */
  readonly dim: number;
  readonly heads: number;
  /** `K`, width of a head. */
  readonly dimHead: number;
  /** Width of the text embeddings. */
  readonly crossAttentionDim: number;
  /** The first attention is to the text too; default to the tokens themselves. */
  readonly onlyCrossAttention?: boolean;
}

/**
 * Self-attention, cross-attention and a feed-forward network, each after a layer norm and added to what came in.
 *
 * @see Rombach et al. 2022, appendix E.2.1 — https://arxiv.org/abs/2112.10752
 */
export class BasicTransformerBlock extends Module {
  readonly norm1: LayerNorm;
  readonly attn1: Attention;
  readonly norm2: LayerNorm;
  readonly attn2: Attention;
  readonly norm3: LayerNorm;
  readonly ff: FeedForward;
  readonly #onlyCrossAttention: boolean;

  constructor({ dim, heads, dimHead, crossAttentionDim, onlyCrossAttention = false }: TransformerBlockOptions) {
    super();
    const attention = { queryDim: dim, heads, dimHead };
    this.norm1 = new LayerNorm(dim);
    this.attn1 = new Attention(onlyCrossAttention ? { ...attention, crossAttentionDim } : attention);
    this.norm2 = new LayerNorm(dim);
    this.attn2 = new Attention({ ...attention, crossAttentionDim });
    this.norm3 = new LayerNorm(dim);
    this.ff = new FeedForward(dim, 'geglu');
    this.#onlyCrossAttention = onlyCrossAttention;
  }

  /** @param x  [B, L, D] → [B, L, D] */
  forward(ctx: Context, x: Tensor, { states, bias }: TextStates): Tensor {
    // Where the first attention is to the text as well, it sees all of it: diffusers masks the second one only.
    const first = this.#onlyCrossAttention ? states : undefined;
    let h = add(this.attn1.forward(ctx, this.norm1.forward(ctx, x), first), x);
    h = add(this.attn2.forward(ctx, this.norm2.forward(ctx, h), states, bias ? { bias } : {}), h);
    return add(this.ff.forward(ctx, this.norm3.forward(ctx, h)), h);
  }
}

/** Options of `SequenceTransformerBlock`. */
export interface SequenceTransformerBlockOptions {
  /** `D`, width of the tokens. */
  readonly dim: number;
  readonly heads: number;
  /** `K`, width of a head. */
  readonly dimHead: number;
  readonly dropout?: number;
}

/**
 * Self-attention and a feed-forward network with GELU, each after a layer norm and added to what came in: diffusers'
 * `BasicTransformerBlock` without a text to attend to (its second attention and second norm are absent).
 *
 * @see Vaswani et al. 2017, section 3.1 — https://arxiv.org/abs/1706.03762
 */
export class SequenceTransformerBlock extends Module {
  readonly norm1: LayerNorm;
  readonly attn1: Attention;
  readonly norm3: LayerNorm;
  readonly ff: FeedForward;

  constructor({ dim, heads, dimHead, dropout = 0 }: SequenceTransformerBlockOptions) {
    super();
    this.norm1 = new LayerNorm(dim);
    this.attn1 = new Attention({ queryDim: dim, heads, dimHead, bias: true, dropout });
    this.norm3 = new LayerNorm(dim);
    this.ff = new FeedForward(dim, 'gelu', dropout);
  }

  /** @param x  [B, L, D] → [B, L, D] */
  forward(ctx: Context, x: Tensor, masks: AttentionMasks): Tensor {
    return this.forwardWith(ctx, x, (tokens) => this.attn1.forward(ctx, tokens, undefined, masks));
  }

  /** `forward` with the attention of the normalized tokens left to the caller, who may keep keys and values. */
  forwardWith(ctx: Context, x: Tensor, attention: (tokens: Tensor) => Tensor): Tensor {
    const h = add(attention(this.norm1.forward(ctx, x)), x);
    return add(this.ff.forward(ctx, this.norm3.forward(ctx, h)), h);
  }
}
