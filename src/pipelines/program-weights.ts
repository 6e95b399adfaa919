import { freeze, type HostArrays, type Program, type Store } from '../core/index.ts';

/** Weights for inference: values to build in as constants (fast, standalone), or a store that holds them under `prefix` (shared with training). */
export type ProgramWeights = HostArrays | { readonly store: Store; readonly prefix: string };

/** A program and the store that it runs on. */
export interface ProgramOverWeights {
  readonly store: Store | null;
  /** Built when it is called: constants are large. */
  readonly program: () => Program;
}

/**
 * A program over weights.
 *
 * @param build  of the prefix under which the program reads them
 */
export function overWeights(weights: ProgramWeights, build: (prefix: string) => Program): ProgramOverWeights {
  return 'store' in weights
    ? { store: weights.store, program: () => build(weights.prefix) }
    : { store: null, program: () => freeze(build(''), weights) };
}
