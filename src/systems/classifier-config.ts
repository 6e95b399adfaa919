import { z } from 'zod';
import { imageClassifierConfigSchema, parseConfig } from '../models/index.ts';
import { imageDataSchema } from '../train/image-data-config.ts';
import { resumable } from '../train/resumable.ts';
import { trainSchema } from '../train/steps/train-config.ts';

/** The schema of a training run of an image classifier. The images say their size and channels, the data its classes. */
export const classifierConfigSchema = z.strictObject({
  /** The images. */
  data: imageDataSchema.omit({ size: true }).extend({
    /** Height and width of the images. @unit pixels */
    size: z.number().int().positive().default(32),
    /** A data set of held-out images, on which the accuracy is measured; default the other part of a data set that comes in two, else none. */
    test: z.string().nullable().optional().meta(resumable),
    /** 1 for gray, 3 for color; default what the data has. */
    channels: z.union([z.literal(1), z.literal(3)]).optional(),
  }),
  /** The network: an `ImageClassifier`. */
  model: imageClassifierConfigSchema.omit({ sampleSize: true, inChannels: true, classNames: true }).prefault({}),
  /** The optimization, and what is looked at on the way. */
  train: trainSchema,
});

/** A documented training run of an image classifier. */
export type ClassifierConfig = z.output<typeof classifierConfigSchema>;

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws one line that names the key, what was expected and, for an unknown one, the nearest
 */
export function parseClassifierConfig(value: unknown): ClassifierConfig {
  return parseConfig(classifierConfigSchema, value, 'config');
}
