/** The configuration of `UNet2DConditionModel`: diffusers' options under our spelling, checked. */
import { z } from 'zod';
import { activations, type ActivationName } from '../../nn/index.ts';
import { namesOf } from '../unet-2d/block-types.ts';
import { foreignTextBlockTypes, textDownBlockTypes, textMidBlockTypes, textUpBlockTypes } from './block-types.ts';

const positive = z.number().int().positive();
const activationNames = Object.keys(activations) as [ActivationName, ...ActivationName[]];
const activation = z.enum(activationNames);

/** Each level halves the image; and a file must not ask for a network that is never done being built. */
const mostLevels = 32;
const most = positive.max(128);

/** One value for all levels, or one for each. */
const each = <S extends z.ZodType>(value: S) => z.union([value, z.array(value).nonempty()]);

/** A name out of a table; one that is none says what it could have been, or why it cannot be. */
function blockName<const Names extends readonly string[]>(names: Names, shown: readonly string[]) {
  return z.enum(names, {
    error: ({ input }) => {
      const reason = typeof input === 'string' ? foreignTextBlockTypes[input] : undefined;
      const expected = `expected one of ${shown.join(', ')}`;
      return reason ? `this block ${reason}; ${expected}` : expected;
    },
  });
}

/** A value that diffusers knows and this library does not build, refused with its name. */
function only<const Names extends readonly [string, ...string[]]>(
  names: Names,
  without: Readonly<Record<string, string>>,
) {
  return z.enum(names, {
    error: ({ input }) => {
      const reason =
        typeof input === 'string' && Object.hasOwn(without, input) ? `${without[input]} is not supported; ` : '';
      return `${reason}expected null or one of ${names.join(', ')}`;
    },
  });
}

