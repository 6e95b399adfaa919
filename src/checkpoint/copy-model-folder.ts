/** Copying a model folder with its weights in another dtype: a stage of a cascade, a page's model, a model that is shipped. */
import { join } from 'node:path';
import { schedulerComponent, unet2DConditionComponent } from './component.ts';
import { textEncoderFolder, textToImageClass } from './file-names.ts';
import { folderFiles } from './folder-files.ts';
import { readModelFolder, writeModelFolder } from './model-folder.ts';
import { readFacts, type ModelFacts } from './model-facts.ts';
import { part } from './pipeline-files.ts';
import { writePipelineFolder } from './pipeline-folder.ts';
import { readModelIndex, readPart } from './read-model.ts';
import type { TextEncoderDType } from './text-encoder-component.ts';
import { readTextEncoder } from './text-encoder-folder.ts';
import { writeTextEncoderFolder } from './write-text-encoder.ts';

/** How weights are stored. */
export interface CopyOptions {
  readonly dtype?: 'f32' | 'f16' | undefined;
  /** Copy the frozen text encoder of a model of text to image too, stored so; default it stays behind. */
  readonly textEncoder?: TextEncoderDType | undefined;
  /** How the copy is sampled when nobody says; default as the original. */
  readonly sampling?: ModelFacts['sampling'];
}

/**
 * Copies the network, the scheduler and the facts of a model folder; what training keeps stays behind.
 *
 * @param dir  of one denoising network, or of text to image
 * @param out  made if it is not there
 * @throws one line that names the file and what is wrong, or if `out` holds a model already
 */
export async function copyModelFolder(
  dir: string,
  out: string,
  { dtype, textEncoder, sampling }: CopyOptions = {},
): Promise<void> {
  const files = folderFiles(dir);
  const index = await readModelIndex(files);
  const className = index?.['_class_name'];
  if (className !== textToImageClass)
    return writeModelFolder(out, { ...(await readModelFolder(dir)), ...(sampling && { sampling }), dtype });
  const unet = await readPart(files, index!, 'unet', unet2DConditionComponent);
  const scheduler = await readPart(files, index!, 'scheduler', schedulerComponent);
  await writePipelineFolder(out, {
    className: textToImageClass,
    parts: { unet: part(unet2DConditionComponent, unet), scheduler: part(schedulerComponent, scheduler) },
    facts: { ...(await readFacts(files)), ...(sampling && { sampling }) },
    dtype,
  });
  if (textEncoder === undefined) return;
  const encoder = await readTextEncoder(files, { folder: textEncoderFolder });
  await writeTextEncoderFolder(join(out, textEncoderFolder), encoder, { dtype: textEncoder });
}
