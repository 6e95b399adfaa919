/**
 * One model in diffusers' layout, which Python's `DDPMPipeline.from_pretrained` opens.
 *
 *     model_index.json                               the pipeline's class and its parts
 *     unet/config.json                               the network's configuration
 *     unet/diffusion_pytorch_model.safetensors       its weights
 *     scheduler/scheduler_config.json                the noise schedule and what the network predicts
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asFloat32, type HostArray } from '../core/index.ts';
import type { SchedulerConfig } from '../diffusion/index.ts';
import { readSafetensors, writeSafetensors, type Safetensors } from '../formats/safetensors.ts';
import { fromHuggingFace, parseConfig, toHuggingFace, UNet2DModel, unet2DConfigSchema, type UNet2DConfig } from '../models/index.ts';
import { checksum } from './checksum.ts';
import { kindOf, makeFolder, readWhole, syncFolder, systemReason, writeNewFile } from './durable-files.ts';
import { jsonText, readJsonFile, type JsonObject } from './json-file.ts';
import { schedulerClasses, schedulerFromJson, schedulerToJson } from './scheduler-json.ts';
import { checkWeights, narrow, weightShapes, widen } from './weights.ts';

export const indexFile = 'model_index.json';
const configFile = join('unet', 'config.json');
const weightsName = 'diffusion_pytorch_model';
const schedulerFile = join('scheduler', 'scheduler_config.json');

const pipelineClasses = ['DDPMPipeline', 'DDIMPipeline'];

/** A model to be written. */
export interface ModelToWrite {
  readonly unet: UNet2DModel;
  /** By checkpoint name, f32; exactly the network's. */
  readonly weights: ReadonlyMap<string, HostArray>;
  readonly scheduler: SchedulerConfig;
  /** How the weights are stored; default f32. f16 is half the size, and readers widen it again. */
  readonly dtype?: 'f32' | 'f16';
}

/** A model that was read. */
export interface LoadedModel {
  readonly unet: UNet2DModel;
  /** By checkpoint name, f32 whatever is stored. The arrays may share memory. */
  readonly weights: Map<string, HostArray>;
  readonly scheduler: SchedulerConfig;
  /** The model folder. */
  readonly path: string;
}

/**
 * Writes a model folder, every file flushed to the disk, `model_index.json` last: a folder that has it is whole.
 *
 * @param dir  made if it is not there
 * @throws if the weights are not the network's, do not fit the dtype, or a file exists already or cannot be written
 */
export async function writeModelFolder(dir: string, { unet, weights, scheduler, dtype = 'f32' }: ModelToWrite): Promise<void> {
  const where = `checkpoint ${dir}`;
  checkWeights(weightShapes(unet), weights, where);
  const stored = new Map([...weights].map(([name, array]) => {
    const floats = asFloat32(array, `${where}: tensor ${JSON.stringify(name)}`);
    return [name, dtype === 'f16' ? narrow(floats, name, where) : floats];
  }));
  if (await kindOf(join(dir, indexFile)) !== 'nothing') throw new Error(`${where}: holds a model already; give another folder`);

  for (const part of ['unet', 'scheduler']) {
    try {
      await makeFolder(join(dir, part));
    } catch (error) {
      throw new Error(`${where}: cannot be written, ${systemReason(error) ?? String(error)}; give another folder`, { cause: error });
    }
  }
  await writeNewFile(join(dir, configFile), jsonText(toHuggingFace('UNet2DModel', unet.config)));
  // Beside the format, which transformers demands, the checksum: it goes with the file wherever it is copied.
  await writeNewFile(join(dir, 'unet', `${weightsName}.safetensors`), writeSafetensors(stored, { format: 'pt', sha256: checksum(stored) }));
  await writeNewFile(join(dir, schedulerFile), jsonText(schedulerToJson(scheduler)));
  await syncFolder(join(dir, 'unet'));
  await syncFolder(join(dir, 'scheduler'));
  await writeNewFile(join(dir, indexFile), jsonText(toHuggingFace('DDPMPipeline', { scheduler: ['diffusers', 'DDPMScheduler'], unet: ['diffusers', 'UNet2DModel'] })));
  await syncFolder(dir);
}

/**
 * Reads a model folder, ours or one that diffusers' `save_pretrained` wrote.
 *
 * @throws one line that names the file and what is wrong: missing, damaged, a part or an option that is not supported, tensors that are
 *   not those of the configuration
 */
