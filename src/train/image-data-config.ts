import { z } from 'zod';
import { resumable } from './resumable.ts';

const positiveInteger = z.number().int().positive();

/** The `data` section of a run on images. */
export const imageDataSchema = z.strictObject({
  /** A data set by its name (`noto-emoji`, `mnist`, …) or its folder. */
  source: z.string().meta(resumable),
  /** Height and width of the images; one number where they are equal. @unit pixels */
  size: z.union([positiveInteger, z.tuple([positiveInteger, positiveInteger])]).default(32),
  /** How images of another shape come to that size: cut to the middle, padded with white, or stretched. */
  crop: z.enum(['center', 'pad', 'stretch']).default('center'),
  /** Flip half of the images, left for right; wrong for anything with a side, like letters. */
  horizontalFlip: z.boolean().default(false),
});
