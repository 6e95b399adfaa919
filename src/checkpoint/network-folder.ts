/**
 * One network in a folder of its own, as Python's transformers lays it out.
 *
 *     config.json         its class and configuration
 *     model.safetensors   its weights; see weight-files.ts for the other ways they come
 */
import { join } from 'node:path';
import type { z } from 'zod';
import type { HostArray, HostArrays } from '../core/index.ts';
import { quoteJson } from '../formats/quote.ts';
import { safetensorsParts } from '../formats/safetensors.ts';
import { fromHuggingFace, withFloats } from '../models/config.ts';
import type { Module } from '../nn/index.ts';
import { checksums } from './checksum.ts';
import { kindOf, makeFolder, syncFolder, writeNewFile } from '../files/durable-files.ts';
import { readJsonFile } from '../files/json-file.ts';
import { jsonText, type JsonObject } from '../formats/json-object.ts';
import { configFile } from './file-names.ts';
import { readWeightFiles } from './folder-files.ts';
import { weightsFileNames } from './weight-files.ts';
import { moduleWeights, storedWeights } from './weights.ts';

/** A network to be written. */
export interface NetworkToWrite {
  /** The content of its `config.json`. */
  readonly config: JsonObject;
  /** Its schema, which says which of its numbers are floats to Python; see `withFloats`. */
  readonly schema: z.ZodType;
  readonly module: Module;
  /** By checkpoint name, f32; exactly the network's. */
  readonly weights: HostArrays;
  /** How the weights are stored; default f32. */
  readonly dtype?: 'f32' | 'f16';
  /** The metadata of the weights file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a network's folder, every file flushed to the disk, `config.json` last: a folder that has it is whole.
 *
 * @param dir  made if it is not there
 * @throws if the weights are not the network's, do not fit the dtype, or a file exists already or cannot be written
 */
export async function writeNetworkFolder(
  dir: string,
  { config, schema, module, weights, dtype = 'f32', metadata }: NetworkToWrite,
): Promise<void> {
  const where = `checkpoint ${dir}`;
  const stored = storedWeights(module, weights, dtype, where);
  if ((await kindOf(join(dir, configFile))) !== 'nothing')
    throw new Error(`${where}: holds a model already; give another folder`);
  await makeFolder(dir);
  await writeNewFile(
    join(dir, weightsFileNames.transformers),
    safetensorsParts(
      { types: stored, read: async (name) => stored.get(name)! },
      { ...metadata, format: 'pt', ...checksums(stored) },
    ),
  );
  await writeNewFile(join(dir, configFile), jsonText(withFloats(schema, config)));
  await syncFolder(dir);
}

/**
 * Reads the configuration of a network's folder.
 *
 * @returns the configuration in camelCase, and how messages call the file
 * @throws one line if there is none, or it is another class's
 */
export async function readNetworkConfig(
  dir: string,
  className: string,
): Promise<{ readonly config: Record<string, unknown>; readonly where: string }> {
  if ((await kindOf(join(dir, configFile))) !== 'file')
    throw new Error(
      `checkpoint ${dir}: there is no ${configFile} in it, so it is no ${className}; give the folder or the run of one`,
    );
  const where = `checkpoint ${join(dir, configFile)}`;
  const json = await readJsonFile(join(dir, configFile), where);
  if (json['_class_name'] !== className)
    throw new Error(
      `${where}: the class is ${quoteJson(json['_class_name'], 'not said')}, expected ${JSON.stringify(className)}`,
    );
  return { config: fromHuggingFace(json), where };
}

/**
 * Reads the weights of a network's folder, widened to f32.
 *
 * @throws one line if the file is missing or damaged, or its tensors are not the network's
 */
export async function readNetworkWeights(
  dir: string,
  module: Module,
  className: string,
): Promise<Map<string, HostArray>> {
  const { tensors, where } = await readWeightFiles(dir, { library: 'transformers', className });
  return moduleWeights(module, tensors, where, `the weights are not of the network in ${join(dir, configFile)}`);
}
