/** How images become the pixels of a CLIP's image tower, as its folder says: preprocessor_config.json, or transformers 5's processor_config.json. */
import { isObject, type JsonObject } from '../formats/json-object.ts';
import type { CLIPVisionConfig } from '../models/clip/config.ts';
import { clipPreprocessing, openAIPreprocessing, type ClipPreprocessing } from '../models/clip/preprocess.ts';
import { inside, type ModelFiles, readModelJson } from './model-files.ts';

/** The file's name. */
export const preprocessorFile = 'preprocessor_config.json';
const processorFile = 'processor_config.json';

/** Numbers of a model that does not say how its images become pixels. */
export function defaultPreprocessing(channels: number): ClipPreprocessing {
  const half = new Array<number>(channels).fill(0.5);
  return channels === 3 ? openAIPreprocessing : { imageMean: half, imageStd: half };
}

/** A file of a model, or null if it is not there. */
export async function optionalJson(files: ModelFiles, path: string): Promise<JsonObject | null> {
  return (await files.has(path)) ? readModelJson(files, path) : null;
}

/**
 * What a folder says.
 *
 * @param config  of the image tower
 * @throws one line that names an option that is not supported, or does not fit the tower
 */
export async function readPreprocessing(
  files: ModelFiles,
  folder: string,
  config: CLIPVisionConfig,
): Promise<ClipPreprocessing> {
  // Where both are there, transformers goes by this one.
  const whole = inside(folder, processorFile);
  const part = (await optionalJson(files, whole))?.['image_processor'];
  if (isObject(part)) return clipPreprocessing(part, config, `checkpoint ${files.name(whole)}.image_processor`);
  const path = inside(folder, preprocessorFile);
  const json = await optionalJson(files, path);
  // transformers' default where the file is left out.
  return json === null
    ? { ...defaultPreprocessing(config.numChannels), resample: 'bicubic' }
    : clipPreprocessing(json, config, `checkpoint ${files.name(path)}`);
}