export async function readModelFolder(dir: string): Promise<LoadedModel> {
  if (await kindOf(dir) !== 'folder') throw new Error(`checkpoint ${dir}: ${await kindOf(dir) === 'file' ? 'is a file, expected a model folder' : 'there is no such folder'}`);
  if (await kindOf(join(dir, indexFile)) === 'nothing') throw new Error(`checkpoint ${dir}: there is no ${indexFile}, so this is no model folder in diffusers' layout`);
  checkIndex(await readJsonFile(join(dir, indexFile), `checkpoint ${join(dir, indexFile)}`), `checkpoint ${join(dir, indexFile)}`);

  const configAt = `checkpoint ${join(dir, configFile)}`;
  const config = readUnetConfig(await readJsonFile(join(dir, configFile), configAt), configAt);
  const scheduler = schedulerFromJson(await readJsonFile(join(dir, schedulerFile), `checkpoint ${join(dir, schedulerFile)}`), `checkpoint ${join(dir, schedulerFile)}`);

  const weightsAt = `checkpoint ${join(dir, 'unet')}`;
  const tensors = await readWeights(join(dir, 'unet'));
  // Before a network is built from a number that may be damaged: every resnet has tensors of its own.
  const resnets = config.layersPerBlock * config.blockOutChannels.length;
  if (resnets > tensors.size) throw new Error(`${configAt}: asks for ${config.layersPerBlock} layers in each of ${config.blockOutChannels.length} blocks, the weights hold only ${tensors.size} tensors`);
  const unet = buildUnet(config, configAt);
  checkWeights(weightShapes(unet), tensors, weightsAt, `the weights are not of the network in ${join(dir, configFile)}: get both from one place, or take another checkpoint`);
  // In the network's order, whatever the file's.
  const weights = new Map([...weightShapes(unet).keys()].map((name) => [name, widen(tensors.get(name)!, name, weightsAt)]));
  return { unet, weights, scheduler, path: dir };
}

function checkIndex(index: JsonObject, where: string): void {
  const className = index['_class_name'];
  if (!pipelineClasses.includes(className as string)) throw new Error(`${where}: pipeline ${JSON.stringify(className) ?? 'without _class_name'} is not supported; one of ${pipelineClasses.join(', ')}`);
  const part = (name: string, classes: readonly string[]) => {
    const found = Array.isArray(index[name]) ? (index[name] as unknown[])[1] : undefined;
    if (!classes.includes(found as string)) throw new Error(`${where}: ${name} is ${JSON.stringify(index[name]) ?? 'missing'}, expected the class ${classes.join(' or ')}`);
  };
  part('unet', ['UNet2DModel']);
  part('scheduler', schedulerClasses);
}

function readUnetConfig(json: JsonObject, where: string): UNet2DConfig {
  const className = json['_class_name'] ?? 'UNet2DModel';
  if (className !== 'UNet2DModel') throw new Error(`${where}: the class is ${JSON.stringify(className)}, expected "UNet2DModel"`);
  return parseConfig(unet2DConfigSchema, fromHuggingFace(json), where);
}

function buildUnet(config: UNet2DConfig, where: string): UNet2DModel {
  try {
    return new UNet2DModel(config);
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
}

async function readWeights(folder: string): Promise<Map<string, HostArray>> {
  const path = join(folder, await weightsFile(folder));
  const where = `checkpoint ${path}`;
  const bytes = await readWhole(path, where);
  let file: Safetensors;
  try {
    file = readSafetensors(bytes);
  } catch (error) {
    throw new Error(`${where}: is damaged; get it again or take another checkpoint (${(error as Error).message})`, { cause: error });
  }
  const { sha256 } = file.metadata;
  if (sha256 !== undefined && sha256 !== checksum(file.tensors)) throw new Error(`${where}: is damaged, its tensors do not match the checksum in it; get it again or take another checkpoint`);
  return file.tensors;
}

/** The name of the weights file, or what there is instead of it. */
async function weightsFile(folder: string): Promise<string> {
  const files = await readdir(folder);
  for (const name of [`${weightsName}.safetensors`, `${weightsName}.fp16.safetensors`]) if (files.includes(name)) return name;
  const where = `checkpoint ${folder}: there is no ${weightsName}.safetensors`;
  if (files.includes(`${weightsName}.safetensors.index.json`)) throw new Error(`${where}, the weights are in shards; save them again from Python with max_shard_size="100GB"`);
  if (files.includes(`${weightsName}.bin`)) throw new Error(`${where}, only pickled weights; save them again from Python with safe_serialization=True`);
  throw new Error(where);
}
