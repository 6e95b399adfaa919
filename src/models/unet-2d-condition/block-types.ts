/** The blocks that a `UNet2DConditionModel` can be made of, by the names that diffusers gives them. */
import {
  AddedKVAttention,
  DualTransformer2DModel,
  Transformer2DModel,
  type CrossAttentionNorm,
  type TextAttention,
} from '../../nn/index.ts';
import {
  resnet,
  type BlockSettings,
  type DownBlock,
  type DownBlockOptions,
  type UpBlock,
  type UpBlockOptions,
} from '../unet-2d/block.ts';
import { foreignBlockTypes as foreignToAll } from '../unet-2d/block-types.ts';
import { KDownBlock, KUpBlock } from '../unet-2d/k-blocks.ts';
import { PlainDownBlock, PlainUpBlock, spatialAttention, type PlainVariant } from '../unet-2d/plain-blocks.ts';
import { TextMidBlock } from './text-mid-block.ts';

/** Settings of a level with attention to a text. */
export interface TextSettings {
  /** Width of the text embeddings. */
  readonly crossAttentionDim: number;
  /** Heads of transformers; what diffusers calls `attention_head_dim` there. */
  readonly heads: number;
  /** Transformer blocks after each resnet. */
  readonly transformerLayers: readonly number[];
  readonly dualCrossAttention: boolean;
  readonly useLinearProjection: boolean;
  readonly onlyCrossAttention: boolean;
  readonly crossAttentionNorm: CrossAttentionNorm;
  /** In blocks that resample inside a resnet: the time embedding enters without an activation. */
  readonly skipTimeAct: boolean;
  /** In blocks that resample inside a resnet: what the sum of branch and shortcut is divided by. */
  readonly outScaleFactor: number;
}

export type TextDownOptions = DownBlockOptions & TextSettings;
export type TextUpOptions = UpBlockOptions & TextSettings;

/** A level with the groups that its attention needs. */
type Level = BlockSettings & TextSettings & { readonly outChannels: number; readonly headDim: number };

function needGroups({ groups }: BlockSettings): number {
  if (groups === null) throw new Error('this block needs normNumGroups');
  return groups;
}

/** Transformers over pixels and text, as many blocks after each resnet as the configuration says. */
function transformer(level: Level): (layer: number) => TextAttention {
  const { outChannels: channels, heads, crossAttentionDim, useLinearProjection, onlyCrossAttention } = level;
  const common = { channels, heads, crossAttentionDim, groups: needGroups(level) };
  return (layer) => {
    if (level.dualCrossAttention) return new DualTransformer2DModel(common);
    const layers = level.transformerLayers[layer];
    if (layers === undefined) {
      throw new Error(
        `transformerLayersPerBlock has ${level.transformerLayers.length} numbers here, one for each layer is needed`,
      );
    }
    return new Transformer2DModel({ ...common, layers, useLinearProjection, onlyCrossAttention });
  };
}

function addedKV(level: Level): () => AddedKVAttention {
  const { outChannels: channels, headDim, crossAttentionDim, onlyCrossAttention, crossAttentionNorm } = level;
  const groups = needGroups(level);
  return () =>
    new AddedKVAttention({ channels, headDim, crossAttentionDim, groups, onlyCrossAttention, crossAttentionNorm });
}

const plain = { attention: null, resample: 'conv' } as const satisfies PlainVariant;

function spatial(level: Level): PlainVariant {
  return { attention: () => spatialAttention(level.outChannels, level.headDim, level), resample: 'conv' };
}

function insideResnets({ skipTimeAct, outScaleFactor }: Level, attention: PlainVariant['attention']): PlainVariant {
  return { attention, resample: 'resnet', skipTimeAct, outputScaleFactor: outScaleFactor };
}

