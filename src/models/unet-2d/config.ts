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
  /** Height and width of the images; one number where they are equal. @unit pixels */
  sampleSize: z
    .union([positive, z.tuple([positive, positive])])
    .nullable()
    .default(null),
  /** Channels of the input: those of the images, and of what is concatenated to them. @unit channels */
  inChannels: positive.default(3),
  /** Channels of the output: those of the images, twice as many for a learned variance. @unit channels */
  outChannels: positive.default(3),
  /** The sample is in [0, 1] and brought to [−1, 1] first. */
  centerInputSample: z.boolean().default(false),
  /** `positional`: sines of the time. `fourier`: random frequencies of ln σ, and the output is divided by σ. `learned`: a table of numTrainTimesteps. */
  timeEmbeddingType: z.enum(['positional', 'fourier', 'learned']).default('positional'),
  /** Width of the time embedding; default four times the first of blockOutChannels. @unit channels */
  timeEmbeddingDim: positive.nullable().default(null),
  /** Shift of the frequencies of `positional`; 1 as in DDPM's code. */
  freqShift: z.number().default(0),
  /** Cosines before sines in the time embedding; false as in DDPM's code. */
  flipSinToCos: z.boolean().default(true),
  /** The blocks of the down path, each but the last halving the resolution. */
  downBlockTypes: z
    .array(blockName(namesOf(downBlockTypes), Object.keys(downBlockTypes)))
    .nonempty()
    .default(['DownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D']),
  /** The block between the paths; null has none. */
  midBlockType: z.enum(['UNetMidBlock2D']).nullable().default('UNetMidBlock2D'),
  /** The blocks of the up path, each but the last doubling the resolution. */
  upBlockTypes: z
    .array(blockName(namesOf(upBlockTypes), Object.keys(upBlockTypes)))
    .nonempty()
    .default(['AttnUpBlock2D', 'AttnUpBlock2D', 'AttnUpBlock2D', 'UpBlock2D']),
  /** Channels of each level of the down path; the up path has the same, backwards. @unit channels */
  blockOutChannels: z.array(positive).nonempty().max(mostLevels).default([224, 448, 672, 896]),
  /** Residual blocks in each block of the down path; the up path has one more. */
  layersPerBlock: positive.max(mostLayers).default(2),
  /** Divides the output of the residual connections of the middle block. */
  midBlockScaleFactor: z
    .number()
    .refine((factor) => factor !== 0, { error: 'expected a number other than 0' })
    .default(1),
  /** 1 pads every side of a downsampling convolution, 0 only right and bottom, as DDPM's code does. */
  downsamplePadding: z.union([z.literal(0), z.literal(1)]).default(1),
  /** How down blocks with attention halve the resolution. The others have it in their name. */
  downsampleType: z.enum(['conv', 'resnet']).default('conv'),
  /** How up blocks with attention double the resolution. */
  upsampleType: z.enum(['conv', 'resnet']).default('conv'),
  /** The share of activations set to zero in training, in every residual block. */
  dropout: z.number().min(0).max(1).default(0),
  /** The activation: silu (also swish), mish, gelu or relu. */
  actFn: z.string().toLowerCase().pipe(z.enum(activationNames)).default('silu'),
  /** Channels of an attention head; null is one head over all. @unit channels */
  attentionHeadDim: positive.nullable().default(8),
  /** Groups of each group norm; null lets each block choose, which only Skip and K blocks can. @unit groups */
  normNumGroups: positive.nullable().default(32),
  /** Groups of the group norm before attention in the middle block; null takes normNumGroups. @unit groups */
  attnNormNumGroups: positive.nullable().default(null),
  /** Added to the variance in group norm; 1e-6 in DDPM's code. */
  normEps: z.number().nonnegative().default(1e-5),
  /** How residual blocks take the time: added, or as scale and shift after the norm. */
  resnetTimeScaleShift: z.enum(['default', 'scale_shift']).default('default'),
  /** Attention in the middle block. */
  addAttention: z.boolean().default(true),
  /** Null takes classes if there are numClassEmbeds, `timestep` a number like a time, `identity` a vector of timeEmbeddingDim. */
  classEmbedType: z.enum(['timestep', 'identity']).nullable().default(null),
  /** Classes, the null label among them; null for a network without. @unit classes */
  numClassEmbeds: positive.nullable().default(null),
  /** Times of `timeEmbeddingType: learned`. @unit times */
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
    throw new Error('unet: timeEmbeddingType learned has an embedding for each timestep; set numTrainTimesteps');
}
