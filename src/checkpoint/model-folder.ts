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
import type { HostArrays } from '../core/index.ts';
import type { SchedulerConfig } from '../diffusion/index.ts';
import { kindOf } from '../files/durable-files.ts';
import type { JsonObject } from '../formats/json-object.ts';
import type { DenoisingNetwork } from '../models/index.ts';
import { schedulerComponent } from './component.ts';
import { denoisingPartOf } from './denoising-part.ts';
import { folderFiles } from './folder-files.ts';
import { inDiffusers } from './in-diffusers.ts';
import { cardFile } from './model-card.ts';
import type { ModelFacts } from './model-facts.ts';
import { part, writePipelineFolder } from './pipeline-folder.ts';
import { type LoadedModel, readModel, type ReadModelOptions } from './read-model.ts';
import { modelCardText } from './write-model-card.ts';

/** A model to be written. */
export interface ModelToWrite extends ModelFacts {
  /** Of a class that a folder is written for; see `denoisingParts`. */
  readonly network: DenoisingNetwork;
  /** By checkpoint name, f32; exactly the network's. */
  readonly weights: HostArrays;
  readonly scheduler: SchedulerConfig;
  /** How the weights are stored; default f32. f16 is half the size, and readers widen it again. */
  readonly dtype?: 'f32' | 'f16' | undefined;
}

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
export async function writeModelFolder(
  dir: string,
  { network, weights, scheduler, dtype, ...facts }: ModelToWrite,
): Promise<void> {
  const { className, index } = indexOf(network, scheduler);
  const { name, component } = denoisingPartOf(network);
  await writePipelineFolder(dir, {
    className,
    ...(index && { index }),
    parts: { scheduler: part(schedulerComponent, scheduler), [name]: part(component, { network, weights }) },
    facts,
    card: modelCardText({ network, scheduler, classes: facts.classes, superResolution: facts.superResolution }),
    dtype,
  });
}

/**
 * What `model_index.json` says. Where diffusers has no pipeline for the model it names no parts, so that none opens it and then samples
 * something else, and a note says what to open instead; diffusers skips keys that begin with an underscore.
 */
function indexOf(
  network: DenoisingNetwork,
  scheduler: SchedulerConfig,
): { readonly className: string; readonly index?: JsonObject } {
  const {
    pipelines: [pipeline],
    note,
  } = inDiffusers(network, scheduler);
  return pipeline === undefined
    ? { className: network.className, index: { _note: `${note}, as in ${cardFile}` } }
    : { className: pipeline };
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
