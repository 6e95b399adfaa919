/** diffusers' `UNet2DModel`, the network of DDPM and of many after it. */
import { add, div, mul, reshape, silu, sub, type DType, type Shape, type Tensor } from '../core/index.ts';
import {
  activations,
  Conv2d,
  Embedding,
  GaussianFourierProjection,
  GroupNorm,
  LearnedTimes,
  Module,
  nearlyZero,
  TimestepEmbedding,
  Timesteps,
  type Context,
  type TimeProjection,
} from '../nn/index.ts';
import { groupsFor, naming, type BlockSettings, type DownBlock, type Features, type UpBlock } from './unet-2d/block.ts';
import {
  downBlockTypes,
  presentName,
  upBlockTypes,
  type DownBlockType,
  type UpBlockType,
} from './unet-2d/block-types.ts';
import { parseConfig } from './config.ts';
import { checkConsistent, unet2DConfigSchema, type UNet2DConfig, type UNet2DOptions } from './unet-2d/config.ts';
import { MidBlock } from './unet-2d/mid-block.ts';

/** Standard deviation of the frequencies of a `fourier` time embedding; diffusers fixes it. */
const fourierScale = 16;

/** What a network is conditioned on next to the time. */
export interface ClassInput {
  /** `labels` are class numbers, `values` a number for each sample, `vectors` its embedding. */
  readonly kind: 'labels' | 'values' | 'vectors';
  readonly dtype: DType;
  /** Of one sample. */
  readonly shape: Shape;
}

/**
 * The U-Net of DDPM with diffusers' configuration and checkpoint names.
 *
 * @see Ho et al. 2020, appendix B — https://arxiv.org/abs/2006.11239
 */
export class UNet2DModel extends Module {
  readonly convIn: Conv2d;
  readonly timeProj: TimeProjection;
  readonly timeEmbedding: TimestepEmbedding;
  readonly classEmbedding: Embedding | TimestepEmbedding | null;
  readonly downBlocks: readonly DownBlock[];
  readonly midBlock: MidBlock | null;
  readonly upBlocks: readonly UpBlock[];
  readonly convNormOut: GroupNorm;
  readonly convOut: Conv2d;
  readonly #config: UNet2DConfig;
  readonly #tembChannels: number;

  /** @throws if the options contradict each other: lists of different lengths, groups that do not divide channels */
  constructor(options: UNet2DOptions) {
    super();
    const config = parseConfig(unet2DConfigSchema, options, 'UNet2DModel');
    checkConsistent(config);
    this.#config = config;
    const { blockOutChannels: channels, layersPerBlock, normNumGroups, normEps } = config;
    const tembChannels = config.timeEmbeddingDim ?? channels[0]! * 4;
    this.#tembChannels = tembChannels;
    const settings: BlockSettings = {
      tembChannels,
      groups: normNumGroups,
      eps: normEps,
      activation: config.actFn,
      timeScaleShift: config.resnetTimeScaleShift,
      dropout: config.dropout,
      downsamplePadding: config.downsamplePadding,
      downsampleType: config.downsampleType,
      upsampleType: config.upsampleType,
    };
    const top = channels.length - 1;
    const headDim = (outChannels: number) => config.attentionHeadDim ?? outChannels;

    this.convIn = new Conv2d(config.inChannels, channels[0]!, 3, { padding: 1 });
    this.timeProj = timeProjection(config);
    this.timeEmbedding = new TimestepEmbedding(this.timeProj.width, tembChannels);
    this.classEmbedding =
      config.classEmbedType === 'timestep'
        ? new TimestepEmbedding(this.timeProj.width, tembChannels)
        : config.classEmbedType === null && config.numClassEmbeds !== null
          ? new Embedding(config.numClassEmbeds, tembChannels)
          : null;
    this.downBlocks = channels.map((outChannels, level) =>
      naming(`downBlockTypes[${level}]`, config.downBlockTypes[level]!, () =>
        downBlockTypes[presentName<DownBlockType>(config.downBlockTypes[level]!)]({
          ...settings,
          inChannels: channels[Math.max(level - 1, 0)]!,
          outChannels,
          layers: layersPerBlock,
          headDim: headDim(outChannels),
          last: level === top,
        }),
      ),
    );
    this.midBlock =
      config.midBlockType === null
        ? null
        : naming(
            'midBlockType',
            config.midBlockType,
            () =>
              new MidBlock({
                ...settings,
                channels: channels[top]!,
                headDim: headDim(channels[top]!),
                attention: config.addAttention,
                attnGroups: config.attnNormNumGroups,
                scale: config.midBlockScaleFactor,
              }),
          );
    const upward = channels.toReversed();
    this.upBlocks = upward.map((outChannels, level) =>
      naming(`upBlockTypes[${level}]`, config.upBlockTypes[level]!, () =>
        upBlockTypes[presentName<UpBlockType>(config.upBlockTypes[level]!)]({
          ...settings,
          prevChannels: upward[Math.max(level - 1, 0)]!,
          inChannels: upward[Math.min(level + 1, top)]!,
          outChannels,
          layers: layersPerBlock + 1,
          headDim: headDim(outChannels),
          last: level === top,
        }),
      ),
    );
    this.convNormOut = new GroupNorm(normNumGroups ?? groupsFor(channels[0]!), channels[0]!, normEps);
    this.convOut = new Conv2d(channels[0]!, config.outChannels, 3, { padding: 1, init: nearlyZero });
  }

