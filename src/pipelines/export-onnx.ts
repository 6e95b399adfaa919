/** A trained network as an ONNX model that any ONNX Runtime opens. */
import { z } from 'zod';
// Not the layer's index: these run in a browser, what reads files does not.
import { schedulerFileSchema, schedulerToJson, storedWeights } from '../checkpoint/browser.ts';
import type { HostArrays } from '../core/index.ts';
import type { SchedulerConfig } from '../diffusion/index.ts';
import { stringifyJson } from '../formats/json-float.ts';
import {
  toHuggingFace,
  unet2DConditionConfigSchema,
  unet2DConfigSchema,
  withFloats,
  type DenoisingNetwork,
} from '../models/index.ts';
import { toOnnx, toOnnxForAnyBatch } from '../onnx/index.ts';
import { denoiserProgram } from './denoising-loss.ts';

/** What is exported. */
export interface ModelToExport {
  readonly network: DenoisingNetwork;
  readonly scheduler: SchedulerConfig;
  /** By checkpoint name, f32; exactly the network's. */
  readonly weights: HostArrays;
}

/** Options of `exportOnnx`. */
export interface ExportOptions {
  /** Images in one run; default 'symbolic', any number. */
  readonly batch?: number | 'symbolic';
  /** How the weights are stored, default f32. f16 is half the size and is widened in the graph, which computes in f32 either way. */
  readonly dtype?: 'f32' | 'f16';
  /** Besides `model_config` and `scheduler_config`, what the model says of itself: its license, what made it. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What protobuf, and so an ONNX file with its weights inside, can hold. */
const largestFile = 2 ** 31 - 1;

/**
 * The network as one file of standard ONNX (opset 18, IR 8), weights inside, under diffusers' names:
 *
 *     sample [batch, ...], timestep [batch] (and the network's conditions, such as class_labels [batch] of int64)  →  out_sample [batch, ...]
 *
 * `metadata_props` has the configurations of the network and of its noise schedule, as diffusers writes them.
 *
 * @throws if the weights are not the network's, do not fit the dtype, or take more than 2 GiB
 * @example
 * import { writeFile } from 'node:fs/promises';
 * import { loadModel } from 'kuosan/checkpoint';
 * import { exportOnnx } from 'kuosan/pipelines';
 *
 * await writeFile('noto-32.onnx', exportOnnx(await loadModel('noto-32'), { dtype: 'f16' }));
 */
export function exportOnnx(
  { network, scheduler, weights }: ModelToExport,
  { batch = 'symbolic', dtype = 'f32', metadata = {} }: ExportOptions = {},
): Uint8Array {
  const where = 'exportOnnx';
  if (batch !== 'symbolic' && !(Number.isInteger(batch) && batch > 0))
    throw new Error(`${where}: expected a batch of a positive integer or 'symbolic', got ${String(batch)}`);
  // A network that does not say how large its samples are says so before its weights are read.
  const build = (size: number) => denoiserProgram(network, size);
  const stored = storedWeights(network.module, weights, dtype, where);
  const bytes = [...stored.values()].reduce((total, { data }) => total + data.byteLength, 0);
  if (bytes > largestFile)
    throw new Error(
      `${where}: the weights take ${(bytes / 2 ** 30).toFixed(1)} GiB, one ONNX file holds 2${dtype === 'f32' ? '; store them as float16' : ''}`,
    );
  const options = {
    name: network.className,
    weights: stored,
    metadata: {
      model_config: stringifyJson(withFloats(schemaOf(network), toHuggingFace(network.className, network.config))),
      scheduler_config: stringifyJson(withFloats(schedulerFileSchema(scheduler), schedulerToJson(scheduler))),
      ...metadata,
    },
  };
  return batch === 'symbolic' ? toOnnxForAnyBatch(build, options) : toOnnx(build(batch), options).bytes;
}

/** Which numbers of its configuration are floats, for Python; a network of one's own says nothing of that. */
function schemaOf({ className }: DenoisingNetwork): z.ZodType {
  const schemas: Readonly<Record<string, z.ZodType>> = {
    UNet2DModel: unet2DConfigSchema,
    UNet2DConditionModel: unet2DConditionConfigSchema,
  };
  return schemas[className] ?? z.unknown();
}