/** Every block of the down path. */
export const textDownBlockTypes = {
  DownBlock2D: (options) => new PlainDownBlock(options, plain),
  AttnDownBlock2D: (options) => new PlainDownBlock(options, spatial(options)),
  ResnetDownsampleBlock2D: (options) => new PlainDownBlock(options, insideResnets(options, null)),
  CrossAttnDownBlock2D: (options) => new PlainDownBlock(options, { attention: transformer(options), resample: 'conv' }),
  SimpleCrossAttnDownBlock2D: (options) => new PlainDownBlock(options, insideResnets(options, addedKV(options))),
  KDownBlock2D: (options) => new KDownBlock(options, { attention: false }),
  KCrossAttnDownBlock2D: (options) =>
    new KDownBlock(options, { attention: true, crossAttentionDim: options.crossAttentionDim }),
} as const satisfies Record<string, (options: TextDownOptions) => DownBlock>;

/** Every block of the up path. */
export const textUpBlockTypes = {
  UpBlock2D: (options) => new PlainUpBlock(options, plain),
  AttnUpBlock2D: (options) => new PlainUpBlock(options, spatial(options)),
  ResnetUpsampleBlock2D: (options) => new PlainUpBlock(options, insideResnets(options, null)),
  CrossAttnUpBlock2D: (options) => new PlainUpBlock(options, { attention: transformer(options), resample: 'conv' }),
  SimpleCrossAttnUpBlock2D: (options) => new PlainUpBlock(options, insideResnets(options, addedKV(options))),
  KUpBlock2D: (options) => new KUpBlock(options, { attention: false }),
  KCrossAttnUpBlock2D: (options) =>
    new KUpBlock(options, { attention: true, crossAttentionDim: options.crossAttentionDim }),
} as const satisfies Record<string, (options: TextUpOptions) => UpBlock>;

/** Options of a middle block. */
export type TextMidOptions = Omit<TextDownOptions, 'inChannels' | 'layers' | 'last'> & {
  /** What every sum of a branch and its shortcut is divided by. */
  readonly scale: number;
};

/** diffusers' own choice where a network does not say how many groups: four channels each, at most 32 of them. */
function midGroups({ groups, outChannels }: TextMidOptions): number {
  return groups ?? Math.min(Math.floor(outChannels / 4), 32);
}

function midBlock(
  options: TextMidOptions,
  skipTimeAct: boolean,
  attention: ((level: Level) => (layer: number) => TextAttention | AddedKVAttention) | null,
): TextMidBlock {
  const { outChannels: channels, scale } = options;
  const groups = midGroups(options);
  const level = { ...options, groups };
  const block = () => resnet(level, { inChannels: channels, outChannels: channels, groups, outputScaleFactor: scale });
  return attention
    ? new TextMidBlock([block(), block()], [attention(level)(0)], skipTimeAct)
    : new TextMidBlock([block()], [], skipTimeAct);
}

/** Every middle block. */
export const textMidBlockTypes = {
  UNetMidBlock2D: (options) => midBlock(options, false, null),
  // The middle block of a transformer network has self-attention whatever the levels have.
  UNetMidBlock2DCrossAttn: (options) =>
    midBlock(options, false, (level) => transformer({ ...level, onlyCrossAttention: false })),
  UNetMidBlock2DSimpleCrossAttn: (options) => midBlock(options, options.skipTimeAct, addedKV),
} as const satisfies Record<string, (options: TextMidOptions) => TextMidBlock>;

export type TextDownBlockType = keyof typeof textDownBlockTypes;
export type TextUpBlockType = keyof typeof textUpBlockTypes;
export type TextMidBlockType = keyof typeof textMidBlockTypes;

const takesAnImageAlong = 'takes an image along at every resolution, which UNet2DConditionModel does not pass on';

/** Blocks that diffusers knows and does not run in a UNet2DConditionModel either, with the reason. */
export const foreignTextBlockTypes: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(foreignToAll).filter(([name]) => !(name in textDownBlockTypes) && !(name in textUpBlockTypes)),
  ),
  SkipDownBlock2D: takesAnImageAlong,
  AttnSkipDownBlock2D: takesAnImageAlong,
  SkipUpBlock2D: takesAnImageAlong,
  AttnSkipUpBlock2D: takesAnImageAlong,
};
