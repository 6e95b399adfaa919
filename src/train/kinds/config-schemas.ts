import type { z } from 'zod';
import { askedDdpmSchema } from '../steps/train-config.ts';
import { classifierConfigSchema } from './classifier-config.ts';
import { clipRunSchema } from './clip-config.ts';

/** The schema of each kind of run, by the `task` of its configuration: `ddpm` when left out. */
export const configSchemas: Readonly<Record<string, z.ZodObject>> = {
  ddpm: askedDdpmSchema,
  classifier: classifierConfigSchema,
  clip: clipRunSchema,
};
