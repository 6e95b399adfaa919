/**
 * One model in diffusers' layout; `in-diffusers.ts` says as what it opens in Python.
 *
 *     model_index.json                               the pipeline's class and its parts, or that there is no pipeline for it
 *     README.md                                      its card, with Python that samples from it
 *     unet/config.json                               the network's configuration; the folder is that of its `DenoisingPart`
 *     unet/diffusion_pytorch_model.safetensors       its weights; see weight-files.ts for the other ways they come
 *     scheduler/scheduler_config.json                the noise schedule and what the network predicts
 *     kuosan.json                                    what is known beyond these; see model-facts.ts
 *
 * Read are also the flat layout of early models, all files side by side, and a network alone, without index and schedule.
 */
import { kindOf } from '../files/durable-files.ts';
import { folderFiles } from './folder-files.ts';
import { denoisingPipeline, type ModelToWrite } from './pipeline-files.ts';
import { writePipelineFolder } from './pipeline-folder.ts';
import { type LoadedModel, readModel, type ReadModelOptions } from './read-model.ts';

/**
 * Writes a model folder, every file flushed to the disk, `model_index.json` last: a folder that has it is whole.
 *
 * @param dir  made if it is not there
 * @throws if the weights are not the network's, do not fit the dtype, or a file exists already or cannot be written
 * @example
 * import { loadModel, writeModelFolder } from 'kuosan/checkpoint';
 *
 * const model = await loadModel('noto-32');
 * await writeModelFolder('noto-32-half', { ...model, dtype: 'f16' });
 */
export async function writeModelFolder(dir: string, model: ModelToWrite): Promise<void> {
  await writePipelineFolder(dir, denoisingPipeline(model));
}

/** Reads a model folder of this machine; see `readModel`. */
export async function readModelFolder(dir: string, options: ReadModelOptions = {}): Promise<LoadedModel> {
  const kind = await kindOf(dir);
  if (kind !== 'folder')
    throw new Error(
      `checkpoint ${dir}: ${kind === 'file' ? 'is a file, expected a model folder' : 'there is no such folder'}`,
    );
  return readModel(folderFiles(dir), options);
}
