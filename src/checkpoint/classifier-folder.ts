/** The folder of an `ImageClassifier`; see `network-folder.ts`. */
import type { HostArrays } from '../core/index.ts';
import { ImageClassifier, imageClassifierConfigSchema } from '../models/index.ts';
import { networkComponent, type NetworkComponent } from './component.ts';
import { readNetworkFolder, writeNetworkFolder } from './network-folder.ts';
import { part } from './pipeline-files.ts';

/** A classifier with its weights. */
export interface ClassifierModel {
  readonly model: ImageClassifier;
  /** By checkpoint name, f32; exactly the network's. */
  readonly weights: HostArrays;
}

/** The part that a classifier is. Its files have transformers' names, as those of other networks that stand alone. */
export const classifierComponent: NetworkComponent<ImageClassifier> = networkComponent({
  className: 'ImageClassifier',
  schema: imageClassifierConfigSchema,
  build: (config) => new ImageClassifier(config),
  naming: 'transformers',
});

/** Writes a classifier's folder; see `writeNetworkFolder`. */
export async function writeClassifierFolder(
  dir: string,
  { model, weights, dtype }: ClassifierModel & { readonly dtype?: 'f32' | 'f16' },
): Promise<void> {
  await writeNetworkFolder(dir, { network: part(classifierComponent, { network: model, weights }), dtype });
}

/**
 * Reads a classifier's folder.
 *
 * @throws one line that names the file and what is wrong with it
 */
export async function readClassifierFolder(dir: string): Promise<ClassifierModel> {
  const { network: model, weights } = await readNetworkFolder(dir, classifierComponent);
  return { model, weights };
}
