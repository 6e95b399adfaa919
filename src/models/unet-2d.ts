/** diffusers' `UNet2DModel`, the network of DDPM. */
import { z } from 'zod';
import { add, concat, silu, sub, mul, type Tensor } from '../core/index.ts';
import { Conv2d, Downsample2D, Embedding, GroupNorm, Module, nearlyZero, ResnetBlock2D, sinusoidalEmbedding, SpatialAttention, TimestepEmbedding, Upsample2D, type Context } from '../nn/index.ts';

const positive = z.number().int().positive();

/** diffusers' option names in camelCase, with diffusers' defaults. Values we do not support yet are errors. */
export const unet2DConfigSchema = z.strictObject({
  sampleSize: z.union([positive, z.tuple([positive, positive])]).nullable().default(null),
  inChannels: positive.default(3),
  outChannels: positive.default(3),
  centerInputSample: z.boolean().default(false),
  timeEmbeddingType: z.literal('positional').default('positional'),
  timeEmbeddingDim: positive.nullable().default(null),
  freqShift: z.number().default(0),
  flipSinToCos: z.boolean().default(true),
  downBlockTypes: z.array(z.enum(['DownBlock2D', 'AttnDownBlock2D'])).nonempty().default(['DownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D']),
  midBlockType: z.enum(['UNetMidBlock2D']).default('UNetMidBlock2D'),
  upBlockTypes: z.array(z.enum(['UpBlock2D', 'AttnUpBlock2D'])).nonempty().default(['AttnUpBlock2D', 'AttnUpBlock2D', 'AttnUpBlock2D', 'UpBlock2D']),
  blockOutChannels: z.array(positive).nonempty().default([224, 448, 672, 896]),
  layersPerBlock: positive.default(2),
  midBlockScaleFactor: z.number().positive().default(1),
  downsamplePadding: z.union([z.literal(0), z.literal(1)]).default(1),
  downsampleType: z.literal('conv').default('conv'),
  upsampleType: z.literal('conv').default('conv'),
  dropout: z.literal(0).default(0),
  actFn: z.enum(['silu', 'swish']).default('silu'),
  attentionHeadDim: positive.nullable().default(8),
  normNumGroups: positive.default(32),
  attnNormNumGroups: z.null().default(null),
  normEps: z.number().positive().default(1e-5),
  resnetTimeScaleShift: z.literal('default').default('default'),
  addAttention: z.boolean().default(true),
  classEmbedType: z.null().default(null),
  numClassEmbeds: positive.nullable().default(null),
  numTrainTimesteps: positive.nullable().default(null),
});

/** A checked configuration with every default filled in. */
export type UNet2DConfig = z.output<typeof unet2DConfigSchema>;
/** A configuration as a person writes it: every field is optional. */
export type UNet2DOptions = z.input<typeof unet2DConfigSchema>;

interface BlockOptions {
  readonly tembChannels: number;
  readonly groups: number;
  readonly eps: number;
  readonly headDim: number | null;
}

/** The resnets of one level, each followed by attention if the level has it. */
abstract class Level extends Module {
  readonly resnets: readonly ResnetBlock2D[];
  readonly attentions: readonly SpatialAttention[];

  constructor(inputs: readonly number[], outChannels: number, attention: boolean, options: BlockOptions) {
    super();
    this.resnets = inputs.map((inChannels) => new ResnetBlock2D({ inChannels, outChannels, ...options }));
    this.attentions = attention ? inputs.map(() => new SpatialAttention({ channels: outChannels, ...options })) : [];
  }

  protected layer(ctx: Context, index: number, x: Tensor, temb: Tensor): Tensor {
    const h = this.resnets[index]!.forward(ctx, x, temb);
    return this.attentions[index]?.forward(ctx, h) ?? h;
  }
}

/** One resolution on the way down; returns every activation, because the way up takes them all. */
class DownLevel extends Level {
  readonly downsamplers: readonly Downsample2D[];

