/** What `kuosan edit` is asked for. */
import type { PromptOptions } from '../prompt-options.ts';
import type { SamplerCommandOptions, SourceOptions } from '../sampling-options.ts';
import type { ImageOutputs } from './write-images.ts';

/** The options of `kuosan edit`. */
export interface EditOptions extends SourceOptions, SamplerCommandOptions, PromptOptions, ImageOutputs {
  readonly image: string;
  readonly mask?: string;
  readonly canvas?: number;
  readonly from?: string;
  readonly to?: string;
  readonly strength?: number;
  readonly jumpLength?: number;
  readonly resamples?: number;
  readonly count: number;
  readonly seed: number;
}
