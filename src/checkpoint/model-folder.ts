/**
 * One model in diffusers' layout; `in-diffusers.ts` says as what it opens in Python.
 *
 *     model_index.json                               the pipeline's class and its parts, or that there is no pipeline for it
 *     README.md                                      its card, with Python that samples from it
 *     unet/config.json                               the network's configuration
 *     unet/diffusion_pytorch_model.safetensors       its weights; see weight-files.ts for the other ways they come
 *     scheduler/scheduler_config.json                the noise schedule and what the network predicts
 *     class_labels.json                              what its classes are called and which stands for any, if that is known
 *     super_resolution.json                          the image conditioning, of super-resolution models
 *
 * Read are also the flat layout of early models, all files side by side, and a network alone, without index and schedule.
 */
import { join } from 'node:path';
import type { HostArray } from '../core/index.ts';
import { schedulerConfig, type SchedulerConfig, type SuperResolution } from '../diffusion/index.ts';
import { quoteJson } from '../formats/quote.ts';
import { safetensorsParts } from '../formats/safetensors.ts';
import {
  fromHuggingFace,
  parseConfig,
  presentTensorName,
  toHuggingFace,
  UNet2DModel,
  unet2DConfigSchema,
  type UNet2DConfig,
} from '../models/index.ts';
import { checksums } from './checksum.ts';
import { readClassLabels, writeClassLabels, type ClassLabels } from './class-labels.ts';
import { kindOf, makeFolder, syncFolder, writeNewFile } from '../files/durable-files.ts';
import { describeSystemError } from '../files/system-reason.ts';
import { configFile, indexFile } from './file-names.ts';
import { inDiffusers } from './in-diffusers.ts';
import { jsonText, readJsonFile } from '../files/json-file.ts';
import { type JsonObject } from '../formats/json-object.ts';
import { cardFile } from './model-card.ts';
import { schedulerClasses, schedulerFromJson, schedulerToJson } from './scheduler-json.ts';
import { readSuperResolution, writeSuperResolution } from './super-resolution-file.ts';
import { readWeightFiles, weightsFileNames, type StoredTensor, type StoredWeights } from './weight-files.ts';
import { moduleWeights, storedWeights } from './weights.ts';
import { modelCardText } from './write-model-card.ts';

const schedulerFile = 'scheduler_config.json';

const pipelineClasses = ['DDPMPipeline', 'DDIMPipeline'];
/** In the place of a pipeline's, where there is none; the parts are in their folders all the same. */
const noPipeline = 'UNet2DModel';

/** A model to be written. */
export interface ModelToWrite {
  readonly unet: UNet2DModel;
  /** By checkpoint name, f32; exactly the network's. */
  readonly weights: ReadonlyMap<string, HostArray>;
  readonly scheduler: SchedulerConfig;
  /** What its classes are called; without them no file says so. */
  readonly classes?: ClassLabels | null;
  /** How the conditioning images of a super-resolution network are made. */
  readonly superResolution?: SuperResolution | null;
  /** How the weights are stored; default f32. f16 is half the size, and readers widen it again. */
  readonly dtype?: 'f32' | 'f16';
}

/** A model that was read. */
export interface LoadedModel {
  readonly unet: UNet2DModel;
  /** By checkpoint name, f32 whatever is stored. The arrays may share memory. */
  readonly weights: Map<string, HostArray>;
  readonly scheduler: SchedulerConfig;
  /** What its classes are called; null if it has none, or nobody wrote them down. */
  readonly classes: ClassLabels | null;
  /** How its conditioning images are made; null without image conditioning, or where it is not recorded. */
  readonly superResolution: SuperResolution | null;
  /** The model folder. */
  readonly path: string;
  /** What the folder does not say, and what was taken instead; to be shown. */
  readonly notes: readonly string[];
}

/** Options of `readModelFolder`. */
export interface ReadModelOptions {
  /** Which of several sets of weights to read, such as `fp16`; see `readWeightFiles`. */
  readonly variant?: string | undefined;
}

/**
 * Writes a model folder, every file flushed to the disk, `model_index.json` last: a folder that has it is whole.
 *
 * @param dir  made if it is not there
 * @throws if the weights are not the network's, do not fit the dtype, or a file exists already or cannot be written
 */
