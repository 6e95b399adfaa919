/** DALL·E 2's decoder: from the CLIP embeddings of images, and captions, to images. */
import { decoderConfigSchema, parseDecoderConfig, type DecoderConfig } from './decoder-config.ts';
import type { System } from './system.ts';

/** DALL·E 2's decoder, listed as `decoder`. */
export const decoderSystem: System<DecoderConfig> = {
  task: 'decoder',
  trains: "DALL·E 2's decoder, from CLIP's image embeddings to images",
  schema: decoderConfigSchema,
  parse: parseDecoderConfig,
  plan: async (config, options) => (await import('./decoder-plan.ts')).planDecoder(config, options),
};
