/**
 * The blocks of k-diffusion's U-Net: the time enters through the normalizations, resampling is filtered with mirrored
 * edges, and one skip connection a level.
 *
 * @see Crowson et al., k-diffusion — https://github.com/crowsonkb/k-diffusion
 */
import { add, type Tensor } from '../../core/index.ts';
import {
  AdaGroupNorm,
  attend,
  filteredDownsample,
  filteredUpsample,
  LayerNorm,
  Linear,
  Module,
  nearlyZero,
  PixelAttention,
  pixelsToTokens,
  ResnetBlockCondNorm2D,
  tokensToPixels,
  type Context,
  type TextStates,
} from '../../nn/index.ts';
import {
  DownBlock,
  joined,
  UpBlock,
  type BlockSettings,
  type DownBlockOptions,
  type Features,
  type TimeEmbedding,
  type UpBlockOptions,
} from './block.ts';

/** Channels of a group in all of their normalizations. */
const groupSize = 32;

/** Options of a block's attention. */
interface KAttentionOptions {
  readonly channels: number;
  readonly headDim: number;
  readonly tembChannels: number;
  readonly selfAttention: boolean;
  /** Width of the text embeddings; null is self-attention instead. */
  readonly crossAttentionDim: number | null;
}

/** Attention of pixels to a text, or without one to themselves. */
class KCrossAttention extends Module {
  /** Of the text. A checkpoint has it; a network without a text never applies it. */
  readonly normCross: LayerNorm;
  readonly toQ: Linear;
  readonly toK: Linear;
  readonly toV: Linear;
  readonly toOut: readonly [Linear];
  readonly #heads: number;

  constructor({ channels, headDim, crossAttentionDim }: KAttentionOptions) {
    super();
    this.#heads = Math.floor(channels / headDim);
    if (this.#heads < 1) {
      throw new Error(`attention: a head of ${headDim} is wider than the ${channels} channels (attentionHeadDim)`);
    }
    const width = this.#heads * headDim;
    const context = crossAttentionDim ?? channels;
    this.normCross = new LayerNorm(context);
    this.toQ = new Linear(channels, width);
    this.toK = new Linear(context, width);
    this.toV = new Linear(context, width);
    this.toOut = [new Linear(width, channels, { init: nearlyZero })];
  }

  /** @param x  [B, C, H, W] */
  forward(ctx: Context, x: Tensor, text: TextStates | undefined): Tensor {
    const [, , height, width] = x.shape as [number, number, number, number];
    const { toQ, toK, toV, toOut } = this;
    const tokens = pixelsToTokens(x);
    const context = text ? this.normCross.forward(ctx, text.states) : tokens;
    const masks = text?.bias ? { bias: text.bias } : {};
    return tokensToPixels(
      attend(ctx, { toQ, toK, toV, out: toOut[0] }, tokens, context, this.#heads, masks),
      height,
      width,
    );
  }
}

/** One or two attentions between pixels, each after a normalization by the time. */
class KAttentionBlock extends Module {
  readonly norm1: AdaGroupNorm | null;
  readonly attn1: PixelAttention | null;
  readonly norm2: AdaGroupNorm;
  readonly attn2: KCrossAttention;
  readonly #takesText: boolean;

  constructor(options: KAttentionOptions) {
    super();
    const { channels, headDim, tembChannels, selfAttention } = options;
    const norm = () => new AdaGroupNorm(tembChannels, channels, Math.max(1, Math.floor(channels / groupSize)));
    this.norm1 = selfAttention ? norm() : null;
    this.attn1 = selfAttention ? new PixelAttention(channels, headDim) : null;
    this.norm2 = norm();
    this.attn2 = new KCrossAttention(options);
    this.#takesText = options.crossAttentionDim !== null;
  }

