/** The configuration of a training run of DALL·E 2's autoregressive prior. */
import { z } from 'zod';
import { autoregressivePriorConfigSchema, parseConfig } from '../models/index.ts';
import { defaultSimilarityQuantile } from '../pipelines/index.ts';
import { resumable } from '../train/resumable.ts';
import { trainSchema } from '../train/steps/train-config.ts';
import { embeddedDataSchema, frozenClipSchema, measuredTrainSchema } from './prior-config.ts';

/** The schema of a run of an autoregressive prior. The CLIP says the size of images, the width of embeddings and the tokens of a text. */
export const autoregressivePriorRunSchema = z.strictObject({
  /** The images with their captions. */
  data: embeddedDataSchema,
  /** The frozen CLIP. */
  clip: frozenClipSchema,
  /** The network, and how embeddings are quantized. */
  model: autoregressivePriorConfigSchema.omit({ embeddingDim: true, numEmbeddings: true }).prefault({}),
  /** The optimization, and what is looked at on the way. */
  train: measuredTrainSchema.extend({
    betas: trainSchema.shape.betas.default([0.9, 0.91]), // Ramesh et al. 2022, table 3
    eps: trainSchema.shape.eps.default(1e-10), // Ramesh et al. 2022, table 3
    weightDecay: trainSchema.shape.weightDecay.default(0.04), // Ramesh et al. 2022, table 3
  }),
  /** How it samples when nobody says. */
  sampling: z
    .strictObject({
      /** Embeddings drawn for each image; the one nearest to the text's is kept. */
      candidates: z.number().int().positive().default(1).meta(resumable),
      /** Guidance by the caption. */
      guidanceScale: z.number().min(1).default(2).meta(resumable),
      /** The share of similarities of text and image that are not asked for, the lowest; rounded down to whole buckets. */
      similarityQuantile: z.number().min(0).lt(1).default(defaultSimilarityQuantile).meta(resumable), // Ramesh et al. 2022, section 2.2
    })
    .prefault({}),
});

/** A documented training run of an autoregressive prior. */
export type AutoregressivePriorRunConfig = z.output<typeof autoregressivePriorRunSchema>;

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws one line that names the key, what was expected and, for an unknown one, the nearest
 */
export function parseAutoregressivePriorConfig(value: unknown): AutoregressivePriorRunConfig {
  return parseConfig(autoregressivePriorRunSchema, value, 'config');
}
