/** Models of images that lie next to the studio. */
import { readModel, type LoadedModel } from '../../checkpoint/browser.ts';
import { classConditions } from '../../diffusion/index.ts';
import { openSampler, type ImageSampler } from '../../pipelines/index.ts';
import type { StudioDevice } from './device.ts';
import { openEngine } from './open-engine.ts';
import { openedOnce } from './opened-once.ts';
import { studioFiles } from './studio-files.ts';

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
 * @param onBytes  called as its files come: how many bytes
 * @throws one line if it is not there, or is of another kind
 */
export function openImageModel(
  name: string,
  device: StudioDevice,
  onBytes: (bytes: number) => void,
  batchSize = 1,
): Promise<OpenImageModel> {
  return open(`${name} ${device} ${batchSize}`, () => load(name, device, batchSize, onBytes));
}

async function load(
  name: string,
  device: StudioDevice,
  batchSize: number,
  onBytes: (bytes: number) => void,
): Promise<OpenImageModel> {
  const files = await studioFiles(name, onBytes);
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
