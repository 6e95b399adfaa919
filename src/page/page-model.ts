import type { ClassLabels } from '../checkpoint/browser.ts';
import type { Sampling, SchedulerConfig } from '../diffusion/index.ts';
import type { ImageShape } from '../pipelines/index.ts';

/** What a page knows of its model: `model/model.json`, written by `kuosan export --web`. */
export interface PageModel {
  /** Of this file; a page reads only its own. */
  readonly format: 1;
  readonly name: string;
  readonly summary?: string;
  readonly license?: string;
  /** Null for a model without classes; without names they are called by their numbers. */
  readonly classes: ClassLabels | null;
  readonly parameters: number;
  readonly imageShape: ImageShape;
  /** The network's class, one of `denoisingParts`, and its configuration. */
  readonly network: { readonly className: string; readonly config: Readonly<Record<string, unknown>> };
  readonly scheduler: SchedulerConfig;
  /** How it is sampled when nobody says, where its folder does. */
  readonly sampling?: Sampling;
  /** The weights' file next to this one, in safetensors. */
  readonly weights: { readonly file: string; readonly bytes: number; readonly dtype: 'float32' | 'float16' };
}

/** The files of a page's model, from the page. */
export const modelFolder = 'model';
/** The description of the model, in `modelFolder`. */
export const modelFile = 'model.json';
/** ONNX Runtime's files, from the page. */
export const engineFolder = 'ort';