/** diffusers' option names in camelCase, with diffusers' defaults. What diffusers cannot run is an error. */
export const unet2DConditionConfigSchema = z.strictObject({
  /** Height and width of the samples; one number where they are equal. */
  sampleSize: z
    .union([positive, z.tuple([positive, positive])])
    .nullable()
    .default(null),
  inChannels: positive.default(4),
  outChannels: positive.default(4),
  /** The sample is in [0, 1] and brought to [−1, 1] first. */
  centerInputSample: z.boolean().default(false),
  /** The time embedding has cosines before sines. */
  flipSinToCos: z.boolean().default(true),
  /** Subtracted from the number of frequencies of the time embedding: 0 ends at 1/10000, 1 as in DDPM. */
  freqShift: z.number().default(0),
  /** The blocks of the down path, from the top: one a level. */
  downBlockTypes: z
    .array(blockName(namesOf(textDownBlockTypes), Object.keys(textDownBlockTypes)))
    .nonempty()
    .default(['CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D']),
  /** Null has no middle block. */
  midBlockType: z
    .enum(Object.keys(textMidBlockTypes) as [keyof typeof textMidBlockTypes, ...(keyof typeof textMidBlockTypes)[]])
    .nullable()
    .default('UNetMidBlock2DCrossAttn'),
  /** The blocks of the up path, from the lowest level up. */
  upBlockTypes: z
    .array(blockName(namesOf(textUpBlockTypes), Object.keys(textUpBlockTypes)))
    .nonempty()
    .default(['UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D']),
  /** The pixels attend to the text alone, not to each other. */
  onlyCrossAttention: each(z.boolean()).default(false),
  /** Channels of each level, from the top. @unit channels */
  blockOutChannels: z.array(positive).nonempty().max(mostLevels).default([320, 640, 1280, 1280]),
  /** Residual blocks of each level; the up path has one more. @unit blocks */
  layersPerBlock: each(most).default(2),
  /** 1 pads every side of a downsampling convolution, 0 only right and bottom. */
  downsamplePadding: z.union([z.literal(0), z.literal(1)]).default(1),
  /** The middle block's residuals are divided by it. */
  midBlockScaleFactor: z.number().positive().default(1),
  /** The share of activations set to zero in training, in every residual block. */
  dropout: z.number().min(0).lt(1).default(0),
  /** The activation of residual blocks and of the output. */
  actFn: activation.default('silu'),
  /** Null lets the middle block choose and leaves out the last normalization; only K blocks work without. */
  normNumGroups: positive.nullable().default(32),
  /** Added to the variance in group norms. */
  normEps: z.number().positive().default(1e-5),
  /** Width of the text embeddings. */
  crossAttentionDim: each(positive).default(1280),
  /** Transformer blocks after each resnet: one number, one a level, or for each level a list with one a resnet. */
  transformerLayersPerBlock: z.union([most, z.array(z.union([most, z.array(most).nonempty()])).nonempty()]).default(1),
  /** The same for the up path, from the lowest level up; default the down path's in reverse. */
  reverseTransformerLayersPerBlock: z
    .array(z.union([most, z.array(most).nonempty()]))
    .nonempty()
    .nullable()
    .default(null),
  /** Width of the encoder's hidden states before their projection to crossAttentionDim; null for no projection. */
  encoderHidDim: positive.nullable().default(null),
  /** The kind of encoder hidden states: text, image embeddings, or both. Null with an encoderHidDim is `text_proj`. */
  encoderHidDimType: only(['text_proj', 'text_image_proj', 'image_proj'], { ip_image_proj: 'an IP-Adapter' })
    .nullable()
    .default(null),
  /**
   * Heads of each transformer in CrossAttn blocks; width of a head in all others. diffusers gave the option its name
   * by mistake and keeps it.
   */
  attentionHeadDim: each(positive).default(8),
  /** diffusers refuses this option: attentionHeadDim has its meaning. */
  numAttentionHeads: z
    .null({ error: 'diffusers refuses it; set attentionHeadDim, which is the number of heads in CrossAttn blocks' })
    .default(null),
  /** Two transformers after each resnet, over the first 77 tokens and over up to 257 more. */
  dualCrossAttention: z.boolean().default(false),
  /** Transformers project with linear layers in place of 1 × 1 convolutions. */
  useLinearProjection: z.boolean().default(false),
  /** Null takes classes if there are numClassEmbeds; see `forward` for the others. */
  classEmbedType: only(['timestep', 'identity', 'projection', 'simple_projection'], {}).nullable().default(null),
  /** What else is added to the time embedding: a pooled text, a text's and an image's embedding, SDXL's sizes. */
  additionEmbedType: only(['text', 'text_image', 'text_time', 'image'], { image_hint: 'a ControlNet of Kandinsky 2.2' })
    .nullable()
    .default(null),
  /** Width of the sinusoidal features of each number of `time_ids`. */
  additionTimeEmbedDim: positive.nullable().default(null),
  /** Classes, the null label among them; null for none. @unit classes */
  numClassEmbeds: positive.nullable().default(null),
  /** Computes attention in float32, as this library always does. */
  upcastAttention: z.boolean().default(false),
  /** How the time enters a residual block: added, or as scale and shift of its norm. */
  resnetTimeScaleShift: z.enum(['default', 'scale_shift']).default('default'),
  /** Leave out the activation before a residual block's time projection. */
  resnetSkipTimeAct: z.boolean().default(false),
  /** Residual blocks are divided by it. */
  resnetOutScaleFactor: z.number().positive().default(1),
  /** Sines and cosines of fixed or of random frequencies. */
  timeEmbeddingType: z.enum(['positional', 'fourier']).default('positional'),
  /** Width of the time embedding; null for four times the first level's channels, twice for `fourier`. @unit channels */
  timeEmbeddingDim: positive.nullable().default(null),
  /** Applied to the whole embedding before it enters the blocks. */
  timeEmbeddingActFn: activation.nullable().default(null),
  /** Applied after the second layer of the time embedding. */
  timestepPostAct: activation.nullable().default(null),
  /** Width of a condition that is added to the features of the time, such as a guidance scale's. */
  timeCondProjDim: positive.nullable().default(null),
  /** Kernel of the first convolution; odd. @unit pixels */
  convInKernel: positive.refine((size) => size % 2 === 1, 'expected an odd number').default(3),
  /** Kernel of the last convolution; odd. @unit pixels */
  convOutKernel: positive.refine((size) => size % 2 === 1, 'expected an odd number').default(3),
  projectionClassEmbeddingsInputDim: positive.nullable().default(null),
  /** Only `default`. */
  attentionType: z
    .enum(['default'], { error: 'gated attention (GLIGEN) is not supported; expected "default"' })
    .default('default'),
  /** The class embedding is concatenated to the time embedding, not added. */
  classEmbeddingsConcat: z.boolean().default(false),
  /** Default onlyCrossAttention, where that is one value. */
  midBlockOnlyCrossAttention: z.boolean().nullable().default(null),
  /** Normalizes the text before its keys and values; of blocks with added key and value projections. */
  crossAttentionNorm: z.enum(['layer_norm', 'group_norm']).nullable().default(null),
  /** Heads of the attention pooling of `additionEmbedType: text`. @unit heads */
  additionEmbedTypeNumHeads: positive.default(64),
});

/** A checked configuration with every default filled in. */
export type UNet2DConditionConfig = z.output<typeof unet2DConditionConfigSchema>;
/** A configuration as a person writes it: every field is optional. */
export type UNet2DConditionOptions = z.input<typeof unet2DConditionConfigSchema>;

/** A configuration with every per-level option spread over the levels, from the top down. */
export interface UNet2DConditionLevels {
  readonly onlyCrossAttention: readonly boolean[];
  readonly layersPerBlock: readonly number[];
  readonly crossAttentionDim: readonly number[];
  readonly attentionHeadDim: readonly number[];
  readonly transformerLayers: readonly (readonly number[])[];
  /** From the bottom up, as the up path goes. */
  readonly upTransformerLayers: readonly (readonly number[])[];
  readonly midOnlyCrossAttention: boolean;
}

