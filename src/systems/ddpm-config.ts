/** The configuration of a training run of a diffusion model. */
import { z } from 'zod';
import {
  lossWeightings,
  objectiveDefaults,
  schedulerConfig,
  timestepDistribution,
  timeSamplings,
  upsamplings,
  type Objective,
  type SchedulerConfig,
} from '../diffusion/index.ts';
import { parseConfig, unet2DConfigSchema } from '../models/index.ts';
import { imageDataSchema, resumable, trainSchema } from '../train/steps/train-config.ts';

const positiveInteger = z.number().int().positive();
const positive = z.number().positive();
const fraction = z.number().min(0).lt(1);

/** The `train` section of a run that generates images as it learns. */
export const ddpmTrainSchema = trainSchema.extend({
  /** Steps between sample grids; null disables them. */
  sampleEvery: positiveInteger.nullable().default(500).meta(resumable),
  sampleCount: positiveInteger.default(16).meta(resumable),
  sampleSteps: positiveInteger.default(50).meta(resumable),
  /** What `evaluateEvery` measures with: a classifier by name or path, or an Inception's .safetensors file. */
  evaluateFeatures: z.string().nullable().default(null).meta(resumable),
  /** Images generated for an evaluation: enough to see progress, not to compare models. */
  evaluateCount: positiveInteger.min(4).default(256).meta(resumable),
  /** Steps of DDIM for each of them. */
  evaluateSteps: positiveInteger.default(25).meta(resumable),
});

/** What training asks of the network; the defaults are plain DDPM. */
const objectiveSchema = z.strictObject({
  weighting: z.enum(lossWeightings).default(objectiveDefaults.weighting),
  /** γ of min-SNR. */
  snrGamma: positive.default(objectiveDefaults.snrGamma),
  /** Default uniform, for flows and EDM log_normal. */
  timeSampling: z.enum(timeSamplings).optional(),
  /** Mean and deviation of ln(σ/α), for log_normal; default 0 and 1 for a flow, −1.2 and 1.2 for EDM. */
  timeMean: z.number().optional(),
  timeStd: positive.optional(),
  offsetNoise: z.number().nonnegative().default(objectiveDefaults.offsetNoise),
  /** The share of samples whose class is hidden; guidance needs it, 0.1 is usual. */
  labelDropout: fraction.default(objectiveDefaults.labelDropout),
  /** Train super-resolution from downsampled data; the network takes twice the images' channels. */
  superResolution: z
    .strictObject({
      factor: z.number().int().min(2),
      /** How they come to the size of the network's. */
      upsampling: z.enum(upsamplings).default('bilinear'), // Saharia et al. 2021 take bicubic
      /** Largest deviation of noise put on them in training; 0.1 keeps the network from leaning on their last detail. */
      noiseAugmentation: z.number().nonnegative().default(0),
    })
    .optional(),
  /** λ of L_hybrid, for `scheduler.varianceType: learned_range`. */
  vlbWeight: positive.default(objectiveDefaults.vlbWeight),
});

/** The schema of a whole training run of DDPM. */
export const ddpmConfigSchema = z.strictObject({
  data: imageDataSchema,
  model: unet2DConfigSchema.prefault({}),
  scheduler: z.record(z.string(), z.unknown()).default({}),
  objective: objectiveSchema.prefault({}),
  train: ddpmTrainSchema,
});

/** A documented training run of DDPM: what presets and config files say. */
export interface DdpmConfig {
  readonly data: z.output<typeof ddpmConfigSchema>['data'];
  readonly model: z.output<typeof unet2DConfigSchema>;
  readonly scheduler: SchedulerConfig;
  readonly objective: Objective;
  readonly train: z.output<typeof ddpmTrainSchema>;
}

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws one line that names the key, what was expected and, for an unknown one, the nearest
 */
export function parseDdpmConfig(value: unknown): DdpmConfig {
  const {
    scheduler: given,
    objective: { timeSampling, timeMean, timeStd, ...objective },
    ...config
  } = parseConfig(ddpmConfigSchema, value, 'config');
  const scheduler = schedulerConfig(given);
  return {
    ...config,
    scheduler,
    objective: { ...objective, ...timestepDistribution(scheduler, { timeSampling, timeMean, timeStd }) },
  };
}