  forward(ctx: Context, x: Tensor, { raw, text }: TimeEmbedding): Tensor {
    const h = this.norm1 && this.attn1 ? add(this.attn1.forward(ctx, this.norm1.forward(ctx, x, raw)), x) : x;
    return add(this.attn2.forward(ctx, this.norm2.forward(ctx, h, raw), this.#takesText ? text : undefined), h);
  }
}

/** Whether a K block has attention, and to what. */
export interface KVariant {
  readonly attention: boolean;
  /** Width of the text embeddings; null is self-attention. */
  readonly crossAttentionDim?: number | null;
}

function groupsOf(channels: number): number {
  return Math.floor(channels / groupSize);
}

/** A residual block of a level of `width` channels. */
function kResnet(
  { tembChannels, eps, activation, dropout }: BlockSettings,
  width: number,
  channels: { readonly inChannels: number; readonly midChannels: number; readonly outChannels?: number },
): ResnetBlockCondNorm2D {
  return new ResnetBlockCondNorm2D({
    ...channels,
    tembChannels,
    groups: groupsOf(channels.inChannels),
    groupsOut: groupsOf(width),
    eps,
    activation,
    dropout,
  });
}

/** The residual blocks of a level, each followed by its attention if there are any. */
function alternating(
  ctx: Context,
  start: Tensor,
  { resnets, attentions }: Pick<KDownBlock, 'resnets' | 'attentions'>,
  time: TimeEmbedding,
): Tensor[] {
  let h = start;
  return resnets.map((block, i) => {
    h = block.forward(ctx, h, time.raw);
    return (h = attentions[i]?.forward(ctx, h, time) ?? h);
  });
}

/** One resolution of the down path. */
export class KDownBlock extends DownBlock {
  readonly resnets: readonly ResnetBlockCondNorm2D[];
  readonly attentions: readonly KAttentionBlock[];
  readonly #last: boolean;

  constructor(options: DownBlockOptions, { attention, crossAttentionDim = null }: KVariant) {
    super();
    const { inChannels, outChannels, layers, headDim, last, tembChannels } = options;
    this.resnets = Array.from({ length: layers }, (_, i) =>
      kResnet(options, outChannels, { inChannels: i === 0 ? inChannels : outChannels, midChannels: outChannels }),
    );
    this.attentions = attention
      ? this.resnets.map(
          () =>
            new KAttentionBlock({
              channels: outChannels,
              headDim,
              tembChannels,
              selfAttention: last,
              crossAttentionDim,
            }),
        )
      : [];
    this.#last = last;
  }

  override forward(ctx: Context, features: Features, time: TimeEmbedding) {
    const passed = alternating(ctx, features.h, this, time);
    const h = passed.at(-1) ?? features.h;
    // At the lowest level the up path continues from the end of the down path, and needs no skip connection.
    const activations = this.#last && this.attentions.length > 0 ? passed.map(() => null) : passed;
    return { ...features, h: this.#last ? h : filteredDownsample(h, 'reflect'), activations };
  }
}

/** One resolution of the up path. */
export class KUpBlock extends UpBlock {
  readonly resnets: readonly ResnetBlockCondNorm2D[];
  readonly attentions: readonly KAttentionBlock[];
  readonly #last: boolean;

  constructor(options: UpBlockOptions, { attention, crossAttentionDim = null }: KVariant) {
    super();
    const { inChannels: upper, outChannels, layers, headDim, last, tembChannels } = options;
    // With attention the lowest block is told by its widths: it takes no activation, and has self-attention.
    const lowest = attention && upper === outChannels && outChannels === tembChannels;
    const count = layers - 1;
    this.resnets = Array.from({ length: count }, (_, i) => {
      const from = i > 0 ? outChannels : lowest ? outChannels : 2 * outChannels;
      const to = i === count - 1 ? upper : outChannels;
      // With attention the change of width is left to the second convolution.
      const mid = attention ? outChannels : to;
      return kResnet(options, outChannels, { inChannels: from, midChannels: mid, outChannels: to });
    });
    this.attentions = attention
      ? this.resnets.map(
          (_, i) =>
            new KAttentionBlock({
              channels: i === count - 1 ? upper : outChannels,
              headDim,
              tembChannels,
              selfAttention: lowest,
              crossAttentionDim,
            }),
        )
      : [];
    this.#last = last;
  }

  override forward(
    ctx: Context,
    features: Features,
    activations: readonly (Tensor | null)[],
    time: TimeEmbedding,
  ): Features {
    const start = joined(features.h, activations.at(-1) ?? undefined, this.resnets[0]!.inChannels);
    const h = alternating(ctx, start, this, time).at(-1)!;
    return { ...features, h: this.#last ? h : filteredUpsample(h, 'reflect') };
  }
}
