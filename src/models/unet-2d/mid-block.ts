import type { Tensor } from '../../core/index.ts';
import { Module, SpatialAttention, type Context, type ResnetBlock2D } from '../../nn/index.ts';
import { groupsFor, resnet, type BlockSettings, type TimeEmbedding } from './block.ts';

/** Options of `MidBlock`. */
export interface MidBlockOptions extends BlockSettings {
  readonly channels: number;
  readonly headDim: number;
  readonly attention: boolean;
  /** Groups of the attention's normalization; null takes the residual blocks', or with `scale_shift` no normalization. */
  readonly attnGroups: number | null;
  /** What every sum of a branch and its shortcut is divided by. */
  readonly scale: number;
}

/** Residual block, attention, residual block at the lowest resolution. */
export class MidBlock extends Module {
  readonly resnets: readonly [ResnetBlock2D, ResnetBlock2D];
  readonly attentions: readonly SpatialAttention[];

  constructor(options: MidBlockOptions) {
    super();
    const { channels, headDim, attention, scale, eps, timeScaleShift } = options;
    const groups = options.groups ?? groupsFor(channels);
    const block = () =>
      resnet(options, { inChannels: channels, outChannels: channels, groups, outputScaleFactor: scale });
    this.resnets = [block(), block()];
    const attnGroups = options.attnGroups ?? (timeScaleShift === 'default' ? groups : null);
    this.attentions = attention
      ? [new SpatialAttention({ channels, headDim, groups: attnGroups, eps, rescaleOutputFactor: scale })]
      : [];
  }

  forward(ctx: Context, x: Tensor, { activated }: TimeEmbedding): Tensor {
    let h = this.resnets[0].forward(ctx, x, activated);
    for (const attention of this.attentions) h = attention.forward(ctx, h);
    return this.resnets[1].forward(ctx, h, activated);
  }
}