/**
 * The options of every level.
 *
 * @throws if lists have another length than there are levels, or options contradict each other, in one line
 */
export function levelsOf(config: UNet2DConditionConfig): UNet2DConditionLevels {
  const count = config.blockOutChannels.length;
  const spread = <T>(name: keyof UNet2DConditionConfig, value: T | readonly T[]): readonly T[] => {
    if (!Array.isArray(value)) return Array<T>(count).fill(value as T);
    if (value.length !== count) {
      throw new Error(`unet: blockOutChannels has ${count} levels, ${name} ${value.length}; they must agree`);
    }
    return value as readonly T[];
  };
  spread('downBlockTypes', config.downBlockTypes);
  spread('upBlockTypes', config.upBlockTypes);
  const { onlyCrossAttention, transformerLayersPerBlock, reverseTransformerLayersPerBlock: reverse } = config;
  const layersPerBlock = spread('layersPerBlock', config.layersPerBlock);
  const depths = spread<number | readonly number[]>('transformerLayersPerBlock', transformerLayersPerBlock);
  if (reverse === null && depths.some((depth) => Array.isArray(depth))) {
    throw new Error(
      'unet: transformerLayersPerBlock has a list for each level; set reverseTransformerLayersPerBlock too',
    );
  }
  const upDepths = reverse === null ? depths.toReversed() : spread('reverseTransformerLayersPerBlock', reverse);
  const perResnet = (depth: number | readonly number[], resnets: number) =>
    typeof depth === 'number' ? Array<number>(resnets).fill(depth) : depth;
  checkEmbeddings(config);
  return {
    onlyCrossAttention: spread('onlyCrossAttention', onlyCrossAttention),
    layersPerBlock,
    crossAttentionDim: spread('crossAttentionDim', config.crossAttentionDim),
    attentionHeadDim: spread('attentionHeadDim', config.attentionHeadDim),
    transformerLayers: depths.map((depth, i) => perResnet(depth, layersPerBlock[i]!)),
    upTransformerLayers: upDepths.map((depth, i) => perResnet(depth, layersPerBlock.at(-1 - i)! + 1)),
    midOnlyCrossAttention:
      config.midBlockOnlyCrossAttention ?? (typeof onlyCrossAttention === 'boolean' ? onlyCrossAttention : false),
  };
}

/** @throws if an embedding needs a width that is not said */
function checkEmbeddings(config: UNet2DConditionConfig): void {
  const need = (option: keyof UNet2DConditionConfig, because: string) => {
    if (config[option] === null) throw new Error(`unet: ${because} needs ${option}`);
  };
  const single = (because: string) => {
    if (Array.isArray(config.crossAttentionDim))
      throw new Error(`unet: ${because} needs one crossAttentionDim for all levels`);
  };
  const { classEmbedType, additionEmbedType, encoderHidDimType, encoderHidDim } = config;
  if (encoderHidDimType !== null) need('encoderHidDim', `encoderHidDimType ${encoderHidDimType}`);
  if (encoderHidDim !== null) single('encoderHidDim');
  if (classEmbedType === 'projection' || classEmbedType === 'simple_projection') {
    need('projectionClassEmbeddingsInputDim', `classEmbedType ${classEmbedType}`);
  }
  if (additionEmbedType === 'text_time') {
    need('projectionClassEmbeddingsInputDim', 'additionEmbedType text_time');
    need('additionTimeEmbedDim', 'additionEmbedType text_time');
  }
  if (additionEmbedType === 'image') need('encoderHidDim', 'additionEmbedType image');
  if (additionEmbedType === 'text_image') single('additionEmbedType text_image');
  if (additionEmbedType === 'text' && encoderHidDim === null) single('additionEmbedType text');
  if (config.timeEmbeddingType === 'fourier' && timeEmbeddingWidth(config) % 2 !== 0) {
    throw new Error(
      `unet: timeEmbeddingDim must be even for timeEmbeddingType fourier, got ${config.timeEmbeddingDim}`,
    );
  }
  if (config.classEmbeddingsConcat && classEmbedType === null && config.numClassEmbeds === null) {
    throw new Error('unet: classEmbeddingsConcat needs classes: numClassEmbeds or classEmbedType');
  }
}

/** Width of the time embedding. */
export function timeEmbeddingWidth({
  timeEmbeddingDim,
  timeEmbeddingType,
  blockOutChannels,
}: UNet2DConditionConfig): number {
  return timeEmbeddingDim ?? blockOutChannels[0]! * (timeEmbeddingType === 'fourier' ? 2 : 4);
}

/** Height and width of samples. */
export function heightAndWidthOf(sampleSize: number | readonly [number, number]): readonly [number, number] {
  return typeof sampleSize === 'number' ? [sampleSize, sampleSize] : sampleSize;
}
