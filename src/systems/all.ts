import { classifierSystem } from './classifier.ts';
import { clipSystem } from './clip.ts';
import { ddpmSystem } from './ddpm.ts';
import type { System } from './system.ts';

/** Everything that can be trained; the first is what a configuration without a `task` means. */
export const systems: readonly System[] = [ddpmSystem, classifierSystem, clipSystem];
