/** DALL·E 2's autoregressive prior: from captions to the CLIP embeddings of images, a principal component at a time. */
import {
  autoregressivePriorRunSchema,
  parseAutoregressivePriorConfig,
  type AutoregressivePriorRunConfig,
} from './autoregressive-prior-config.ts';
import type { System } from './system.ts';

/** DALL·E 2's autoregressive prior, listed as `autoregressive-prior`. */
export const autoregressivePriorSystem: System<AutoregressivePriorRunConfig> = {
  task: 'autoregressive-prior',
  trains: "DALL·E 2's autoregressive prior, from captions to CLIP's image embeddings as quantized components",
  schema: autoregressivePriorRunSchema,
  parse: parseAutoregressivePriorConfig,
  plan: async (config, options) =>
    (await import('./autoregressive-prior-plan.ts')).planAutoregressivePrior(config, options),
};
