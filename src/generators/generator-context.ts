/** What it takes to open a model as a generator. */
import type { ModelFiles } from '../checkpoint/browser.ts';
import type { Executor } from '../core/index.ts';
import type { JsonObject } from '../formats/json-object.ts';
import type { ImageGenerator } from './image-generator.ts';

/** What an opener is given. */
export interface GeneratorContext {
  readonly executor: Executor;
  readonly files: ModelFiles;
  /** What model_index.json says; undefined for a network alone. */
  readonly index: JsonObject | undefined;
  /** The name of its stage in a cascade, and what its random numbers are for; default `sample`. */
  readonly stage?: string | undefined;
  /** The files of the cascade that it is a stage of: what its stages share lies there. */
  readonly shared?: ModelFiles | undefined;
  /** Images computed together. */
  readonly batchSize?: number | undefined;
  /** Which of several sets of weights to read, such as `fp16`. */
  readonly variant?: string | undefined;
}

/** Opens models of a kind. */
export type GeneratorOpener = (context: GeneratorContext) => Promise<ImageGenerator>;
