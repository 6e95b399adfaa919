import { autoregressivePriorSystem } from './autoregressive-prior.ts';
import { classifierSystem } from './classifier.ts';
import { clipSystem } from './clip.ts';
import { ddpmSystem } from './ddpm.ts';
import { decoderSystem } from './decoder.ts';
import { imagenSystem } from './imagen.ts';
import { priorSystem } from './prior.ts';
import type { z } from 'zod';
import type { System } from './system.ts';

/** Everything that can be trained; the first is what a configuration without a `task` means. */
export const systems: readonly System[] = [
  ddpmSystem,
  classifierSystem,
  clipSystem,
  imagenSystem,
  priorSystem,
  autoregressivePriorSystem,
  decoderSystem,
];

/** The schema of each system's configuration, by its task. */
export const configSchemas: Readonly<Record<string, z.ZodObject>> = Object.fromEntries(
  systems.map(({ task, schema }) => [task, schema]),
);
