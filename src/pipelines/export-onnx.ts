/** A trained network as an ONNX model that any ONNX Runtime opens. */
// Not the layer's index: these two run in a browser, what reads files does not.
import { schedulerToJson } from '../checkpoint/scheduler-json.ts';
import { storedWeights } from '../checkpoint/weights.ts';
import type { HostArrays } from '../core/index.ts';
import { networkProcess, type SchedulerConfig } from '../diffusion/index.ts';
import { toHuggingFace, type UNet2DModel } from '../models/index.ts';
import { toOnnx, toOnnxForAnyBatch } from '../onnx/index.ts';
import { denoiserProgram, imageShapeOf, type ImageShape } from './ddpm.ts';

/** What is exported. */
export interface ModelToExport {
  readonly unet: UNet2DModel;
  readonly scheduler: SchedulerConfig;
  /** By checkpoint name, f32; exactly the network's. */
  readonly weights: HostArrays;
  /** Default: the size the network was trained on. */
  readonly imageShape?: ImageShape;
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
 *     sample [batch, C, H, W], timestep [batch] (and class_labels [batch] of int64, or as the network's `classInput` says)  →  out_sample [batch, C, H, W]
 *
 * `metadata_props` has the configurations of the network and of its noise schedule, as diffusers writes them.
 *
 * @throws if the weights are not the network's, do not fit the dtype, or take more than 2 GiB
 */
export function exportOnnx(
  { unet, scheduler, weights, imageShape = imageShapeOf(unet, networkProcess(scheduler).varianceType) }: ModelToExport,
  { batch = 'symbolic', dtype = 'f32', metadata = {} }: ExportOptions = {},
): Uint8Array {
  const where = 'exportOnnx';
  if (batch !== 'symbolic' && !(Number.isInteger(batch) && batch > 0))
    throw new Error(`${where}: expected a batch of a positive integer or 'symbolic', got ${String(batch)}`);
  const stored = storedWeights(unet, weights, dtype, where);
  const bytes = [...stored.values()].reduce((total, { data }) => total + data.byteLength, 0);
  if (bytes > largestFile)
    throw new Error(
      `${where}: the weights take ${(bytes / 2 ** 30).toFixed(1)} GiB, one ONNX file holds 2${dtype === 'f32' ? '; store them as float16' : ''}`,
    );
  const options = {
    name: 'unet',
    weights: stored,
    metadata: {
      model_config: JSON.stringify(toHuggingFace('UNet2DModel', unet.config)),
      scheduler_config: JSON.stringify(schedulerToJson(scheduler)),
      ...metadata,
    },
  };
  const build = (size: number) => denoiserProgram(unet, size, imageShape);
  return batch === 'symbolic' ? toOnnxForAnyBatch(build, options) : toOnnx(build(batch), options).bytes;
}
