/** diffusers' `UNet2DConditionModel`, the network of Stable Diffusion, Imagen's open counterpart IF and DALL·E 2's decoders. */
import { add, concat, mul, reshape, sub, type DType, type Shape, type Tensor } from '../core/index.ts';
import {
  activations,
  Conv2d,
  Embedding,
  GaussianFourierProjection,
  GroupNorm,
  ImageProjection,
  ImageTimeEmbedding,
  Linear,
  Module,
  nearlyZero,
  TextImageProjection,
  TextImageTimeEmbedding,
  TextTimeEmbedding,
  TimestepEmbedding,
  Timesteps,
  type Context,
  type TextStates,
  type TimeProjection,
} from '../nn/index.ts';
import { blockSettings, downPath, naming, type BlockSettings, type DownBlock, type UpBlock } from './unet-2d/block.ts';
import { presentName } from './unet-2d/block-types.ts';
import {
  textDownBlockTypes,
  textMidBlockTypes,
  textUpBlockTypes,
  type TextDownBlockType,
  type TextSettings,
  type TextUpBlockType,
} from './unet-2d-condition/block-types.ts';
import {
  levelsOf,
  timeEmbeddingWidth,
  unet2DConditionConfigSchema,
  type UNet2DConditionConfig,
  type UNet2DConditionOptions,
} from './unet-2d-condition/config.ts';
import type { TextMidBlock } from './unet-2d-condition/text-mid-block.ts';

/** Tokens that an image's embedding becomes; diffusers fixes them: Kandinsky 2.1's next to a text, 2.2's alone. */
const imageTokens = { withText: 10, alone: 32 } as const;

/** What a token that is left out gets added to its score, as in diffusers. */
const masked = -10000;

/** What a network is conditioned on, by the name of the input. Which of them it takes, its configuration says. */
export interface TextConditions {
  /** [B, L, D] the encoded text, D = encoderHidDim or crossAttentionDim. */
  readonly encoderHiddenStates?: Tensor | undefined;
  /** [B, L′] of f32: 1 keeps a token, 0 leaves it out. L′ counts the tokens that an image's embedding becomes. */
  readonly encoderAttentionMask?: Tensor | undefined;
  /** [B] of i64, [B] of f32 or [B, D] of f32, as classEmbedType says. */
  readonly classLabels?: Tensor | undefined;
  /** [B, timeCondProjDim] */
  readonly timestepCond?: Tensor | undefined;
  /** [B, D] a text's pooled embedding. */
  readonly textEmbeds?: Tensor | undefined;
  /** [B, D] an image's embedding. */
  readonly imageEmbeds?: Tensor | undefined;
  /** [B, n] of f32: SDXL's original size, crop and target size. */
  readonly timeIds?: Tensor | undefined;
}

/** One input beyond the sample and its time. */
export interface TextInput {
  readonly name: keyof TextConditions;
  readonly dtype: DType;
  /** Of one sample; null where the length is free. */
  readonly shape: readonly (number | null)[];
  /** Whether the network runs without it. */
  readonly optional: boolean;
}

/**
 * A U-Net that attends to a text, with diffusers' configuration and checkpoint names.
 *
 * @see Rombach et al. 2022 — https://arxiv.org/abs/2112.10752; Saharia et al. 2022 (Imagen) — https://arxiv.org/abs/2205.11487
 */
export class UNet2DConditionModel extends Module {
  readonly convIn: Conv2d;
  readonly timeProj: TimeProjection;
  readonly timeEmbedding: TimestepEmbedding;
  readonly encoderHidProj: Linear | TextImageProjection | ImageProjection | null;
  readonly classEmbedding: Embedding | TimestepEmbedding | Linear | null;
  readonly addEmbedding: TextTimeEmbedding | TextImageTimeEmbedding | ImageTimeEmbedding | TimestepEmbedding | null;
  readonly downBlocks: readonly DownBlock[];
  readonly midBlock: TextMidBlock | null;
  readonly upBlocks: readonly UpBlock[];
  readonly convNormOut: GroupNorm | null;
  readonly convOut: Conv2d;
  readonly #config: UNet2DConditionConfig;
  readonly #addTimeProj: Timesteps | null;

