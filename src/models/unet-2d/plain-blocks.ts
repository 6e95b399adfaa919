/** The blocks of DDPM's U-Net and of its successors: residual blocks, attention, and a change of resolution. */
import type { Tensor } from '../../core/index.ts';
import {
  Downsample2D,
  SpatialAttention,
  Upsample2D,
  type AddedKVAttention,
  type Context,
  type ResnetBlock2D,
  type TextAttention,
} from '../../nn/index.ts';
import {
  DownBlock,
  joined,
  newestFirst,
  resamplingResnet,
  resnet,
  UpBlock,
  upInputs,
  type BlockSettings,
  type DownBlockOptions,
  type Features,
  type TimeEmbedding,
  type UpBlockOptions,
} from './block.ts';

/** What follows a residual block: attention between pixels, or to a text. */
export type LevelAttention = SpatialAttention | TextAttention | AddedKVAttention;

/** What makes one block of this kind another. */
export interface PlainVariant {
  /** The attention after the resnet of that number; null has none. */
  readonly attention: ((layer: number) => LevelAttention) | null;
  /** How the resolution changes: by a convolution, or inside a residual block. */
  readonly resample: 'conv' | 'resnet';
  /** The time embedding enters the resnets as it comes, without an activation; default false. */
  readonly skipTimeAct?: boolean;
  /** What the sum of a resnet's branch and shortcut is divided by; default 1. */
  readonly outputScaleFactor?: number;
}

/** Attention between the pixels of a level. */
export function spatialAttention(channels: number, headDim: number, { groups, eps }: BlockSettings): SpatialAttention {
  return new SpatialAttention({ channels, headDim, groups, eps });
}

/** @throws if the attention is to a text and there is none */
export function applyAttention(ctx: Context, attention: LevelAttention, h: Tensor, { text }: TimeEmbedding): Tensor {
  if (attention instanceof SpatialAttention) return attention.forward(ctx, h);
  if (!text) throw new Error('internal: a block attends to a text that the network is not given');
  return attention.forward(ctx, h, text);
}

/** One resolution of the down path; passes every activation to the up path. */
export class PlainDownBlock extends DownBlock {
  readonly resnets: readonly ResnetBlock2D[];
  readonly attentions: readonly LevelAttention[];
  readonly downsamplers: readonly (Downsample2D | ResnetBlock2D)[];
  readonly #skipTimeAct: boolean;

  constructor(
    options: DownBlockOptions,
    { attention, resample, skipTimeAct = false, outputScaleFactor = 1 }: PlainVariant,
  ) {
    super();
    const { inChannels, outChannels, layers, last, downsamplePadding } = options;
    this.resnets = Array.from({ length: layers }, (_, i) =>
      resnet(options, { inChannels: i === 0 ? inChannels : outChannels, outChannels, outputScaleFactor }),
    );
    this.attentions = attention ? this.resnets.map((_, i) => attention(i)) : [];
    const downsampler = () =>
      resample === 'conv'
        ? new Downsample2D(outChannels, downsamplePadding)
        : resamplingResnet(options, outChannels, 'down', outputScaleFactor);
    this.downsamplers = last ? [] : [downsampler()];
    this.#skipTimeAct = skipTimeAct;
  }

  override forward(ctx: Context, features: Features, time: TimeEmbedding) {
    const temb = this.#skipTimeAct ? time.raw : time.activated;
    const activations: Tensor[] = [];
    let { h } = features;
    this.resnets.forEach((block, i) => {
      h = block.forward(ctx, h, temb);
      const attention = this.attentions[i];
      if (attention) h = applyAttention(ctx, attention, h, time);
      activations.push(h);
    });
    for (const downsampler of this.downsamplers) activations.push((h = downsampler.forward(ctx, h, temb)));
    return { ...features, h, activations };
  }
}

/** One resolution of the up path: each resnet also takes one activation of the down path. */
export class PlainUpBlock extends UpBlock {
  readonly resnets: readonly ResnetBlock2D[];
  readonly attentions: readonly LevelAttention[];
  readonly upsamplers: readonly (Upsample2D | ResnetBlock2D)[];
  readonly #skipTimeAct: boolean;

  constructor(
    options: UpBlockOptions,
    { attention, resample, skipTimeAct = false, outputScaleFactor = 1 }: PlainVariant,
  ) {
    super();
    const { outChannels, last } = options;
    this.resnets = upInputs(options).map(({ below, activation }) =>
      resnet(options, { inChannels: below + activation, outChannels, outputScaleFactor }),
    );
    this.attentions = attention ? this.resnets.map((_, i) => attention(i)) : [];
    const upsampler = () =>
      resample === 'conv'
        ? new Upsample2D(outChannels)
        : resamplingResnet(options, outChannels, 'up', outputScaleFactor);
    this.upsamplers = last ? [] : [upsampler()];
    this.#skipTimeAct = skipTimeAct;
  }

  override forward(
    ctx: Context,
    features: Features,
    activations: readonly (Tensor | null)[],
    time: TimeEmbedding,
    size?: readonly [number, number],
  ): Features {
    const temb = this.#skipTimeAct ? time.raw : time.activated;
    const newest = newestFirst(activations);
    let { h } = features;
    this.resnets.forEach((block, i) => {
      h = block.forward(ctx, joined(h, newest[i], block.inChannels), temb);
      const attention = this.attentions[i];
      if (attention) h = applyAttention(ctx, attention, h, time);
    });
    for (const upsampler of this.upsamplers) {
      h = upsampler instanceof Upsample2D ? upsampler.forward(ctx, h, size) : upsampler.forward(ctx, h, temb);
    }
    return { ...features, h };
  }
}
