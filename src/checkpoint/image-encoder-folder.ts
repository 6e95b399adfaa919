/** A frozen image encoder of a model's folder: the image tower of a CLIP, alone as diffusers' pipelines have it or in a whole one. */
import type { HostArrays } from '../core/index.ts';
import { CLIPModel, CLIPVisionModelWithProjection, imageTowerConfig, type CLIPImageTower } from '../models/clip.ts';
import type { ClipPreprocessing } from '../models/clip/preprocess.ts';
import { clipClassOf, clipComponent } from './clip-component.ts';
import { readPreprocessing } from './clip-preprocessing.ts';
import { configFile } from './file-names.ts';
import { inside, type ModelFiles } from './model-files.ts';

/** An image encoder that was read. */
export interface LoadedImageEncoder {
  readonly model: CLIPImageTower;
  readonly weights: HostArrays;
  readonly preprocessing: ClipPreprocessing;
}

/**
 * Reads an image tower with its projection.
 *
 * @param folder         of the network
 * @param preprocessing  the folder that says how images become pixels; default the same
 * @throws one line if it is something else, or a file is damaged
 */
export async function readImageEncoder(
  files: ModelFiles,
  folder: string,
  preprocessing = folder,
): Promise<LoadedImageEncoder> {
  const { network: model, weights } = await clipComponent.read(files, folder);
  if (!(model instanceof CLIPModel || model instanceof CLIPVisionModelWithProjection))
    throw new Error(
      `checkpoint ${files.name(inside(folder, configFile))}: is a ${clipClassOf(model)}, expected a CLIPVisionModelWithProjection or a whole CLIPModel`,
    );
  return { model, weights, preprocessing: await readPreprocessing(files, preprocessing, imageTowerConfig(model)) };
}
