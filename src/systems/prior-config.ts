/** The configuration of a training run of DALL·E 2's prior. */
import { z } from 'zod';
import type { Objective, SchedulerConfig } from '../diffusion/index.ts';
import { parseConfig, priorTransformerConfigSchema } from '../models/index.ts';
import { imageDataSchema } from '../train/image-data-config.ts';
import { resumable } from '../train/resumable.ts';
import { trainSchema } from '../train/steps/train-config.ts';
import { noiseObjectiveSchema } from './ddpm-config.ts';
import { completedProcess, schedulerSchema } from './scheduler-schema.ts';

const positiveInteger = z.number().int().positive();

/** The images of a run on what a CLIP makes of them. */
export const embeddedDataSchema = imageDataSchema.omit({ size: true, horizontalFlip: true }).extend({
  /** A list of the images to train on, one file name a line; it is looked for inside the source, then as it is given. Default all. */
  files: z.string().nullable().default(null),
  /** Held-out images of the same source, on which the prior is measured: a list like `files`. */
  testFiles: z.string().nullable().default(null).meta(resumable),
});

/** The optimization of a prior, which is measured on pairs. */
export const measuredTrainSchema = trainSchema.extend({
  optimizer: trainSchema.shape.optimizer.default('adamw'), // Ramesh et al. 2022, table 3
  groups: trainSchema.shape.groups.default([{ maxRank: 1, weightDecay: 0 }]),
  /** Held-out images of a measurement. @unit images */
  evaluateCount: positiveInteger.default(256).meta(resumable),
});

/** The frozen CLIP, and how often training goes without the caption. */
export const frozenClipSchema = z.strictObject({
  /** A CLIP by its name, its run or its folder; its hidden states are as wide as its embeddings. */
  model: z.string().meta(resumable),
  /** The share of samples trained without the caption; guidance needs it. */
  textDropout: z.number().min(0).lt(1).default(0.1), // Ramesh et al. 2022, section 2.2
});

/** The schema of a run of a prior. The CLIP says the size of images, the width of embeddings and the tokens of a text. */
export const priorConfigSchema = z.strictObject({
  /** The images with their captions. */
  data: embeddedDataSchema,
  /** The frozen CLIP. */
  clip: frozenClipSchema,
  /** The network: a `PriorTransformer`, with diffusers' defaults. */
  model: priorTransformerConfigSchema
    .omit({
      embeddingDim: true,
      numEmbeddings: true,
      additionalEmbeddings: true,
      encoderHidProjType: true,
      addedEmbType: true,
      embeddingProjDim: true,
      clipEmbedDim: true,
    })
    .prefault({}),
  /** The diffusion process, by diffusers' names. */
  scheduler: schedulerSchema.prefault({}),
  /** The loss. */
  objective: noiseObjectiveSchema.prefault({}),
  /** The optimization, and what is looked at on the way. */
  train: measuredTrainSchema.extend({
    betas: trainSchema.shape.betas.default([0.9, 0.96]), // Ramesh et al. 2022, table 3
    eps: trainSchema.shape.eps.default(1e-6), // Ramesh et al. 2022, table 3
    weightDecay: trainSchema.shape.weightDecay.default(0.06), // Ramesh et al. 2022, table 3
    /** Steps for each embedding of a measurement. @unit steps */
    evaluateSteps: positiveInteger.min(2).default(25).meta(resumable),
  }),
  /** How it samples when nobody says. */
  sampling: z
    .strictObject({
      /** Embeddings drawn for each image; the one nearest to the text's is kept. */
      candidates: positiveInteger.default(2).meta(resumable), // Ramesh et al. 2022, section 2.2
      /** Guidance by the caption. */
      guidanceScale: z.number().min(1).default(2).meta(resumable),
      /** Steps. @unit steps */
      steps: positiveInteger.min(2).default(25).meta(resumable), // Karlo
    })
    .prefault({}),
});

type Parsed = z.output<typeof priorConfigSchema>;

/** A documented training run of a prior. */
export type PriorConfig = Omit<Parsed, 'scheduler' | 'objective'> & {
  readonly scheduler: SchedulerConfig;
  readonly objective: Omit<Parsed['objective'], 'timeSampling'> &
    Pick<Objective, 'timeSampling' | 'timeMean' | 'timeStd'>;
};

/** The cosine schedule and x_0 are the paper's. Standardized embeddings hardly leave ±5, where Karlo clips them too. */
const priorScheduler = { betaSchedule: 'cosine', predictionType: 'sample', clipSampleRange: 5 } as const;

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws one line that names the key, what was expected and, for an unknown one, the nearest
 */
export function parsePriorConfig(value: unknown): PriorConfig {
  const { scheduler: given, objective, ...config } = parseConfig(priorConfigSchema, value, 'config');
  const { scheduler, times } = completedProcess({ ...priorScheduler, ...given }, objective);
  return { ...config, scheduler, objective: { ...objective, ...times } };
}
