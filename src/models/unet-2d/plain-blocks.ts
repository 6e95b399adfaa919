/** The blocks of DDPM's U-Net and of its successors: residual blocks, attention, and a change of resolution. */
import type { Tensor } from '../../core/index.ts';
import { Downsample2D, SpatialAttention, Upsample2D, type Context, type ResnetBlock2D } from '../../nn/index.ts';
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

interface Variant {
  readonly attention: boolean;
  /** How the resolution changes: by a convolution, or inside a residual block. */
  readonly resample: 'conv' | 'resnet';
}

function attentions(
  present: boolean,
  count: number,
  channels: number,
  headDim: number,
  { groups, eps }: BlockSettings,
): readonly SpatialAttention[] {
  return present ? Array.from({ length: count }, () => new SpatialAttention({ channels, headDim, groups, eps })) : [];
}

/** One resolution on the way down; hands every activation to the way up. */
export class PlainDownBlock extends DownBlock {
  readonly resnets: readonly ResnetBlock2D[];
  readonly attentions: readonly SpatialAttention[];
  readonly downsamplers: readonly (Downsample2D | ResnetBlock2D)[];

  constructor(options: DownBlockOptions, { attention, resample }: Variant) {
    super();
    const { inChannels, outChannels, layers, headDim, last, downsamplePadding } = options;
    this.resnets = Array.from({ length: layers }, (_, i) =>
      resnet(options, { inChannels: i === 0 ? inChannels : outChannels, outChannels }),
    );
    this.attentions = attentions(attention, layers, outChannels, headDim, options);
    this.downsamplers = last
      ? []
      : [
          resample === 'conv'
            ? new Downsample2D(outChannels, downsamplePadding)
            : resamplingResnet(options, outChannels, 'down'),
        ];
  }

  override forward(ctx: Context, features: Features, { activated }: TimeEmbedding) {
    const activations: Tensor[] = [];
    let { h } = features;
    this.resnets.forEach((block, i) => {
      h = block.forward(ctx, h, activated);
      h = this.attentions[i]?.forward(ctx, h) ?? h;
      activations.push(h);
    });
    for (const downsampler of this.downsamplers) activations.push((h = downsampler.forward(ctx, h, activated)));
    return { ...features, h, activations };
  }
}

/** One resolution on the way up: each resnet also sees one activation from the way down. */
export class PlainUpBlock extends UpBlock {
  readonly resnets: readonly ResnetBlock2D[];
  readonly attentions: readonly SpatialAttention[];
  readonly upsamplers: readonly (Upsample2D | ResnetBlock2D)[];

  constructor(options: UpBlockOptions, { attention, resample }: Variant) {
    super();
    const { outChannels, layers, headDim, last } = options;
    this.resnets = upInputs(options).map(({ below, activation }) =>
      resnet(options, { inChannels: below + activation, outChannels }),
    );
    this.attentions = attentions(attention, layers, outChannels, headDim, options);
    this.upsamplers = last
      ? []
      : [resample === 'conv' ? new Upsample2D(outChannels) : resamplingResnet(options, outChannels, 'up')];
  }

  override forward(
    ctx: Context,
    features: Features,
    activations: readonly (Tensor | null)[],
    { activated }: TimeEmbedding,
  ): Features {
    const newest = newestFirst(activations);
    let { h } = features;
    this.resnets.forEach((block, i) => {
      h = block.forward(ctx, joined(h, newest[i], block.inChannels), activated);
      h = this.attentions[i]?.forward(ctx, h) ?? h;
    });
    for (const upsampler of this.upsamplers) h = upsampler.forward(ctx, h, activated);
    return { ...features, h };
  }
}
