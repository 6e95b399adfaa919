/** The configuration of a training run of DALL·E 2's decoder. */
import { z } from 'zod';
import type { Objective, SchedulerConfig } from '../diffusion/index.ts';
import { parseConfig, unclipTextProjConfigSchema, unet2DConditionConfigSchema } from '../models/index.ts';
import { imageDataSchema } from '../train/image-data-config.ts';
import { resumable } from '../train/resumable.ts';
import { ddpmTrainSchema, noiseObjectiveSchema } from './ddpm-config.ts';
import { frozenClipSchema } from './prior-config.ts';
import { completedProcess, schedulerSchema } from './scheduler-schema.ts';

const positiveInteger = z.number().int().positive();

/** The schema of a run of a decoder. */
export const decoderConfigSchema = z.strictObject({
  /** The images with their captions. */
  data: imageDataSchema.omit({ horizontalFlip: true }).extend({
    /** 1 for gray, 3 for color. */
    channels: z.literal([1, 3]).default(3),
    /** A list of the images to train on, one file name a line; it is looked for inside the source, then as it is given. Default all. */
    files: z.string().nullable().default(null),
  }),
  /** The frozen CLIP, and how often training goes without what it says. */
  clip: frozenClipSchema.extend({
    /** The share of samples trained without the caption. */
    textDropout: z.number().min(0).lt(1).default(0.5), // Ramesh et al. 2022, section 2.1
    /** The share of samples trained without the image embedding; guidance needs it. */
    imageDropout: z.number().min(0).lt(1).default(0.1), // Ramesh et al. 2022, section 2.1
    /** Whose embedding stands for the image: its own, or that of its caption, with which the paper compares its priors. A decoder trained on `text` takes no prior. */
    condition: z.enum(['image', 'text']).default('image'),
  }),
  /** The network: a `UNet2DConditionModel`, with diffusers' defaults, whose blocks that attend are those called SimpleCrossAttn; channels and sample size that are left out are those of the data. */
  model: unet2DConditionConfigSchema
    .omit({
      classEmbedType: true,
      numClassEmbeds: true,
      encoderHidDim: true,
      encoderHidDimType: true,
      additionEmbedType: true,
      projectionClassEmbeddingsInputDim: true,
    })
    .extend({
      /** Left out, those of the images. @unit channels */
      inChannels: positiveInteger.optional(),
      /** Left out, those of the images, twice with a learned variance. @unit channels */
      outChannels: positiveInteger.optional(),
      /** Width of what the network attends to: one for all levels. */
      crossAttentionDim: positiveInteger.default(1280), // diffusers
    })
    .prefault({}),
  /** How embeddings and captions reach the network: an `UnCLIPTextProjModel`. */
  textProj: unclipTextProjConfigSchema.pick({ clipExtraContextTokens: true }).prefault({}),
  /** The diffusion process, by diffusers' names. Left out, `betaSchedule` is `cosine` and `varianceType` `learned_range`, but `fixed_small` where the network predicts x_0 (`predictionType` `sample`). */
  scheduler: schedulerSchema.prefault({}),
  /** The loss. */
  objective: noiseObjectiveSchema.prefault({}),
  /** The optimization, and what is looked at on the way: images generated from the embeddings of others. */
  train: ddpmTrainSchema.extend({
    /** Guidance of sample grids and measurements. */
    sampleGuidance: z.number().min(1).default(2).meta(resumable),
  }),
  /** How it samples when nobody says. */
  sampling: z
    .strictObject({
      /** Guidance by embedding and caption. */
      guidanceScale: z.number().min(1).default(3).meta(resumable),
      /** Steps. @unit steps */
      steps: positiveInteger.min(2).default(25).meta(resumable), // Karlo
    })
    .prefault({}),
});

type Parsed = z.output<typeof decoderConfigSchema>;

/** A documented training run of a decoder. */
export type DecoderConfig = Omit<Parsed, 'scheduler' | 'objective'> & {
  readonly scheduler: SchedulerConfig;
  readonly objective: Omit<Parsed['objective'], 'timeSampling'> &
    Pick<Objective, 'timeSampling' | 'timeMean' | 'timeStd'>;
};

/**
 * Ramesh et al. 2022, table 3: the cosine schedule; GLIDE's decoder, which it changes, learns the variance. Next to x_0 a learned one
 * grows beyond the bounds of DDPM's where noise is weak, and samplers of few steps explode.
 */
function decoderScheduler({ predictionType }: Pick<Parsed['scheduler'], 'predictionType'>) {
  return {
    betaSchedule: 'cosine',
    varianceType: predictionType === 'sample' ? 'fixed_small' : 'learned_range',
  } as const;
}

/**
 * Checks a configuration and fills in the defaults but those of the data.
 *
 * @throws one line that names the key, what was expected and, for an unknown one, the nearest
 */
export function parseDecoderConfig(value: unknown): DecoderConfig {
  const { scheduler: given, objective, ...config } = parseConfig(decoderConfigSchema, value, 'config');
  const { scheduler, times } = completedProcess({ ...decoderScheduler(given), ...given }, objective);
  return { ...config, scheduler, objective: { ...objective, ...times } };
}
