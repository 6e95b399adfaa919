/** Reading a CLIP wherever its files lie: in a folder, behind an address, in memory. */
import type { HostArrays } from '../core/index.ts';
import type { JsonObject } from '../formats/json-object.ts';
import { CLIPModel, CLIPTextModel } from '../models/clip.ts';
import type { ClipPreprocessing } from '../models/clip/preprocess.ts';
import { clipClassOf, clipComponent, type ClipNetwork, type ClipPart } from './clip-component.ts';
import { optionalJson, readPreprocessing } from './clip-preprocessing.ts';
import { indexFile } from './file-names.ts';
import type { ModelFiles } from './model-files.ts';
import { tokenizerFile } from './text-encoder-folder.ts';
import type { ReadWeightsOptions } from './weight-files.ts';

/** A CLIP, whole or a tower of one, as its files say. */
export interface ClipOfFiles<Model extends ClipNetwork = CLIPModel> {
  readonly model: Model;
  /** By transformers' names, f32 whatever is stored. The arrays may share memory. */
  readonly weights: HostArrays;
  /** The content of its `tokenizer.json`, or null if it has none. */
  readonly tokenizer: JsonObject | null;
  /** What identifies the vocabulary that the weights were trained with (see `vocabularyFingerprint`), or null if they do not say. */
  readonly vocabulary: string | null;
  /** Null for a text tower alone. */
  readonly preprocessing: ClipPreprocessing | null;
}

/**
 * Reads a whole CLIP model: `readClipFiles(fetchedFiles('https://example.com/models/emoji-clip'))`.
 *
 * @throws one line that names the file and what is wrong: missing, damaged, only one tower, or no CLIP at all
 */
export async function readClipFiles(files: ModelFiles): Promise<ClipOfFiles> {
  const where = files.name('');
  const { model, ...read } = await readAnyClip(files, { where });
  checkWholeClip(model, where);
  return { model, ...read };
}

/**
 * Reads any network of the CLIP family.
 *
 * @param where  how messages call the place
 */
export async function readAnyClip(
  files: ModelFiles,
  { variant, where }: Pick<ReadWeightsOptions, 'variant'> & { readonly where: string },
): Promise<ClipOfFiles<ClipNetwork>> {
  if (await files.has(indexFile))
    throw new Error(
      `checkpoint ${where}: holds a model that generates images (${indexFile}), expected a CLIP; give the folder or the run of one`,
    );
  return clipOfPart(files, await clipComponent.read(files, '', { variant }));
}

/** A network with what stands next to it. */
export async function clipOfPart(
  files: ModelFiles,
  { network: model, ...found }: ClipPart,
): Promise<ClipOfFiles<ClipNetwork>> {
  return {
    model,
    ...found,
    tokenizer: await optionalJson(files, tokenizerFile),
    preprocessing:
      model instanceof CLIPTextModel
        ? null
        : await readPreprocessing(files, '', model instanceof CLIPModel ? model.config.visionConfig : model.config),
  };
}

/** @throws one line if it is a tower alone */
export function checkWholeClip(model: ClipNetwork, where: string): asserts model is CLIPModel {
  if (model instanceof CLIPModel) return;
  const missing = model instanceof CLIPTextModel ? 'image' : 'text';
  throw new Error(
    `checkpoint ${where}: is a ${clipClassOf(model)}, which has no ${missing} tower; give a whole CLIPModel`,
  );
}