  /** @throws if the options contradict each other: lists of different lengths, groups that do not divide channels */
  constructor(options: UNet2DConditionOptions) {
    super();
    const config = unet2DConditionConfigSchema.parse(options);
    const levels = levelsOf(config);
    this.#config = config;
    const { blockOutChannels: channels, normNumGroups, normEps, convInKernel, convOutKernel } = config;
    const top = channels.length - 1;
    const timeDim = timeEmbeddingWidth(config);

    this.convIn = new Conv2d(config.inChannels, channels[0]!, convInKernel, { padding: (convInKernel - 1) / 2 });
    this.timeProj = timeProjection(config);
    this.timeEmbedding = new TimestepEmbedding(this.timeProj.width, timeDim, {
      activation: config.actFn,
      postActivation: config.timestepPostAct,
      condProjDim: config.timeCondProjDim,
    });
    this.encoderHidProj = encoderProjection(config);
    this.classEmbedding = classEmbedding(config, this.timeProj.width, timeDim);
    this.addEmbedding = additionEmbedding(config, timeDim);
    this.#addTimeProj =
      config.additionEmbedType === 'text_time' ? new Timesteps(config.additionTimeEmbedDim!, config) : null;

    const settings: BlockSettings = {
      ...blockSettings(config, config.classEmbeddingsConcat ? 2 * timeDim : timeDim),
      downsampleType: 'conv',
      upsampleType: 'conv',
    };
    const textSettings = (level: number, transformerLayers: readonly number[]): TextSettings & { headDim: number } => ({
      crossAttentionDim: levels.crossAttentionDim[level]!,
      heads: levels.attentionHeadDim[level]!,
      headDim: levels.attentionHeadDim[level]!,
      onlyCrossAttention: levels.onlyCrossAttention[level]!,
      transformerLayers,
      dualCrossAttention: config.dualCrossAttention,
      useLinearProjection: config.useLinearProjection,
      crossAttentionNorm: config.crossAttentionNorm,
      skipTimeAct: config.resnetSkipTimeAct,
      outScaleFactor: config.resnetOutScaleFactor,
    });

    this.downBlocks = channels.map((outChannels, level) => {
      const type = config.downBlockTypes[level]!;
      return naming(`downBlockTypes[${level}]`, type, () =>
        textDownBlockTypes[presentName<TextDownBlockType>(type)]({
          ...settings,
          ...textSettings(level, levels.transformerLayers[level]!),
          inChannels: channels[Math.max(level - 1, 0)]!,
          outChannels,
          layers: levels.layersPerBlock[level]!,
          last: level === top,
        }),
      );
    });
    const { midBlockType } = config;
    this.midBlock =
      midBlockType === null
        ? null
        : naming('midBlockType', midBlockType, () =>
            textMidBlockTypes[midBlockType]({
              ...settings,
              ...textSettings(top, levels.transformerLayers[top]!),
              onlyCrossAttention: levels.midOnlyCrossAttention,
              outChannels: channels[top]!,
              scale: config.midBlockScaleFactor,
            }),
          );
    const upward = channels.toReversed();
    this.upBlocks = upward.map((outChannels, i) => {
      const type = config.upBlockTypes[i]!;
      return naming(`upBlockTypes[${i}]`, type, () =>
        textUpBlockTypes[presentName<TextUpBlockType>(type)]({
          ...settings,
          ...textSettings(top - i, levels.upTransformerLayers[i]!),
          // diffusers reads widths of heads from the top down on the up path too, and numbers of heads in reverse.
          headDim: levels.attentionHeadDim[i]!,
          prevChannels: upward[Math.max(i - 1, 0)]!,
          inChannels: upward[Math.min(i + 1, top)]!,
          outChannels,
          layers: levels.layersPerBlock[top - i]! + 1,
          last: i === top,
        }),
      );
    });
    this.convNormOut = normNumGroups === null ? null : new GroupNorm(normNumGroups, channels[0]!, normEps);
    this.convOut = new Conv2d(channels[0]!, config.outChannels, convOutKernel, {
      padding: (convOutKernel - 1) / 2,
      init: nearlyZero,
    });
  }

  get config(): UNet2DConditionConfig {
    return this.#config;
  }

  /** What `forward` takes as its third input. */
  get inputs(): readonly TextInput[] {
    const { config } = this;
    const { encoderHidDimType, encoderHidDim, crossAttentionDim, additionEmbedType, classEmbedType } = config;
    const widest = Array.isArray(crossAttentionDim) ? crossAttentionDim[0]! : crossAttentionDim;
    const vector = (name: keyof TextConditions, width: number | null): TextInput => ({
      name,
      dtype: 'f32',
      shape: [width],
      optional: false,
    });
    const inputs: TextInput[] = [];
    const textWidth = encoderHidDim ?? widest;
    const takesText = encoderHidDimType !== 'image_proj' || additionEmbedType === 'text';
    if (takesText)
      inputs.push({ name: 'encoderHiddenStates', dtype: 'f32', shape: [null, textWidth], optional: false });
    inputs.push({ name: 'encoderAttentionMask', dtype: 'f32', shape: [null], optional: true });
    const embedsImage = encoderHidDimType === 'image_proj' || encoderHidDimType === 'text_image_proj';
    if (embedsImage || additionEmbedType === 'image' || additionEmbedType === 'text_image') {
      const fromEncoder = encoderHidDimType === 'image_proj' || additionEmbedType === 'image';
      inputs.push(vector('imageEmbeds', fromEncoder ? encoderHidDim : widest));
    }
    if (additionEmbedType === 'text_image') inputs.push(vector('textEmbeds', widest));
    if (additionEmbedType === 'text_time') inputs.push(vector('textEmbeds', null), vector('timeIds', null));
    const classes = classInput(classEmbedType, config.numClassEmbeds, timeEmbeddingWidth(config), config);
    if (classes) inputs.push({ name: 'classLabels', ...classes, optional: false });
    if (config.timeCondProjDim !== null)
      inputs.push({ ...vector('timestepCond', config.timeCondProjDim), optional: true });
    return inputs;
  }

