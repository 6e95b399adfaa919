/** What a text or an image embedding adds to the time embedding, and how either becomes a sequence to attend to. */
import { add, concat, mean, reshape, type Tensor } from '../core/index.ts';
import { scaledDotProductAttention } from './attention.ts';
import { normal } from './init.ts';
import { Linear } from './linear.ts';
import { Module, Parameter, type Context } from './module.ts';
import { LayerNorm } from './norm.ts';

/**
 * One vector for a sequence: a token, the mean plus a learned vector, attends to itself and to all tokens.
 *
 * @see DeepFloyd IF, released code (`AttentionPooling`); Radford et al. 2021, §2.4 — https://arxiv.org/abs/2103.00020
 */
class AttentionPooling extends Module {
  readonly positionalEmbedding: Parameter;
  readonly kProj: Linear;
  readonly qProj: Linear;
  readonly vProj: Linear;
  readonly #heads: number;

  /** @throws if the heads do not divide the width */
  constructor(heads: number, width: number) {
    super();
    if (width % heads !== 0) {
      throw new Error(`attentionPooling: ${width} values do not split into ${heads} heads (additionEmbedTypeNumHeads)`);
    }
    this.positionalEmbedding = new Parameter([1, width], normal(width ** -0.5));
    this.kProj = new Linear(width, width);
    this.qProj = new Linear(width, width);
    this.vProj = new Linear(width, width);
    this.#heads = heads;
  }

  /** @param x  [B, L, D] → [B, D] */
  forward(ctx: Context, x: Tensor): Tensor {
    const [batch, , width] = x.shape as [number, number, number];
    const query = add(mean(x, [1], true), reshape(ctx.param(this.positionalEmbedding), [1, 1, width])); // [B, 1, D]
    const all = concat([query, x], 1);
    const q = this.qProj.forward(ctx, query);
    const pooled = scaledDotProductAttention(
      q,
      this.kProj.forward(ctx, all),
      this.vProj.forward(ctx, all),
      this.#heads,
    );
    return reshape(pooled, [batch, width]);
  }
}

/** Imagen's pooled text: y = norm(proj(pool(norm(x)))), to be added to the time embedding. */
export class TextTimeEmbedding extends Module {
  readonly norm1: LayerNorm;
  readonly pool: AttentionPooling;
  readonly proj: Linear;
  readonly norm2: LayerNorm;

  constructor(encoderDim: number, timeEmbedDim: number, heads: number) {
    super();
    this.norm1 = new LayerNorm(encoderDim);
    this.pool = new AttentionPooling(heads, encoderDim);
    this.proj = new Linear(encoderDim, timeEmbedDim);
    this.norm2 = new LayerNorm(timeEmbedDim);
  }

  /** @param states  [B, L, encoderDim] → [B, timeEmbedDim] */
  forward(ctx: Context, states: Tensor): Tensor {
    const pooled = this.pool.forward(ctx, this.norm1.forward(ctx, states));
    return this.norm2.forward(ctx, this.proj.forward(ctx, pooled));
  }
}

/** A text's and an image's embedding, to be added to the time embedding. */
export class TextImageTimeEmbedding extends Module {
  readonly textProj: Linear;
  readonly textNorm: LayerNorm;
  readonly imageProj: Linear;

  constructor(textDim: number, imageDim: number, timeEmbedDim: number) {
    super();
    this.textProj = new Linear(textDim, timeEmbedDim);
    this.textNorm = new LayerNorm(timeEmbedDim);
    this.imageProj = new Linear(imageDim, timeEmbedDim);
  }

  /**
   * @param text   [B, textDim]
   * @param image  [B, imageDim]
   * @returns      [B, timeEmbedDim]
   */
  forward(ctx: Context, text: Tensor, image: Tensor): Tensor {
    return add(this.imageProj.forward(ctx, image), this.textNorm.forward(ctx, this.textProj.forward(ctx, text)));
  }
}

/** An image's embedding, to be added to the time embedding. */
export class ImageTimeEmbedding extends Module {
  readonly imageProj: Linear;
  readonly imageNorm: LayerNorm;

  constructor(imageDim: number, timeEmbedDim: number) {
    super();
    this.imageProj = new Linear(imageDim, timeEmbedDim);
    this.imageNorm = new LayerNorm(timeEmbedDim);
  }

  /** @param image  [B, imageDim] → [B, timeEmbedDim] */
  forward(ctx: Context, image: Tensor): Tensor {
    return this.imageNorm.forward(ctx, this.imageProj.forward(ctx, image));
  }
}

/** An image's embedding as a sequence of tokens. */
export class ImageProjection extends Module {
  readonly imageEmbeds: Linear;
  readonly norm: LayerNorm;
  readonly #width: number;

  constructor(imageDim: number, crossAttentionDim: number, tokens: number) {
    super();
    this.imageEmbeds = new Linear(imageDim, tokens * crossAttentionDim);
    this.norm = new LayerNorm(crossAttentionDim);
    this.#width = crossAttentionDim;
  }

  /** @param image  [B, imageDim] → [B, tokens, crossAttentionDim] */
  forward(ctx: Context, image: Tensor): Tensor {
    return this.norm.forward(ctx, asTokens(this.imageEmbeds.forward(ctx, image), this.#width));
  }
}

/** A sequence of tokens out of an image's embedding, and after them a text's. */
export class TextImageProjection extends Module {
  readonly imageEmbeds: Linear;
  readonly textProj: Linear;
  readonly #width: number;

  constructor(textDim: number, imageDim: number, crossAttentionDim: number, tokens: number) {
    super();
    this.imageEmbeds = new Linear(imageDim, tokens * crossAttentionDim);
    this.textProj = new Linear(textDim, crossAttentionDim);
    this.#width = crossAttentionDim;
  }

  /**
   * @param text   [B, L, textDim]
   * @param image  [B, imageDim]
   * @returns      [B, tokens + L, crossAttentionDim]
   */
  forward(ctx: Context, text: Tensor, image: Tensor): Tensor {
    const tokens = asTokens(this.imageEmbeds.forward(ctx, image), this.#width);
    return concat([tokens, this.textProj.forward(ctx, text)], 1);
  }
}

/** [B, L · D] → [B, L, D] */
function asTokens(x: Tensor, width: number): Tensor {
  const [batch, total] = x.shape as [number, number];
  return reshape(x, [batch, total / width, width]);
}
