import { add, concat, pad, transpose, type Tensor } from '../core/index.ts';
import { pixelsToTokens, scaledDotProductAttention, tokensToPixels } from './attention.ts';
import { Linear } from './linear.ts';
import { Module, type Context } from './module.ts';
import { GroupNorm, LayerNorm } from './norm.ts';
import { nearlyZero } from './resnet.ts';
import type { TextStates } from './transformer-block.ts';

/** Groups of the norm over text embeddings; diffusers fixes them. */
const crossNormGroups = 32;

/** How a text is normalized before attention to it. */
export type CrossAttentionNorm = 'layer_norm' | 'group_norm' | null;

/** A group norm over the hidden states of a sequence, whose channels are the last axis. */
class SequenceGroupNorm extends GroupNorm {
  /** @param x  [B, L, D] → [B, L, D] */
  override forward(ctx: Context, x: Tensor): Tensor {
    return transpose(super.forward(ctx, transpose(x, [0, 2, 1])), [0, 2, 1]);
  }
}

/**
 * The norm before attention to a text.
 *
 * @param normWidth   width that a layer norm has
 * @param groupWidth  width that a group norm has: the text's own
 */
export function crossAttentionNorm(
  kind: CrossAttentionNorm,
  normWidth: number,
  groupWidth: number,
): LayerNorm | SequenceGroupNorm | null {
  switch (kind) {
    case 'layer_norm':
      return new LayerNorm(normWidth);
    case 'group_norm':
      return new SequenceGroupNorm(crossNormGroups, groupWidth);
    case null:
      return null;
  }
}

/** Options of `AddedKVAttention`. */
export interface AddedKVAttentionOptions {
  readonly channels: number;
  /** `K`, width of a head; there are as many heads as fit into the channels. */
  readonly headDim: number;
  /** Width of the text embeddings. */
  readonly crossAttentionDim: number;
  readonly groups: number;
  /** Bitmap attend to the text alone; default to the text and to each other. */
  readonly onlyCrossAttention: boolean;
  readonly crossAttentionNorm: CrossAttentionNorm;
}

/**
 * Attention of pixels to a text and to each other in one softmax: the text's keys and values come before those of the
 * pixels.
 *
 * @see Nichol et al. 2022 (GLIDE), §2.3 — https://arxiv.org/abs/2112.10741
 */
export class AddedKVAttention extends Module {
  readonly groupNorm: GroupNorm;
  readonly normCross: LayerNorm | SequenceGroupNorm | null;
  readonly toQ: Linear;
  readonly toK: Linear | null;
  readonly toV: Linear | null;
  readonly addKProj: Linear;
  readonly addVProj: Linear;
  readonly toOut: readonly [Linear];
  readonly #heads: number;

  /** @throws if not even one head fits */
  constructor(options: AddedKVAttentionOptions) {
    super();
    const { channels, headDim, crossAttentionDim, groups, onlyCrossAttention } = options;
    this.#heads = Math.floor(channels / headDim);
    if (this.#heads < 1) {
      throw new Error(`attention: a head of ${headDim} is wider than the ${channels} channels (attentionHeadDim)`);
    }
    const width = this.#heads * headDim;
    if (options.crossAttentionNorm === 'layer_norm' && crossAttentionDim !== channels) {
      throw new Error(
        `attention: crossAttentionNorm layer_norm normalizes ${channels} values, crossAttentionDim is ${crossAttentionDim}`,
      );
    }
    this.groupNorm = new GroupNorm(groups, channels);
    this.normCross = crossAttentionNorm(options.crossAttentionNorm, channels, crossAttentionDim);
    this.toQ = new Linear(channels, width);
    this.toK = onlyCrossAttention ? null : new Linear(channels, width);
    this.toV = onlyCrossAttention ? null : new Linear(channels, width);
    this.addKProj = new Linear(crossAttentionDim, width);
    this.addVProj = new Linear(crossAttentionDim, width);
    this.toOut = [new Linear(width, channels, { init: nearlyZero })];
  }

  /** @param x  [B, C, H, W] → [B, C, H, W] */
  forward(ctx: Context, x: Tensor, { states, bias }: TextStates): Tensor {
    const [, , height, width] = x.shape as [number, number, number, number];
    const text = this.normCross ? this.normCross.forward(ctx, states) : states;
    const pixels = pixelsToTokens(this.groupNorm.forward(ctx, x));
    const joined = (fromText: Tensor, map: Linear | null) =>
      map ? concat([fromText, map.forward(ctx, pixels)], 1) : fromText;
    const k = joined(this.addKProj.forward(ctx, text), this.toK);
    const v = joined(this.addVProj.forward(ctx, text), this.toV);
    const others = k.shape[1]! - text.shape[1]!; // pixels, which no mask leaves out
    const scores = bias && (others > 0 ? pad(bias, [0, 0, 0, 0], [0, 0, 0, others]) : bias);
    const q = this.toQ.forward(ctx, pixels);
    const mixed = scaledDotProductAttention(q, k, v, this.#heads, scores ? { bias: scores } : {});
    return add(tokensToPixels(this.toOut[0].forward(ctx, mixed), height, width), x);
  }
}