  /**
   * @param sample      [B, inChannels, H, W]; sizes that are no multiple of 2^(levels − 1) need blocks that resample by
   *   convolutions
   * @param timestep    [B]
   * @param conditions  as `inputs` says
   * @returns           [B, outChannels, H, W]
   * @throws if an input is missing, is not taken or has another shape, or blocks that follow each other do not fit
   */
  forward(ctx: Context, sample: Tensor, timestep: Tensor, conditions: TextConditions): Tensor {
    const { actFn, centerInputSample, downBlockTypes: down, upBlockTypes: up, timeEmbeddingActFn } = this.#config;
    this.#checkInputs(sample, conditions);

    let emb = this.timeEmbedding.forward(ctx, this.timeProj.forward(ctx, timestep), conditions.timestepCond);
    const classes = conditions.classLabels && this.#classFeatures(ctx, conditions.classLabels);
    if (classes) emb = this.#config.classEmbeddingsConcat ? concat([emb, classes], 1) : add(emb, classes);
    const addition = this.#addition(ctx, conditions);
    if (addition) emb = add(emb, addition);
    if (timeEmbeddingActFn !== null) emb = activations[timeEmbeddingActFn](emb);
    const time = { raw: emb, activated: activations[actFn](emb), text: this.#text(ctx, conditions) };

    const centered = centerInputSample ? sub(mul(sample, 2), 1) : sample;
    const start = { h: this.convIn.forward(ctx, centered) };
    const { features: lowest, activations: downActivations } = downPath(ctx, this.downBlocks, down, start, time);
    let features = this.midBlock ? { h: this.midBlock.forward(ctx, lowest.h, time) } : lowest;
    this.upBlocks.forEach((block, i) =>
      naming(`upBlockTypes[${i}]`, up[i]!, () => {
        const taken = downActivations.splice(-block.resnets.length);
        const next = downActivations.at(-1)?.shape;
        features = block.forward(ctx, features, taken, time, next && [next[2]!, next[3]!]);
      }),
    );
    const { h } = features;
    return this.convOut.forward(ctx, this.convNormOut ? activations[actFn](this.convNormOut.forward(ctx, h)) : h);
  }

  #checkInputs(sample: Tensor, conditions: TextConditions): void {
    const { inChannels } = this.#config;
    const [batch, channels] = sample.shape;
    if (sample.shape.length !== 4 || channels !== inChannels) {
      throw new Error(`unet: the sample is [${sample.shape.join(', ')}], expected [B, ${inChannels}, H, W]`);
    }
    const { inputs } = this;
    const given = Object.entries(conditions).filter(([, tensor]) => tensor) as [keyof TextConditions, Tensor][];
    for (const [name, { shape }] of given) {
      const taken = inputs.find((candidate) => candidate.name === name);
      if (!taken)
        throw new Error(`unet: this network takes no ${name}; it takes ${inputs.map((i) => i.name).join(', ')}`);
      const expected = [batch!, ...taken.shape];
      const fits = shape.length === expected.length && expected.every((n, axis) => n === null || n === shape[axis]);
      if (!fits) {
        throw new Error(
          `unet: ${name} is [${shape.join(', ')}], expected [${expected.map((n) => n ?? 'any').join(', ')}]`,
        );
      }
    }
    const missing = inputs.find(({ name, optional }) => !optional && !conditions[name]);
    if (missing) throw new Error(`unet: this network needs ${missing.name}`);
  }