  get config(): UNet2DConfig {
    return this.#config;
  }

  /** What `forward` takes as its third input, or null if it takes none. */
  get classInput(): ClassInput | null {
    switch (this.#config.classEmbedType) {
      case 'timestep':
        return { kind: 'values', dtype: 'f32', shape: [] };
      case 'identity':
        return { kind: 'vectors', dtype: 'f32', shape: [this.#tembChannels] };
      case null:
        return this.#config.numClassEmbeds === null ? null : { kind: 'labels', dtype: 'i64', shape: [] };
    }
  }

  /**
   * @param sample       [B, inChannels, H, W]; H and W divisible by 2^(levels − 1)
   * @param timestep     [B] in 0 … T − 1; above 0 for a `fourier` embedding, which takes noise levels
   * @param classLabels  [B, ...] as `classInput` says, required exactly if it is not null
   * @returns            [B, outChannels, H, W]
   * @throws if the inputs do not fit, or blocks that follow each other do not
   */
  forward(ctx: Context, sample: Tensor, timestep: Tensor, classLabels?: Tensor): Tensor {
    const { actFn, centerInputSample, downBlockTypes: down, upBlockTypes: up, timeEmbeddingType } = this.#config;
    this.#checkInputs(sample, classLabels);

    let emb = this.timeEmbedding.forward(ctx, this.timeProj.forward(ctx, timestep));
    if (classLabels) emb = add(emb, this.#classFeatures(ctx, classLabels));
    const time = { raw: emb, activated: activations[actFn](emb) };

    const image = centerInputSample ? sub(mul(sample, 2), 1) : sample;
    let features: Features = { h: this.convIn.forward(ctx, image), image };
    const activationsDown: (Tensor | null)[] = [features.h];
    this.downBlocks.forEach((block, level) =>
      naming(`downBlockTypes[${level}]`, down[level]!, () => {
        const { activations: added, ...next } = block.forward(ctx, features, time);
        activationsDown.push(...added);
        features = next;
      }),
    );
    // The way up begins an image of its own.
    features = { h: this.midBlock ? this.midBlock.forward(ctx, features.h, time) : features.h };
    this.upBlocks.forEach((block, level) =>
      naming(`upBlockTypes[${level}]`, up[level]!, () => {
        features = block.forward(ctx, features, activationsDown.splice(-block.resnets.length), time);
      }),
    );
    let out = this.convOut.forward(ctx, silu(this.convNormOut.forward(ctx, features.h)));
    if (features.image) out = this.#withImage(out, features.image);
    return timeEmbeddingType === 'fourier' ? div(out, reshape(timestep, [timestep.shape[0]!, 1, 1, 1])) : out;
  }

  #checkInputs(sample: Tensor, classLabels: Tensor | undefined): void {
    const { inChannels, blockOutChannels } = this.#config;
    const factor = 2 ** (blockOutChannels.length - 1);
    const [batch, channels, height, width] = sample.shape;
    if (sample.shape.length !== 4 || channels !== inChannels)
      throw new Error(`unet: the sample is [${sample.shape.join(', ')}], expected [B, ${inChannels}, H, W]`);
    if (height! % factor !== 0 || width! % factor !== 0)
      throw new Error(
        `unet: height and width must be multiples of ${factor} for ${blockOutChannels.length} levels, got ${height} × ${width}`,
      );
    const expected = this.classInput;
    if (!classLabels && expected) throw new Error('unet: this model needs class labels');
    if (classLabels && !expected) throw new Error('unet: this model takes no class labels');
    if (classLabels && classLabels.shape.join() !== [batch, ...expected!.shape].join())
      throw new Error(
        `unet: the class labels are [${classLabels.shape.join(', ')}], expected [${[batch, ...expected!.shape].join(', ')}]`,
      );
  }

  #classFeatures(ctx: Context, classLabels: Tensor): Tensor {
    if (this.classEmbedding === null) return classLabels;
    return this.classEmbedding.forward(
      ctx,
      this.classEmbedding instanceof TimestepEmbedding ? this.timeProj.forward(ctx, classLabels) : classLabels,
    );
  }

  /** The output with the image that Skip blocks have collected on the way up. */
  #withImage(out: Tensor, image: Tensor): Tensor {
    if (image.shape.join() !== out.shape.join()) {
      throw new Error(
        `unet: the Skip blocks of upBlockTypes collect an image of [${image.shape.join(', ')}], the output is [${out.shape.join(', ')}]; take outChannels 3 and end with a Skip block`,
      );
    }
    return add(out, image);
  }
}

function timeProjection({
  timeEmbeddingType,
  blockOutChannels,
  numTrainTimesteps,
  flipSinToCos,
  freqShift,
}: UNet2DConfig): TimeProjection {
  const width = blockOutChannels[0]!;
  switch (timeEmbeddingType) {
    case 'positional':
      return new Timesteps(width, { flipSinToCos, freqShift });
    case 'fourier':
      return new GaussianFourierProjection(width, { scale: fourierScale });
    case 'learned':
      return new LearnedTimes(numTrainTimesteps!, width);
  }
}
