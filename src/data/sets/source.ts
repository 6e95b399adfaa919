import type { Cached } from './cache.ts';
import type { OpenOptions } from '../images/open-options.ts';

/** Which part of a data set that comes in two: `mnist` is `mnist/train`. */
export type Split = 'train' | 'test';

/** A data set that has been found, not yet opened. */
export interface Source {
  /** What its images have: 1 for gray, 3 for color. */
  readonly channels: 1 | 3;
  readonly open: (options: OpenOptions) => Promise<Cached>;
}