  #classFeatures(ctx: Context, classLabels: Tensor): Tensor {
    if (this.classEmbedding === null) return classLabels;
    const isTime = this.#config.classEmbedType === 'timestep';
    return this.classEmbedding.forward(ctx, isTime ? this.timeProj.forward(ctx, classLabels) : classLabels);
  }

  #addition(ctx: Context, { encoderHiddenStates, textEmbeds, imageEmbeds, timeIds }: TextConditions): Tensor | null {
    const layer = this.addEmbedding;
    if (layer === null) return null;
    if (layer instanceof TextTimeEmbedding) return layer.forward(ctx, encoderHiddenStates!);
    if (layer instanceof TextImageTimeEmbedding) return layer.forward(ctx, textEmbeds!, imageEmbeds!);
    if (layer instanceof ImageTimeEmbedding) return layer.forward(ctx, imageEmbeds!);
    const [batch, count] = timeIds!.shape as [number, number];
    const features = this.#addTimeProj!.forward(ctx, reshape(timeIds!, [batch * count])); // [B · n, width]
    return layer.forward(ctx, concat([textEmbeds!, reshape(features, [batch, count * features.shape[1]!])], 1));
  }

  /** What the blocks attend to. */
  #text(ctx: Context, conditions: TextConditions): TextStates {
    const { encoderHiddenStates, imageEmbeds, encoderAttentionMask: mask } = conditions;
    const projection = this.encoderHidProj;
    let states = encoderHiddenStates;
    if (projection instanceof Linear) states = projection.forward(ctx, states!);
    else if (projection instanceof TextImageProjection) states = projection.forward(ctx, states!, imageEmbeds!);
    else if (projection) states = projection.forward(ctx, imageEmbeds!);
    if (!mask) return { states: states! };
    const [batch, length] = [states!.shape[0]!, states!.shape[1]!];
    if (mask.shape[1] !== length) {
      throw new Error(
        `unet: encoderAttentionMask is [${mask.shape.join(', ')}], the network attends to ${length} tokens`,
      );
    }
    return { states: states!, bias: reshape(mul(sub(1, mask), masked), [batch, 1, 1, length]) };
  }
}

function timeProjection(config: UNet2DConditionConfig): TimeProjection {
  const { flipSinToCos, freqShift, blockOutChannels } = config;
  if (config.timeEmbeddingType === 'positional')
    return new Timesteps(blockOutChannels[0]!, { flipSinToCos, freqShift });
  return new GaussianFourierProjection(timeEmbeddingWidth(config) / 2, { scale: 1, log: false, flipSinToCos });
}

function encoderProjection(config: UNet2DConditionConfig): UNet2DConditionModel['encoderHidProj'] {
  const { encoderHidDim, encoderHidDimType, crossAttentionDim } = config;
  if (encoderHidDim === null || typeof crossAttentionDim !== 'number') return null;
  switch (encoderHidDimType) {
    case null:
    case 'text_proj':
      return new Linear(encoderHidDim, crossAttentionDim);
    case 'text_image_proj':
      return new TextImageProjection(encoderHidDim, crossAttentionDim, crossAttentionDim, imageTokens.withText);
    case 'image_proj':
      return new ImageProjection(encoderHidDim, crossAttentionDim, imageTokens.alone);
  }
}

function classEmbedding(
  { classEmbedType, numClassEmbeds, actFn, projectionClassEmbeddingsInputDim }: UNet2DConditionConfig,
  timeWidth: number,
  timeDim: number,
): UNet2DConditionModel['classEmbedding'] {
  switch (classEmbedType) {
    case null:
      return numClassEmbeds === null ? null : new Embedding(numClassEmbeds, timeDim);
    case 'identity':
      return null;
    case 'timestep':
      return new TimestepEmbedding(timeWidth, timeDim, { activation: actFn });
    case 'projection':
      return new TimestepEmbedding(projectionClassEmbeddingsInputDim!, timeDim);
    case 'simple_projection':
      return new Linear(projectionClassEmbeddingsInputDim!, timeDim);
  }
}

function classInput(
  type: UNet2DConditionConfig['classEmbedType'],
  count: number | null,
  timeDim: number,
  { projectionClassEmbeddingsInputDim }: UNet2DConditionConfig,
): { readonly dtype: DType; readonly shape: Shape } | null {
  switch (type) {
    case null:
      return count === null ? null : { dtype: 'i64', shape: [] };
    case 'timestep':
      return { dtype: 'f32', shape: [] };
    case 'identity':
      return { dtype: 'f32', shape: [timeDim] };
    case 'projection':
    case 'simple_projection':
      return { dtype: 'f32', shape: [projectionClassEmbeddingsInputDim!] };
  }
}

function additionEmbedding(config: UNet2DConditionConfig, timeDim: number): UNet2DConditionModel['addEmbedding'] {
  const { additionEmbedType, encoderHidDim, crossAttentionDim, additionEmbedTypeNumHeads: heads } = config;
  // Lists were refused before where a single width is needed.
  const width = typeof crossAttentionDim === 'number' ? crossAttentionDim : 0;
  switch (additionEmbedType) {
    case null:
      return null;
    case 'text':
      return new TextTimeEmbedding(encoderHidDim ?? width, timeDim, heads);
    case 'text_image':
      return new TextImageTimeEmbedding(width, width, timeDim);
    case 'image':
      return new ImageTimeEmbedding(encoderHidDim!, timeDim);
    case 'text_time':
      return new TimestepEmbedding(config.projectionClassEmbeddingsInputDim!, timeDim);
  }
}
