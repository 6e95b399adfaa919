/**
 * The blocks of NCSN++: residual blocks scaled by 1/√2, filtered resampling, and an image that goes along at every
 * resolution, added to the features on the down path and accumulated from them on the up path.
 *
 * @see Song et al. 2021, appendix H — https://arxiv.org/abs/2011.13456
 */
import { add, silu, type Tensor } from '../../core/index.ts';
import {
  Conv2d,
  filteredDownsample,
  filteredUpsample,
  GroupNorm,
  nearlyZero,
  SpatialAttention,
  type Context,
  type ResnetBlock2D,
} from '../../nn/index.ts';
import {
  DownBlock,
  groupsFor,
  joined,
  newestFirst,
  resnet,
  UpBlock,
  upInputs,
  type BlockSettings,
  type DownBlockOptions,
  type Features,
  type TimeEmbedding,
  type UpBlockOptions,
} from './block.ts';

/** Channels of the image: diffusers fixes them. */
const imageChannels = 3;

const outputScaleFactor = Math.SQRT2;

function attention(channels: number, headDim: number, { eps }: BlockSettings): SpatialAttention {
  return new SpatialAttention({ channels, headDim, groups: 32, eps, rescaleOutputFactor: outputScaleFactor });
}

function resampling(options: BlockSettings, channels: number, resample: (x: Tensor) => Tensor): ResnetBlock2D {
  return resnet(options, {
    inChannels: channels,
    outChannels: channels,
    groups: groupsFor(channels),
    outputScaleFactor,
    resample,
    convShortcut: true,
  });
}

/** One resolution of the down path. */
export class SkipDownBlock extends DownBlock {
  readonly attentions: readonly SpatialAttention[];
  readonly resnets: readonly ResnetBlock2D[];
  readonly resnetDown: ResnetBlock2D | null;
  /** From the image to features to be added. */
  readonly skipConv: Conv2d | null;

  constructor(options: DownBlockOptions, hasAttention: boolean) {
    super();
    const { outChannels, layers, headDim, last } = options;
    this.attentions = hasAttention
      ? Array.from({ length: layers }, () => attention(outChannels, headDim, options))
      : [];
    this.resnets = Array.from({ length: layers }, (_, i) => {
      const inChannels = i === 0 ? options.inChannels : outChannels;
      return resnet(options, {
        inChannels,
        outChannels,
        groups: groupsFor(inChannels),
        groupsOut: groupsFor(outChannels),
        outputScaleFactor,
      });
    });
    this.resnetDown = last ? null : resampling(options, outChannels, (x) => filteredDownsample(x, 'zeros'));
    this.skipConv = last ? null : new Conv2d(imageChannels, outChannels, 1);
  }

  override forward(ctx: Context, { h: x, image }: Features, { activated }: TimeEmbedding) {
    const activations: Tensor[] = [];
    let h = x;
    this.resnets.forEach((block, i) => {
      h = block.forward(ctx, h, activated);
      h = this.attentions[i]?.forward(ctx, h) ?? h;
      activations.push(h);
    });
    if (!this.resnetDown || !this.skipConv) return { h, image, activations };
    const smaller = filteredDownsample(image!, 'zeros');
    h = this.resnetDown.forward(ctx, h, activated);
    if (smaller.shape[1] !== imageChannels)
      throw new Error(`it takes images of ${imageChannels} channels, inChannels is ${smaller.shape[1]}`);
    if (smaller.shape[2] !== h.shape[2])
      throw new Error('a block above it changes the resolution without taking the image along; begin with Skip blocks');
    h = add(this.skipConv.forward(ctx, smaller), h);
    activations.push(h);
    return { h, image: smaller, activations };
  }
}

/** One resolution of the up path. */
export class SkipUpBlock extends UpBlock {
  readonly attentions: readonly SpatialAttention[];
  readonly resnets: readonly ResnetBlock2D[];
  readonly resnetUp: ResnetBlock2D | null;
  /** From the features to what they add to the image. */
  readonly skipConv: Conv2d | null;
  readonly skipNorm: GroupNorm | null;

  constructor(options: UpBlockOptions, hasAttention: boolean) {
    super();
    const { outChannels, headDim, last, eps } = options;
    this.attentions = hasAttention ? [attention(outChannels, headDim, options)] : [];
    this.resnets = upInputs(options).map(({ below, activation }) =>
      resnet(options, {
        inChannels: below + activation,
        outChannels,
        groupsOut: groupsFor(outChannels),
        outputScaleFactor,
        // With attention diffusers divides only one of the two by four; checkpoints are trained that way.
        groups: hasAttention ? Math.min(below + Math.floor(activation / 4), 32) : groupsFor(below + activation),
      }),
    );
    this.resnetUp = last ? null : resampling(options, outChannels, (x) => filteredUpsample(x, 'zeros'));
    // As the last convolution of the network: its output is zero at initialization.
    this.skipConv = last ? null : new Conv2d(outChannels, imageChannels, 3, { padding: 1, init: nearlyZero });
    this.skipNorm = last ? null : new GroupNorm(groupsFor(outChannels), outChannels, eps);
  }

  override forward(
    ctx: Context,
    { h: x, image: below }: Features,
    activations: readonly (Tensor | null)[],
    { activated }: TimeEmbedding,
  ): Features {
    const newest = newestFirst(activations);
    let h = x;
    this.resnets.forEach((block, i) => {
      h = block.forward(ctx, joined(h, newest[i], block.inChannels), activated);
    });
    for (const layer of this.attentions) h = layer.forward(ctx, h);
    const image = below && filteredUpsample(below, 'zeros');
    if (!this.resnetUp || !this.skipConv || !this.skipNorm) return { h, image };
    const addition = this.skipConv.forward(ctx, silu(this.skipNorm.forward(ctx, h)));
    return { h: this.resnetUp.forward(ctx, h, activated), image: image ? add(image, addition) : addition };
  }
}
