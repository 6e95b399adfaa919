/** The folder of an `ImageClassifier`; see `network-folder.ts`. */
import type { HostArray, HostArrays } from '../core/index.ts';
import { ImageClassifier, imageClassifierConfigSchema, parseConfig, toHuggingFace } from '../models/index.ts';
import { readNetworkConfig, readNetworkWeights, writeNetworkFolder, type NetworkToWrite } from './network-folder.ts';

const className = 'ImageClassifier';

/** Writes a classifier's folder; see `writeNetworkFolder`. */
export async function writeClassifierFolder(
  dir: string,
  {
    model,
    weights,
    dtype,
  }: { readonly model: ImageClassifier; readonly weights: HostArrays } & Pick<NetworkToWrite, 'dtype'>,
): Promise<void> {
  await writeNetworkFolder(dir, {
    config: toHuggingFace(className, model.config),
    schema: imageClassifierConfigSchema,
    module: model,
    weights,
    ...(dtype && { dtype }),
  });
}

/**
 * Reads a classifier's folder.
 *
 * @throws one line that names the file and what is wrong with it
 */
export async function readClassifierFolder(
  dir: string,
): Promise<{ readonly model: ImageClassifier; readonly weights: Map<string, HostArray> }> {
  const { config, where } = await readNetworkConfig(dir, className);
  const model = new ImageClassifier(parseConfig(imageClassifierConfigSchema, config, where));
  return { model, weights: await readNetworkWeights(dir, model, className) };
}
