/** The blocks a U-Net can be made of, by the names that diffusers gives them. */
import type { SpatialAttention } from '../../nn/index.ts';
import type { DownBlock, DownBlockOptions, UpBlock, UpBlockOptions } from './block.ts';
import { KDownBlock, KUpBlock } from './k-blocks.ts';
import { PlainDownBlock, PlainUpBlock, spatialAttention } from './plain-blocks.ts';
import { SkipDownBlock, SkipUpBlock } from './skip-blocks.ts';

function spatial(options: DownBlockOptions | UpBlockOptions): () => SpatialAttention {
  return () => spatialAttention(options.outChannels, options.headDim, options);
}

/** Every block type of the down path. */
export const downBlockTypes = {
  DownBlock2D: (options) => new PlainDownBlock(options, { attention: null, resample: 'conv' }),
  AttnDownBlock2D: (options) =>
    new PlainDownBlock(options, { attention: spatial(options), resample: options.downsampleType }),
  ResnetDownsampleBlock2D: (options) => new PlainDownBlock(options, { attention: null, resample: 'resnet' }),
  SkipDownBlock2D: (options) => new SkipDownBlock(options, false),
  AttnSkipDownBlock2D: (options) => new SkipDownBlock(options, true),
  KDownBlock2D: (options) => new KDownBlock(options, { attention: false }),
  KCrossAttnDownBlock2D: (options) => new KDownBlock(options, { attention: true }),
} as const satisfies Record<string, (options: DownBlockOptions) => DownBlock>;

/** Every block type of the up path. */
export const upBlockTypes = {
  UpBlock2D: (options) => new PlainUpBlock(options, { attention: null, resample: 'conv' }),
  AttnUpBlock2D: (options) =>
    new PlainUpBlock(options, { attention: spatial(options), resample: options.upsampleType }),
  ResnetUpsampleBlock2D: (options) => new PlainUpBlock(options, { attention: null, resample: 'resnet' }),
  SkipUpBlock2D: (options) => new SkipUpBlock(options, false),
  AttnSkipUpBlock2D: (options) => new SkipUpBlock(options, true),
  KUpBlock2D: (options) => new KUpBlock(options, { attention: false }),
  KCrossAttnUpBlock2D: (options) => new KUpBlock(options, { attention: true }),
} as const satisfies Record<string, (options: UpBlockOptions) => UpBlock>;

export type DownBlockType = keyof typeof downBlockTypes;
export type UpBlockType = keyof typeof upBlockTypes;

const needsText = 'attends to a text, and UNet2DModel takes none';
const makesNoActivations =
  'belongs to an autoencoder: it has no skip connections between the down path and the up path';

/** Blocks that diffusers knows and does not run in a UNet2DModel either, with the reason. */
export const foreignBlockTypes: Readonly<Record<string, string>> = {
  CrossAttnDownBlock2D: needsText,
  CrossAttnUpBlock2D: needsText,
  SimpleCrossAttnDownBlock2D: needsText,
  SimpleCrossAttnUpBlock2D: needsText,
  DownEncoderBlock2D: makesNoActivations,
  AttnDownEncoderBlock2D: makesNoActivations,
  UpDecoderBlock2D: makesNoActivations,
  AttnUpDecoderBlock2D: makesNoActivations,
};

/** An early name of the same block had this in front, and old configurations still do. */
const oldPrefix = 'UNetRes';

export type OldName<Name extends string> = `${typeof oldPrefix}${Name}`;

/** The names of a table, old ones too. */
export function namesOf<Name extends string>(
  table: Readonly<Record<Name, unknown>>,
): readonly (Name | OldName<Name>)[] {
  const names = Object.keys(table) as Name[];
  return [...names, ...names.map((name) => `${oldPrefix}${name}` as const)];
}

/** The block's present name. */
export function presentName<Name extends string>(name: Name | OldName<Name>): Name {
  return (name.startsWith(oldPrefix) ? name.slice(oldPrefix.length) : name) as Name;
}