export async function writeModelFolder(
  dir: string,
  { unet, weights, scheduler, classes, superResolution, dtype = 'f32' }: ModelToWrite,
): Promise<void> {
  const where = `checkpoint ${dir}`;
  const stored = storedWeights(unet, weights, dtype, where);
  if ((await kindOf(join(dir, indexFile))) !== 'nothing')
    throw new Error(`${where}: holds a model already; give another folder`);

  for (const part of ['unet', 'scheduler']) {
    try {
      await makeFolder(join(dir, part));
    } catch (error) {
      throw new Error(`${where}: cannot be written, ${describeSystemError(error)}; give another folder`, {
        cause: error,
      });
    }
  }
  await writeNewFile(join(dir, 'unet', configFile), jsonText(toHuggingFace('UNet2DModel', unet.config)));
  // Besides the format, which transformers demands, the checksums: they go with the file wherever it is copied.
  await writeNewFile(
    join(dir, 'unet', weightsFileNames.diffusers),
    safetensorsParts(
      { types: stored, read: async (name) => stored.get(name)! },
      { format: 'pt', ...checksums(stored) },
    ),
  );
  await writeNewFile(join(dir, 'scheduler', schedulerFile), jsonText(schedulerToJson(scheduler)));
  await syncFolder(join(dir, 'unet'));
  await syncFolder(join(dir, 'scheduler'));
  if (classes) await writeClassLabels(dir, classes);
  if (superResolution) await writeSuperResolution(dir, superResolution);
  await writeNewFile(join(dir, cardFile), modelCardText({ unet, scheduler, classes, superResolution }));
  await writeNewFile(join(dir, indexFile), jsonText(indexOf(unet.config, scheduler)));
  await syncFolder(dir);
}

/**
 * What `model_index.json` says. Where diffusers has no pipeline for the model it names no parts, so that none opens it and then draws
 * something else, and a note says what to open instead; diffusers skips keys that begin with an underscore.
 */
function indexOf(config: UNet2DConfig, scheduler: SchedulerConfig): JsonObject {
  const {
    pipelines: [pipeline],
    scheduler: className,
    note,
  } = inDiffusers(config, scheduler);
  if (pipeline === undefined) return { ...toHuggingFace(noPipeline, {}), _note: `${note}, as in ${cardFile}` };
  return toHuggingFace(pipeline, { scheduler: ['diffusers', className], unet: ['diffusers', 'UNet2DModel'] });
}

/**
 * Reads a model folder, ours or one that diffusers' `save_pretrained` wrote: a pipeline, one in the flat layout, or a `UNet2DModel` alone.
 *
 * @throws one line that names the file and what is wrong: missing, damaged, a part or an option that is not supported, tensors that are
 *   not those of the configuration
 */
export async function readModelFolder(dir: string, { variant }: ReadModelOptions = {}): Promise<LoadedModel> {
  if ((await kindOf(dir)) !== 'folder')
    throw new Error(
      `checkpoint ${dir}: ${(await kindOf(dir)) === 'file' ? 'is a file, expected a model folder' : 'there is no such folder'}`,
    );
  const isPipeline = (await kindOf(join(dir, indexFile))) !== 'nothing';
  if (!isPipeline && (await kindOf(join(dir, configFile))) === 'nothing')
    throw new Error(
      `checkpoint ${dir}: there is no ${indexFile} and no ${configFile}, so this is no model folder in diffusers' layout`,
    );
  if (isPipeline)
    checkIndex(
      await readJsonFile(join(dir, indexFile), `checkpoint ${join(dir, indexFile)}`),
      `checkpoint ${join(dir, indexFile)}`,
    );

  // As diffusers does: a part without a folder of its own is next to the index.
  const partFolder = async (part: string, file: string) => {
    const flat =
      !isPipeline || ((await kindOf(join(dir, part))) !== 'folder' && (await kindOf(join(dir, file))) === 'file');
    return flat ? dir : join(dir, part);
  };
  const folder = await partFolder('unet', configFile);
  const configAt = `checkpoint ${join(folder, configFile)}`;
  const config = readUnetConfig(await readJsonFile(join(folder, configFile), configAt), configAt);
  const { scheduler, notes } = await readScheduler(
    join(await partFolder('scheduler', schedulerFile), schedulerFile),
    isPipeline,
  );

  const stored = await readWeightFiles(folder, { variant });
  // Before a network is built from a number that may be damaged: every resnet has tensors of its own.
  const resnets = config.layersPerBlock * config.blockOutChannels.length;
  if (resnets > stored.tensors.size)
    throw new Error(
      `${configAt}: asks for ${config.layersPerBlock} layers in each of ${config.blockOutChannels.length} blocks, the weights hold only ${stored.tensors.size} tensors`,
    );
  const unet = buildUnet(config, configAt);
  const weights = moduleWeights(
    unet,
    underPresentNames(stored),
    stored.where,
    `the weights are not of the network in ${join(folder, configFile)}: get both from one place, or take another checkpoint`,
  );
  const classes = config.numClassEmbeds === null ? null : await readClassLabels(dir, config.numClassEmbeds);
  const superResolution = await readSuperResolution(dir, config.sampleSize);
  return { unet, weights, scheduler, classes, superResolution, path: dir, notes };
}

