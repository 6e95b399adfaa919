/** Diffusion models of images: discrete steps, flows and EDM, with classes, or conditioned on an image of low resolution. */
import { askedDdpmSchema, parseAskedDdpmConfig, type AskedDdpmConfig } from './ddpm-config.ts';
import type { System } from './system.ts';

/** Diffusion models of images, listed as `ddpm`. */
export const ddpmSystem: System<AskedDdpmConfig> = {
  task: 'ddpm',
  trains: 'a diffusion model on your images',
  schema: askedDdpmSchema,
  parse: parseAskedDdpmConfig,
  plan: async (config, options) => (await import('./ddpm-plan.ts')).planDdpm(config, options),
  ship: async (checkpoint, out) => (await import('./ddpm-plan.ts')).shipDdpm(checkpoint, out),
};
