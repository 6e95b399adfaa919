/** DALL·E 2's prior: from captions to the CLIP embeddings of images. */
import { parsePriorConfig, priorConfigSchema, type PriorConfig } from './prior-config.ts';
import type { System } from './system.ts';

/** DALL·E 2's prior, listed as `prior`. */
export const priorSystem: System<PriorConfig> = {
  task: 'prior',
  trains: "DALL·E 2's prior, from captions to CLIP's image embeddings",
  schema: priorConfigSchema,
  parse: parsePriorConfig,
  plan: async (config, options) => (await import('./prior-plan.ts')).planPrior(config, options),
};
