import type { ImageShape } from '../pipelines/index.ts';

/** What a page says of its model before it is open: `model/model.json`, written by `kuosan export --web` into the model's folder. */
export interface PageModel {
  /** Of this file; a page reads only its own. */
  readonly format: 2;
  readonly name: string;
  readonly summary?: string;
  readonly license?: string;
  /** What the form says first, for a model of text to image. */
  readonly prompt?: string;
  readonly parameters: number;
  readonly imageShape: ImageShape;
  /** Its schedule and what its network predicts, in words. */
  readonly process: string;
  /** How the weights are stored. */
  readonly dtype: 'float32' | 'float16';
  /** The files of the model by their paths in its folder, and their bytes: a static host cannot list them. */
  readonly files: Readonly<Record<string, number>>;
}

/** The files of a page's model, from the page. */
export const modelFolder = 'model';
/** The description of the model, in `modelFolder`. */
export const modelFile = 'model.json';
/** ONNX Runtime's files, from the page. */
export const engineFolder = 'ort';
