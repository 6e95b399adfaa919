import { z } from 'zod';
import { parseConfig, unet2DConfigSchema } from '../../models/index.ts';
import {
  lossWeightings,
  objectiveDefaults,
  schedulerConfig,
  timestepDistribution,
  timeSamplings,
  upsamplings,
  type Objective,
  type SchedulerConfig,
  type SchedulerOptions,
} from '../../diffusion/index.ts';
import { namedParameters, type Module } from '../../nn/index.ts';
import { schedulerSchema } from './scheduler-schema.ts';
import type { AdamOptions, ParameterPredicate } from './optimizer.ts';

const positiveInteger = z.number().int().positive();
const count = z.number().int().nonnegative();
const positive = z.number().positive();
const fraction = z.number().min(0).lt(1);

/** The optimization of any run. Every default says where it comes from. */
export const trainSchema = z.strictObject({
  /** Updates of the weights. @unit updates */
  steps: positiveInteger,
  /** Images of one forward pass. @unit images */
  batchSize: positiveInteger.default(32),
  /** Batches averaged into one update. @unit batches */
  gradientAccumulation: positiveInteger.default(1),
  /** Seed of the first weights, of batches, noise and dropout. */
  seed: count.default(0),
  /** A trained model to begin with, by name or by its folder: of the same network, whose weights take the place of random ones; null draws those. */
  init: z.string().nullable().default(null),
  /** `adamw` decays weights apart from the gradients. */
  optimizer: z.enum(['adam', 'adamw']).default('adam'), // Ho et al., appendix B
  /** The learning rate after the warm-up. */
  learningRate: positive.default(2e-4), // Ho et al., CIFAR-10
  /** Decay of Adam's averages of the gradient and of its square. */
  betas: z.tuple([fraction, fraction]).default([0.9, 0.999]), // Kingma & Ba 2015
  /** Added to Adam's denominator. */
  eps: positive.default(1e-8), // Kingma & Ba 2015
  /** Decay of the weights per update, times the learning rate; of `adamw` alone. */
  weightDecay: z.number().nonnegative().default(0.01), // AdamW's; Adam has none
  /** Parameters with settings of their own; one belongs to the first group that it fits. */
  groups: z
    .array(
      z.strictObject({
        /** A regular expression for their checkpoint names, found anywhere in them; default all. */
        names: z.string().refine(isRegularExpression, { error: 'expected a regular expression' }).optional(),
        /** Only those of at most so many axes: 1 is biases, and gains and shifts of norms. */
        maxRank: count.optional(),
        /** Multiplies the learning rate. */
        learningRateScale: positive.optional(),
        /** In place of the whole run's; needs `adamw`. */
        weightDecay: z.number().nonnegative().optional(),
        /** True keeps their values as they are. */
        frozen: z.boolean().optional(),
      }),
    )
    .default([]),
  /** How the learning rate goes on after the warm-up: constant, or along half a cosine to zero at the last step. */
  lrSchedule: z.enum(['constant', 'cosine']).default('constant'),
  /** Updates in which the learning rate grows from zero. @unit updates */
  warmupSteps: count.default(500), // Ho et al. take 5,000 of 800,000
  /** Largest global norm of the gradients; null does not clip. */
  clipNorm: positive.nullable().default(1), // Ho et al., released code
  /** The moving average of the weights, with which samples are generated. */
  ema: z
    .strictObject({
      /** The largest share of the old average that an update keeps. */
      decay: fraction.default(0.9999), // Ho et al., appendix B
      /** Let the decay grow with the updates: 1 − (1 + updates / invGamma)^−power, up to `decay`. */
      useEmaWarmup: z.boolean().default(true),
      /** Of the warm-up. @unit updates */
      invGamma: positive.default(1), // diffusers' EMAModel
      /** Of the warm-up. */
      power: positive.default(0.75), // reaches 0.999 after 10,000 updates
    })
    .prefault({}),
  /** Compute what is cheap again for the gradients instead of keeping it: half the memory of a batch, a little slower. */
  recompute: z.boolean().default(false),
  /** Updates between checkpoints. @unit updates */
  checkpointEvery: positiveInteger.default(1000),
  /** Checkpoints kept, the newest ones; null keeps all. @unit checkpoints */
  keepCheckpoints: positiveInteger.nullable().default(3),
  /** Updates between measurements of the model; null makes none. @unit updates */
  evaluateEvery: positiveInteger.nullable().default(null),
});