/** @throws if a tensor is there under its present and its old name */
function underPresentNames({ tensors, where }: StoredWeights): Map<string, StoredTensor> {
  const renamed = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) {
    const present = presentTensorName(name);
    if (present !== name && tensors.has(present))
      throw new Error(
        `${where}: holds tensor ${quoteJson(present)} twice, also under its old name ${quoteJson(name)}; get it again or take another checkpoint`,
      );
    renamed.set(present, tensor);
  }
  return renamed;
}

/** The schedule in the file, or for a network alone DDPM's, with a note that says so. */
async function readScheduler(path: string, required: boolean): Promise<Pick<LoadedModel, 'scheduler' | 'notes'>> {
  if (required || (await kindOf(path)) !== 'nothing')
    return {
      scheduler: schedulerFromJson(
        await readJsonFile(path, `checkpoint ${path}`, { infinite: true }),
        `checkpoint ${path}`,
      ),
      notes: [],
    };
  const scheduler = schedulerConfig();
  return {
    scheduler,
    notes: [
      `there is no ${path}, so the noise schedule is DDPM's: ${scheduler.betaSchedule} from ${scheduler.betaStart} to ${scheduler.betaEnd} in ${scheduler.numTrainTimesteps} steps, prediction ${scheduler.predictionType}`,
    ],
  };
}

function checkIndex(index: JsonObject, where: string): void {
  const className = index['_class_name'];
  if (className === noPipeline) return;
  if (!pipelineClasses.includes(className as string))
    throw new Error(
      `${where}: pipeline ${quoteJson(className, 'without _class_name')} is not supported; one of ${pipelineClasses.join(', ')}`,
    );
  const part = (name: string, classes: readonly string[]) => {
    const found = Array.isArray(index[name]) ? (index[name] as unknown[])[1] : undefined;
    if (!classes.includes(found as string))
      throw new Error(
        `${where}: ${name} is ${quoteJson(index[name], 'missing')}, expected the class ${classes.join(' or ')}`,
      );
  };
  part('unet', ['UNet2DModel']);
  part('scheduler', schedulerClasses);
}

/** What diffusers' `EMAModel` writes into the configuration of the averaged network, about the average alone. */
const averageKeys: readonly string[] = [
  'decay',
  'inv_gamma',
  'min_decay',
  'optimization_step',
  'power',
  'update_after_step',
  'use_ema_warmup',
];

function readUnetConfig(json: JsonObject, where: string): UNet2DConfig {
  const className = json['_class_name'] ?? 'UNet2DModel';
  if (className !== 'UNet2DModel')
    throw new Error(`${where}: the class is ${quoteJson(className)}, expected "UNet2DModel"`);
  const own = Object.fromEntries(Object.entries(json).filter(([key]) => !averageKeys.includes(key)));
  return parseConfig(unet2DConfigSchema, fromHuggingFace(own), where);
}

function buildUnet(config: UNet2DConfig, where: string): UNet2DModel {
  try {
    return new UNet2DModel(config);
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
}
