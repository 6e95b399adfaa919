/**
 * The blocks of k-diffusion's U-Net: the time enters through the normalizations, resampling is filtered with mirrored
 * edges, and one activation a level goes to the way up.
 *
 * @see Crowson et al., k-diffusion — https://github.com/crowsonkb/k-diffusion
 */
import { add, type Tensor } from '../../core/index.ts';
import {
  AdaGroupNorm,
  filteredDownsample,
  filteredUpsample,
  LayerNorm,
  Module,
  PixelAttention,
  ResnetBlockCondNorm2D,
  type Context,
} from '../../nn/index.ts';
import {
  DownBlock,
  joined,
  UpBlock,
  type DownBlockOptions,
  type Features,
  type TimeEmbedding,
  type UpBlockOptions,
} from './block.ts';

/** Channels of a group in all of their normalizations. */
const groupSize = 32;

/** What attends to a text in other networks, and without one to the pixels themselves. */
class TextlessCrossAttention extends PixelAttention {
  /** Of the text. A checkpoint has it; a network that is given none never applies it. */
  readonly normCross: LayerNorm;

  constructor(channels: number, headDim: number) {
    super(channels, headDim);
    this.normCross = new LayerNorm(channels);
  }
}

/** One or two attentions between pixels, each after a normalization by the time. */
class KAttentionBlock extends Module {
  readonly norm1: AdaGroupNorm | null;
  readonly attn1: PixelAttention | null;
  readonly norm2: AdaGroupNorm;
  readonly attn2: TextlessCrossAttention;

  constructor(channels: number, headDim: number, tembChannels: number, selfAttention: boolean) {
    super();
    const norm = () => new AdaGroupNorm(tembChannels, channels, Math.max(1, Math.floor(channels / groupSize)));
    this.norm1 = selfAttention ? norm() : null;
    this.attn1 = selfAttention ? new PixelAttention(channels, headDim) : null;
    this.norm2 = norm();
    this.attn2 = new TextlessCrossAttention(channels, headDim);
  }

  forward(ctx: Context, x: Tensor, temb: Tensor): Tensor {
    const h = this.norm1 && this.attn1 ? add(this.attn1.forward(ctx, this.norm1.forward(ctx, x, temb)), x) : x;
    return add(this.attn2.forward(ctx, this.norm2.forward(ctx, h, temb)), h);
  }
}

function groupsOf(channels: number): number {
  return Math.floor(channels / groupSize);
}

/** One resolution on the way down. */
export class KDownBlock extends DownBlock {
  readonly resnets: readonly ResnetBlockCondNorm2D[];
  readonly attentions: readonly KAttentionBlock[];
  readonly #last: boolean;

  constructor(
    { inChannels, outChannels, layers, headDim, last, tembChannels, eps, activation, dropout }: DownBlockOptions,
    attention: boolean,
  ) {
    super();
    this.resnets = Array.from({ length: layers }, (_, i) => {
      const from = i === 0 ? inChannels : outChannels;
      return new ResnetBlockCondNorm2D({
        inChannels: from,
        midChannels: outChannels,
        tembChannels,
        groups: groupsOf(from),
        groupsOut: groupsOf(outChannels),
        eps,
        activation,
        dropout,
      });
    });
    this.attentions = attention
      ? this.resnets.map(() => new KAttentionBlock(outChannels, headDim, tembChannels, last))
      : [];
    this.#last = last;
  }

  override forward(ctx: Context, features: Features, { raw }: TimeEmbedding) {
    const activations: (Tensor | null)[] = [];
    let { h } = features;
    this.resnets.forEach((block, i) => {
      h = block.forward(ctx, h, raw);
      h = this.attentions[i]?.forward(ctx, h, raw) ?? h;
      // At the lowest level the way up goes on from where the way down ends, and needs no second copy of it.
      activations.push(this.#last && this.attentions.length > 0 ? null : h);
    });
    return { ...features, h: this.#last ? h : filteredDownsample(h, 'reflect'), activations };
  }
}

/** One resolution on the way up. */
export class KUpBlock extends UpBlock {
  readonly resnets: readonly ResnetBlockCondNorm2D[];
  readonly attentions: readonly KAttentionBlock[];
  readonly #last: boolean;

  constructor(
    { inChannels: upper, outChannels, layers, headDim, last, tembChannels, eps, activation, dropout }: UpBlockOptions,
    attention: boolean,
  ) {
    super();
    // With attention the lowest block is told by its widths: it takes no activation, and has self-attention.
    const lowest = attention && upper === outChannels && outChannels === tembChannels;
    const count = layers - 1;
    this.resnets = Array.from({ length: count }, (_, i) => {
      const from = i > 0 ? outChannels : lowest ? outChannels : 2 * outChannels;
      const to = i === count - 1 ? upper : outChannels;
      // With attention the change of width is left to the second convolution.
      const mid = attention ? outChannels : to;
      return new ResnetBlockCondNorm2D({
        inChannels: from,
        midChannels: mid,
        outChannels: to,
        tembChannels,
        groups: groupsOf(from),
        groupsOut: groupsOf(outChannels),
        eps,
        activation,
        dropout,
      });
    });
    this.attentions = attention
      ? this.resnets.map(
          (_, i) => new KAttentionBlock(i === count - 1 ? upper : outChannels, headDim, tembChannels, lowest),
        )
      : [];
    this.#last = last;
  }

  override forward(
    ctx: Context,
    features: Features,
    activations: readonly (Tensor | null)[],
    { raw }: TimeEmbedding,
  ): Features {
    let h = joined(features.h, activations.at(-1) ?? undefined, this.resnets[0]!.inChannels);
    this.resnets.forEach((block, i) => {
      h = block.forward(ctx, h, raw);
      h = this.attentions[i]?.forward(ctx, h, raw) ?? h;
    });
    return { ...features, h: this.#last ? h : filteredUpsample(h, 'reflect') };
  }
}
