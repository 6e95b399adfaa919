/** The configuration of a training run of a diffusion model. */
import { z } from 'zod';
import {
  lossWeightings,
  objectiveDefaults,
  timeSamplings,
  upsamplings,
  type Objective,
  type SchedulerConfig,
} from '../diffusion/index.ts';
import { parseConfig, unet2DConfigSchema } from '../models/index.ts';
import { imageDataSchema } from '../train/image-data-config.ts';
import { resumable } from '../train/resumable.ts';
import { trainSchema } from '../train/steps/train-config.ts';
import { completedProcess, schedulerSchema } from './scheduler-schema.ts';

const positiveInteger = z.number().int().positive();
const positive = z.number().positive();
const fraction = z.number().min(0).lt(1);

/** The `train` section of a run that generates images as it learns. */
export const ddpmTrainSchema = trainSchema.extend({
  /** Updates between sample grids; null writes none. @unit updates */
  sampleEvery: positiveInteger.nullable().default(500).meta(resumable),
  /** Images of a sample grid. @unit images */
  sampleCount: positiveInteger.default(16).meta(resumable),
  /** Sampling steps of a sample grid. @unit steps */
  sampleSteps: positiveInteger.default(50).meta(resumable),
  /** What `evaluateEvery` measures with: a CLIP or a classifier by name or path, or an Inception's .safetensors file; null for what `kuosan evaluate` takes by default. */
  evaluateFeatures: z.string().nullable().default(null).meta(resumable),
  /** Images generated for a measurement: enough to see progress, not to compare models. @unit images */
  evaluateCount: positiveInteger.min(4).default(256).meta(resumable),
  /** Steps of DDIM for each image of a measurement. @unit steps */
  evaluateSteps: positiveInteger.default(25).meta(resumable),
});

/** How the errors of a network that predicts noise are weighed, whatever it is conditioned on. */
export const noiseObjectiveSchema = z.strictObject({
  /** How the losses of different times are weighed against each other. */
  weighting: z.enum(lossWeightings).default(objectiveDefaults.weighting),
  /** γ of `weighting: min_snr`. */
  snrGamma: positive.default(objectiveDefaults.snrGamma), // Hang et al. 2023
  /** How the times of a batch are drawn; default `uniform`, for flows and EDM `log_normal`. */
  timeSampling: z.enum(timeSamplings).optional(),
  /** Mean of ln(σ/α) of `timeSampling: log_normal`; default 0 for a flow, −1.2 for EDM. */
  timeMean: z.number().optional(),
  /** Standard deviation of ln(σ/α) of `timeSampling: log_normal`; default 1 for a flow, 1.2 for EDM. */
  timeStd: positive.optional(),
  /** Standard deviation of noise that all pixels of a channel share; 0.1 lets a model change how bright whole images are. */
  offsetNoise: z.number().nonnegative().default(objectiveDefaults.offsetNoise),
  /** λ of L_hybrid, for `scheduler.varianceType: learned_range`. */
  vlbWeight: positive.default(objectiveDefaults.vlbWeight),
});

/** What training asks of the network; the defaults are plain DDPM. */
const objectiveSchema = noiseObjectiveSchema.extend({
  /** Label dropout: the share of samples trained with the null label; guidance needs it, 0.1 is common. */
  labelDropout: fraction.default(objectiveDefaults.labelDropout),
  /** Super-resolution: generate images given their own at low resolution, as further input channels of the network. */
  superResolution: z
    .strictObject({
      /** By how much the low resolution is lower. */
      factor: z.number().int().min(2),
      /** How images of low resolution come to the network's size. */
      upsampling: z.enum(upsamplings).default('bilinear'), // Saharia et al. 2021 take bicubic
      /** Largest deviation of noise put on them in training; 0.1 keeps the network from relying on their finest details. */
      noiseAugmentation: z.number().nonnegative().default(0),
      /** Largest standard deviation of a Gaussian blur put on half of them in training, in pixels of the low resolution. */
      blur: z.number().nonnegative().default(0), // Saharia et al. 2021 and Ramesh et al. 2022 take up to 0.6
    })
    .optional(),
});

/** The schema of a whole training run of DDPM. */
export const ddpmConfigSchema = z.strictObject({
  /** The images. */
  data: imageDataSchema.extend({
    /** Train on random crops of this size, for a super-resolution stage without attention that is then applied to whole images. @unit pixels */
    randomCrop: positiveInteger.nullable().default(null),
  }),
  /** The network: a `UNet2DModel`, with diffusers' defaults. */
  model: unet2DConfigSchema.prefault({}),
  /** The diffusion process, by diffusers' names. */
  scheduler: schedulerSchema.default({}),
  /** The loss. */
  objective: objectiveSchema.prefault({}),
  /** The optimization, and what is looked at on the way. */
  train: ddpmTrainSchema,
});

/** The same before its data is known: what is not said of classes is what the data has. */
export const askedDdpmSchema = ddpmConfigSchema.extend({
  /** The network: a `UNet2DModel`, with diffusers' defaults. */
  model: unet2DConfigSchema
    .extend({
      /** Classes, the null label among them; left out, those of the data; null for a network without. @unit classes */
      numClassEmbeds: unet2DConfigSchema.shape.numClassEmbeds.removeDefault().optional(),
    })
    .prefault({}),
  /** The loss. */
  objective: objectiveSchema
    .extend({
      /** Label dropout: the share of samples trained with the null label. Guidance needs it; left out, 0.1 where the data has classes. */
      labelDropout: objectiveSchema.shape.labelDropout.removeDefault().optional(),
    })
    .prefault({}),
});

/** A documented training run of DDPM: what presets and config files say. */
export interface DdpmConfig {
  readonly data: z.output<typeof ddpmConfigSchema>['data'];
  readonly model: z.output<typeof unet2DConfigSchema>;
  readonly scheduler: SchedulerConfig;
  readonly objective: Objective;
  readonly train: z.output<typeof ddpmTrainSchema>;
}

/** A run as a person asks for it: without a word of classes it takes those of its data, see `withClasses`. */
export type AskedDdpmConfig = Omit<DdpmConfig, 'model' | 'objective'> & {
  readonly model: Omit<DdpmConfig['model'], 'numClassEmbeds'> & {
    readonly numClassEmbeds?: DdpmConfig['model']['numClassEmbeds'] | undefined;
  };
  readonly objective: Omit<Objective, 'labelDropout'> & { readonly labelDropout?: number | undefined };
};

/**
 * Checks a configuration and fills in the defaults: without a word of classes there are none.
 *
 * @throws one line that names the key, what was expected and, for an unknown one, the nearest
 */
export function parseDdpmConfig(value: unknown): DdpmConfig {
  const { model, objective, ...config } = parseAskedDdpmConfig(value);
  return {
    ...config,
    model: { ...model, numClassEmbeds: model.numClassEmbeds ?? null },
    objective: { ...objective, labelDropout: objective.labelDropout ?? objectiveDefaults.labelDropout },
  };
}

/**
 * Checks a configuration and fills in the defaults but those that depend on the data.
 *
 * @throws as `parseDdpmConfig`
 */
export function parseAskedDdpmConfig(value: unknown): AskedDdpmConfig {
  const { scheduler: given, objective, ...config } = parseConfig(askedDdpmSchema, value, 'config');
  const { scheduler, times } = completedProcess(given, objective);
  return { ...config, scheduler, objective: { ...objective, ...times } };
}
