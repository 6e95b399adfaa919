/** CLIP: images and texts in one space. */
import { clipRunSchema, parseClipConfig, type ClipConfig } from './clip-config.ts';
import type { System } from './system.ts';

/** CLIP, listed as `clip`. */
export const clipSystem: System<ClipConfig> = {
  task: 'clip',
  trains: 'a CLIP, which searches and names images',
  schema: clipRunSchema,
  parse: parseClipConfig,
  plan: async (config, options) => (await import('./clip-plan.ts')).planClip(config, options),
  ship: async (checkpoint, out) => (await import('./clip-plan.ts')).shipClip(checkpoint, out),
};
