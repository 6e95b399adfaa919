/** Text to image: stages of Imagen, under a frozen text encoder. */
import { imagenConfigSchema, parseImagenConfig, type ImagenConfig } from './imagen-config.ts';
import type { System } from './system.ts';

/** Text to image, listed as `imagen`. */
export const imagenSystem: System<ImagenConfig> = {
  task: 'imagen',
  trains: 'text to image on your captioned images',
  schema: imagenConfigSchema,
  parse: parseImagenConfig,
  plan: async (config, options) => (await import('./imagen-plan.ts')).planImagen(config, options),
  ship: async (checkpoint, out) => (await import('./ship-imagen.ts')).shipImagen(checkpoint, out),
};
