/** diffusers' `UNet2DModel`, the network of DDPM and of many after it. */
import { add, div, mul, reshape, silu, sub, type Shape, type Tensor } from '../core/index.ts';
import { classLabelsName, type ConditionInput } from '../diffusion/conditions.ts';
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
import type { DenoisingNetwork } from './denoising-network.ts';
import {
  blockSettings,
  downPath,
  groupsFor,
  naming,
  type BlockSettings,
  type DownBlock,
  type Features,
  type UpBlock,
} from './unet-2d/block.ts';
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

/**
 * The U-Net of DDPM with diffusers' configuration and checkpoint names.
 *
 * @see Ho et al. 2020, appendix B — https://arxiv.org/abs/2006.11239
 * @example
 * import { UNet2DModel } from 'kuosan/models';
 * import { countParameters } from 'kuosan/nn';
 *
 * const unet = new UNet2DModel({ sampleSize: 32 }); // diffusers' defaults but for the size
 * console.log(countParameters(unet) > 1e6); // true
 */
export class UNet2DModel extends Module implements DenoisingNetwork {
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
      ...blockSettings(config, tembChannels),
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

  get className(): 'UNet2DModel' {
    return 'UNet2DModel';
  }

  get module(): this {
    return this;
  }

  /**
   * [inChannels, height, width]
   *
   * @throws if its configuration does not say
   */
  get sample(): Shape {
    return [this.#config.inChannels, ...this.#sides];
  }

  /**
   * [outChannels, height, width]
   *
   * @throws if its configuration does not say
   */
  get outputs(): Shape {
    return [this.#config.outChannels, ...this.#sides];
  }

  get #sides(): readonly [number, number] {
    const { sampleSize } = this.#config;
    if (sampleSize === null)
      throw new Error('unet: the configuration has no sample_size, so the size of its images is unknown; give it one');
    return typeof sampleSize === 'number' ? [sampleSize, sampleSize] : sampleSize;
  }

  get takesNoiseLevels(): boolean {
    return this.#config.timeEmbeddingType === 'fourier';
  }

  /** What `forward` takes as its third input, if anything: class numbers, a number for each sample, or its embedding. */
  get conditions(): readonly ConditionInput[] {
    const { classEmbedType, numClassEmbeds } = this.#config;
    switch (classEmbedType) {
      case 'timestep':
        return [{ name: classLabelsName, dtype: 'f32', shape: [] }];
      case 'identity':
        return [{ name: classLabelsName, dtype: 'f32', shape: [this.#tembChannels] }];
      case null:
        return numClassEmbeds === null
          ? []
          : [{ name: classLabelsName, dtype: 'i64', shape: [], count: numClassEmbeds }];
    }
  }

  /** `forward`, as every network that denoises has it. */
  denoise(ctx: Context, xt: Tensor, t: Tensor, conditions: Readonly<Record<string, Tensor>>): Tensor {
    return this.forward(ctx, xt, t, conditions[classLabelsName]);
  }

  /**
   * @param sample       [B, inChannels, H, W]; H and W divisible by 2^(levels − 1)
   * @param timestep     [B] in 0 … T − 1; above 0 for a `fourier` embedding, which takes noise levels
   * @param classLabels  [B, ...] as `conditions` says, required exactly if there are any
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
    const start = { h: this.convIn.forward(ctx, image), image };
    const {
      features: { h: lowest },
      activations: activationsDown,
    } = downPath(ctx, this.downBlocks, down, start, time);
    // The up path starts an image of its own.
    let features: Features = { h: this.midBlock ? this.midBlock.forward(ctx, lowest, time) : lowest };
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
    const [expected] = this.conditions;
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

  /** The output with the image that Skip blocks have accumulated on the up path. */
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
