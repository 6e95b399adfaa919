/** Models of images that lie next to the studio. */
import { fetchedFiles, readModel, type LoadedModel } from '../../checkpoint/browser.ts';
import { classConditions } from '../../diffusion/index.ts';
import { openSampler, type ImageSampler } from '../../pipelines/index.ts';
import type { StudioDevice } from './device.ts';
import { modelAddress } from './model-address.ts';
import { openEngine } from './open-engine.ts';
import { openedOnce } from './opened-once.ts';

/** A model that is ready to be asked. */
export interface OpenImageModel {
  readonly name: string;
  readonly model: LoadedModel;
  readonly sampler: ImageSampler;
  /** What it runs on, for people. */
  readonly device: string;
}

const open = openedOnce<OpenImageModel>();

/**
 * Opens a model once.
 *
 * @param name     its folder below `models/`, or an address
 * @param onBytes  called as its files come: how many bytes, and of how many where the server says
 * @throws one line if it is not there, or is of another kind
 */
export function openImageModel(
  name: string,
  device: StudioDevice,
  onBytes: (bytes: number, total: number | undefined) => void,
  batchSize = 1,
): Promise<OpenImageModel> {
  return open(`${name} ${device} ${batchSize}`, () => load(name, device, batchSize, onBytes));
}

async function load(
  name: string,
  device: StudioDevice,
  batchSize: number,
  onBytes: (bytes: number, total: number | undefined) => void,
): Promise<OpenImageModel> {
  const files = fetchedFiles(modelAddress(name), { onBytes: (_, bytes, total) => onBytes(bytes, total) });
  const [executor, model] = await Promise.all([openEngine(device), readModel(files)]);
  const { network, scheduler, weights, classes } = model;
  const sampler = await openSampler(executor, {
    network,
    scheduler,
    weights,
    ...(typeof classes?.nullClass === 'number' && { nothing: classConditions([classes.nullClass]) }),
    batchSize,
  });
  return { name, model, sampler, device: executor.device };
}
