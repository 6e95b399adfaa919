/** The configuration of `UNet2DModel`: diffusers' options under our spelling, checked. */
import { z } from 'zod';
import type { ActivationName } from '../../nn/index.ts';
import { downBlockTypes, foreignBlockTypes, namesOf, upBlockTypes } from './block-types.ts';

const positive = z.number().int().positive();

/** Each level halves the image, so that no image has as many; and a file must not ask for a network that is never done being built. */
const mostLevels = 32;
const mostLayers = 128;

/** A name out of a table; one that is none says what it could have been, or why it cannot be. */
function blockName<const Names extends readonly string[]>(names: Names, shown: readonly string[]) {
  return z.enum(names, {
    error: ({ input }) => {
      const reason =
        typeof input === 'string' && Object.hasOwn(foreignBlockTypes, input) ? foreignBlockTypes[input] : undefined;
      return reason
        ? `this block ${reason}; expected one of ${shown.join(', ')}`
        : `expected one of ${shown.join(', ')}`;
    },
  });
}

const activationNames = ['silu', 'swish', 'mish', 'gelu', 'relu'] as const satisfies readonly ActivationName[];

/** diffusers' option names in camelCase, with diffusers' defaults. What diffusers would ignore or cannot run is an error. */
export const unet2DConfigSchema = z.strictObject({
  /** Height and width of the images in pixels; one number where they are equal. */
  sampleSize: z
    .union([positive, z.tuple([positive, positive])])
    .nullable()
    .default(null),
  inChannels: positive.default(3),
  outChannels: positive.default(3),
  /** The sample is in [0, 1] and brought to [−1, 1] first. */
  centerInputSample: z.boolean().default(false),
  /** `positional`: sines of the time. `fourier`: random frequencies of ln σ, and the output is divided by σ. `learned`: a table of numTrainTimesteps. */
  timeEmbeddingType: z.enum(['positional', 'fourier', 'learned']).default('positional'),
  /** Default four times the first of blockOutChannels. */
  timeEmbeddingDim: positive.nullable().default(null),
  freqShift: z.number().default(0),
  flipSinToCos: z.boolean().default(true),
  downBlockTypes: z
    .array(blockName(namesOf(downBlockTypes), Object.keys(downBlockTypes)))
    .nonempty()
    .default(['DownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D']),
  /** Null has no middle block. */
  midBlockType: z.enum(['UNetMidBlock2D']).nullable().default('UNetMidBlock2D'),
  upBlockTypes: z
    .array(blockName(namesOf(upBlockTypes), Object.keys(upBlockTypes)))
    .nonempty()
    .default(['AttnUpBlock2D', 'AttnUpBlock2D', 'AttnUpBlock2D', 'UpBlock2D']),
  blockOutChannels: z.array(positive).nonempty().max(mostLevels).default([224, 448, 672, 896]),
  layersPerBlock: positive.max(mostLayers).default(2),
  midBlockScaleFactor: z
    .number()
    .refine((factor) => factor !== 0, { error: 'expected a number other than 0' })
    .default(1),
  /** 1 pads every side of a downsampling convolution, 0 only right and bottom, as DDPM's code does. */
  downsamplePadding: z.union([z.literal(0), z.literal(1)]).default(1),
  /** How blocks with attention change the resolution. The others have it in their name. */
  downsampleType: z.enum(['conv', 'resnet']).default('conv'),
  upsampleType: z.enum(['conv', 'resnet']).default('conv'),
  /** The share of activations set to zero in training, in every residual block. */
  dropout: z.number().min(0).lt(1).default(0),
  actFn: z.string().toLowerCase().pipe(z.enum(activationNames)).default('silu'),
  /** Channels of an attention head; null is one head over all. */
  attentionHeadDim: positive.nullable().default(8),
  /** Null lets each block choose; only Skip and K blocks can. */
  normNumGroups: positive.nullable().default(32),
  attnNormNumGroups: positive.nullable().default(null),
  normEps: z.number().nonnegative().default(1e-5),
  resnetTimeScaleShift: z.enum(['default', 'scale_shift']).default('default'),
  /** Attention in the middle block. */
  addAttention: z.boolean().default(true),
  /** Null takes classes if there are numClassEmbeds, `timestep` a number like a time, `identity` a vector of timeEmbeddingDim. */
  classEmbedType: z.enum(['timestep', 'identity']).nullable().default(null),
  numClassEmbeds: positive.nullable().default(null),
  numTrainTimesteps: positive.nullable().default(null),
});

/** A checked configuration with every default filled in. */
export type UNet2DConfig = z.output<typeof unet2DConfigSchema>;
/** A configuration as a person writes it: every field is optional. */
export type UNet2DOptions = z.input<typeof unet2DConfigSchema>;

/** @throws if options contradict each other, in one line that names them */
export function checkConsistent({
  blockOutChannels,
  downBlockTypes: down,
  upBlockTypes: up,
  timeEmbeddingType,
  numTrainTimesteps,
}: UNet2DConfig): void {
  if (down.length !== blockOutChannels.length || up.length !== blockOutChannels.length) {
    throw new Error(
      `unet: blockOutChannels has ${blockOutChannels.length} levels, downBlockTypes ${down.length}, upBlockTypes ${up.length}; they must agree`,
    );
  }
  if (timeEmbeddingType === 'learned' && numTrainTimesteps === null)
    throw new Error('unet: timeEmbeddingType learned has a vector for each time; say how many in numTrainTimesteps');
}