  constructor(inChannels: number, outChannels: number, layers: number, { attention, downsamplePadding, last, ...options }: BlockOptions & { attention: boolean; downsamplePadding: number; last: boolean }) {
    super(Array.from({ length: layers }, (_, i) => (i === 0 ? inChannels : outChannels)), outChannels, attention, options);
    this.downsamplers = last ? [] : [new Downsample2D(outChannels, downsamplePadding)];
  }

  forward(ctx: Context, x: Tensor, temb: Tensor): readonly Tensor[] {
    const activations: Tensor[] = [];
    let h = x;
    for (const index of this.resnets.keys()) activations.push(h = this.layer(ctx, index, h, temb));
    for (const downsampler of this.downsamplers) activations.push(h = downsampler.forward(ctx, h));
    return activations;
  }
}

/** One resolution on the way up: each resnet also sees one activation from the way down. */
class UpLevel extends Level {
  readonly upsamplers: readonly Upsample2D[];

  constructor(inputs: readonly number[], outChannels: number, { attention, last, ...options }: BlockOptions & { attention: boolean; last: boolean }) {
    super(inputs, outChannels, attention, options);
    this.upsamplers = last ? [] : [new Upsample2D(outChannels)];
  }

  forward(ctx: Context, x: Tensor, skips: Tensor[], temb: Tensor): Tensor {
    let h = x;
    for (const index of this.resnets.keys()) h = this.layer(ctx, index, concat([h, skips.pop()!], 1), temb);
    for (const upsampler of this.upsamplers) h = upsampler.forward(ctx, h);
    return h;
  }
}

/** Residual block, attention, residual block at the lowest resolution. */
class MidBlock extends Module {
  readonly resnets: readonly [ResnetBlock2D, ResnetBlock2D];
  readonly attentions: readonly SpatialAttention[];

  constructor(channels: number, { attention, scale, ...options }: BlockOptions & { attention: boolean; scale: number }) {
    super();
    const resnet = () => new ResnetBlock2D({ inChannels: channels, outChannels: channels, outputScaleFactor: scale, ...options });
    this.resnets = [resnet(), resnet()];
    this.attentions = attention ? [new SpatialAttention({ channels, rescaleOutputFactor: scale, ...options })] : [];
  }

  forward(ctx: Context, x: Tensor, temb: Tensor): Tensor {
    let h = this.resnets[0].forward(ctx, x, temb);
    for (const attention of this.attentions) h = attention.forward(ctx, h);
    return this.resnets[1].forward(ctx, h, temb);
  }
}

/**
 * The U-Net of DDPM with diffusers' configuration and checkpoint names.
 *
 * @see Ho et al. 2020, appendix B — https://arxiv.org/abs/2006.11239
 */
export class UNet2DModel extends Module {
  readonly convIn: Conv2d;
  readonly timeEmbedding: TimestepEmbedding;
  readonly classEmbedding: Embedding | null;
  readonly downBlocks: readonly DownLevel[];
  readonly midBlock: MidBlock;
  readonly upBlocks: readonly UpLevel[];
  readonly convNormOut: GroupNorm;
  readonly convOut: Conv2d;
  readonly #config: UNet2DConfig;