/** The `train` section of a run that generates images as it learns. */
export const ddpmTrainSchema = trainSchema.extend({
  /** Updates between sample grids; null writes none. @unit updates */
  sampleEvery: positiveInteger.nullable().default(500),
  /** Images of a sample grid. @unit images */
  sampleCount: positiveInteger.default(16),
  /** Sampling steps of a sample grid. @unit steps */
  sampleSteps: positiveInteger.default(50),
  /** What `evaluateEvery` measures with: a classifier by name or path, or an Inception's .safetensors file. */
  evaluateFeatures: z.string().nullable().default(null),
  /** Images generated for a measurement: enough to see progress, not to compare models. @unit images */
  evaluateCount: positiveInteger.min(4).default(256),
  /** Steps of DDIM for each image of a measurement. @unit steps */
  evaluateSteps: positiveInteger.default(25),
});

/** The `data` section of a run on images. */
export const imageDataSchema = z.strictObject({
  /** A data set by its name (`noto-emoji`, `mnist`, …) or its folder. */
  source: z.string(),
  /** Height and width of the images; one number where they are equal. @unit pixels */
  size: z.union([positiveInteger, z.tuple([positiveInteger, positiveInteger])]).default(32),
  /** How images of another shape come to that size: cut to the middle, padded with white, or stretched. */
  crop: z.enum(['center', 'pad', 'stretch']).default('center'),
  /** Flip half of the images, left for right; wrong for anything with a side, like letters. */
  horizontalFlip: z.boolean().default(false),
});

/** What training asks of the network; the defaults are plain DDPM. */
const objectiveSchema = z.strictObject({
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
    })
    .optional(),
  /** λ of L_hybrid, for `scheduler.varianceType: learned_range`. */
  vlbWeight: positive.default(objectiveDefaults.vlbWeight),
});

/** The schema of a whole training run of DDPM. */
export const ddpmConfigSchema = z.strictObject({
  /** The images. */
  data: imageDataSchema,
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

function isRegularExpression(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

/** A checked `train` section with every default filled in. */
export type TrainConfig = z.output<typeof trainSchema>;

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
  const {
    scheduler: given,
    objective: { timeSampling, timeMean, timeStd, ...objective },
    ...config
  } = parseConfig(askedDdpmSchema, value, 'config');
  const scheduler = schedulerConfig(given as SchedulerOptions);
  return {
    ...config,
    scheduler,
    objective: { ...objective, ...timestepDistribution(scheduler, { timeSampling, timeMean, timeStd }) },
  };
}

/**
 * The optimizer that a configuration describes, for the parameters of a module.
 *
 * @throws if a group fits no parameter, or is to decay under an optimizer that does not
 */
export function optimizerOptions(
  {
    optimizer,
    betas,
    eps,
    weightDecay,
    groups,
  }: Pick<TrainConfig, 'optimizer' | 'betas' | 'eps' | 'weightDecay' | 'groups'>,
  module: Module,
): AdamOptions {
  const parameters = [...namedParameters(module)].filter(([, { kind }]) => kind === 'parameter');
  return {
    betas,
    eps,
    weightDecay: optimizer === 'adamw' ? weightDecay : 0,
    groups: groups.map(({ names, maxRank = Infinity, learningRateScale, weightDecay: decay, frozen }, i) => {
      const pattern = new RegExp(names ?? '');
      const match: ParameterPredicate = (name, shape) => pattern.test(name) && shape.length <= maxRank;
      if (!parameters.some(([name, { shape }]) => match(name, shape)))
        throw new Error(`train.groups[${i}]: fits no parameter; one is called ${JSON.stringify(parameters[0]?.[0])}`);
      if (decay !== undefined && decay > 0 && optimizer !== 'adamw')
        throw new Error(
          `train.groups[${i}]: weightDecay is ${decay}, but ${optimizer} does not decay; take "optimizer": "adamw"`,
        );
      return {
        match,
        ...(learningRateScale !== undefined && { learningRateScale }),
        ...(decay !== undefined && { weightDecay: decay }),
        ...(frozen !== undefined && { frozen }),
      };
    }),
  };
}