  /** @throws if the options contradict each other: lists of different lengths, groups that do not divide channels */
  constructor(options: UNet2DOptions) {
    super();
    const config = unet2DConfigSchema.parse(options);
    const { blockOutChannels: channels, downBlockTypes, upBlockTypes, layersPerBlock } = config;
    checkConsistent(config);
    this.#config = config;
    const tembChannels = config.timeEmbeddingDim ?? channels[0]! * 4;
    const block: BlockOptions = { tembChannels, groups: config.normNumGroups, eps: config.normEps, headDim: config.attentionHeadDim };
    const top = channels.length - 1;

    this.convIn = new Conv2d(config.inChannels, channels[0]!, 3, { padding: 1 });
    this.timeEmbedding = new TimestepEmbedding(channels[0]!, tembChannels);
    this.classEmbedding = config.numClassEmbeds === null ? null : new Embedding(config.numClassEmbeds, tembChannels);
    this.downBlocks = channels.map((outChannels, level) => new DownLevel(channels[Math.max(level - 1, 0)]!, outChannels, layersPerBlock, {
      ...block, attention: downBlockTypes[level] === 'AttnDownBlock2D', downsamplePadding: config.downsamplePadding, last: level === top,
    }));
    this.midBlock = new MidBlock(channels[top]!, { ...block, attention: config.addAttention, scale: config.midBlockScaleFactor });

    // The way up pops one activation a resnet, in the reverse of the order in which the way down pushed them.
    const pushed = [channels[0]!, ...channels.flatMap((c, level) => Array<number>(layersPerBlock + (level === top ? 0 : 1)).fill(c))];
    const upward = channels.toReversed();
    this.upBlocks = upward.map((outChannels, level) => {
      const inputs = Array.from({ length: layersPerBlock + 1 }, (_, i) => (i === 0 ? upward[Math.max(level - 1, 0)]! : outChannels) + pushed.pop()!);
      return new UpLevel(inputs, outChannels, { ...block, attention: upBlockTypes[level] === 'AttnUpBlock2D', last: level === top });
    });
    this.convNormOut = new GroupNorm(config.normNumGroups, channels[0]!, config.normEps);
    this.convOut = new Conv2d(channels[0]!, config.outChannels, 3, { padding: 1, init: nearlyZero });
  }

  get config(): UNet2DConfig {
    return this.#config;
  }

  /**
   * @param sample       [B, inChannels, H, W]; H and W divisible by 2^(levels − 1)
   * @param timestep     [B] in 0 … T − 1
   * @param classLabels  [B] of i64, required exactly if the configuration has numClassEmbeds
   * @returns            [B, outChannels, H, W]
   */
  forward(ctx: Context, sample: Tensor, timestep: Tensor, classLabels?: Tensor): Tensor {
    const { inChannels, blockOutChannels, flipSinToCos, freqShift, centerInputSample } = this.#config;
    const factor = 2 ** (blockOutChannels.length - 1);
    const [, channels, height, width] = sample.shape;
    if (sample.shape.length !== 4 || channels !== inChannels) throw new Error(`unet: the sample is [${sample.shape.join(', ')}], expected [B, ${inChannels}, H, W]`);
    if (height! % factor !== 0 || width! % factor !== 0) throw new Error(`unet: height and width must be multiples of ${factor} for ${blockOutChannels.length} levels, got ${height} × ${width}`);
    if ((classLabels === undefined) !== (this.classEmbedding === null)) throw new Error(this.classEmbedding ? 'unet: this model needs class labels' : 'unet: this model takes no class labels');

    let emb = this.timeEmbedding.forward(ctx, sinusoidalEmbedding(timestep, blockOutChannels[0]!, { flipSinToCos, freqShift }));
    if (this.classEmbedding) emb = add(emb, this.classEmbedding.forward(ctx, classLabels!));
    const temb = silu(emb);

    let h = this.convIn.forward(ctx, centerInputSample ? sub(mul(sample, 2), 1) : sample);
    const skips = [h];
    for (const block of this.downBlocks) skips.push(...block.forward(ctx, skips.at(-1)!, temb));
    h = this.midBlock.forward(ctx, skips.at(-1)!, temb);
    for (const block of this.upBlocks) h = block.forward(ctx, h, skips, temb);
    return this.convOut.forward(ctx, silu(this.convNormOut.forward(ctx, h)));
  }
}

function checkConsistent({ blockOutChannels, downBlockTypes, upBlockTypes, normNumGroups }: UNet2DConfig): void {
  if (downBlockTypes.length !== blockOutChannels.length || upBlockTypes.length !== blockOutChannels.length) {
    throw new Error(`unet: blockOutChannels has ${blockOutChannels.length} levels, downBlockTypes ${downBlockTypes.length}, upBlockTypes ${upBlockTypes.length}; they must agree`);
  }
  for (const channels of blockOutChannels) {
    if (channels % normNumGroups !== 0) throw new Error(`unet: ${channels} channels do not split into ${normNumGroups} groups (blockOutChannels and normNumGroups)`);
  }
}
