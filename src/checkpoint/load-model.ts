import { readModelFolder } from './model-folder.ts';
import type { LoadedModel, ReadModelOptions } from './read-model.ts';
import { resolveModel, type ResolveOptions } from './resolve.ts';

/**
 * Reads the model that a person means; see `resolveModel` and `readModelFolder`.
 *
 * @example
 * import { loadModel } from 'kuosan/checkpoint';
 *
 * const { network, scheduler, classes } = await loadModel('fashion-mnist');
 * console.log(network.className, network.sample, classes?.names[0]); // UNet2DModel [ 1, 32, 32 ] T-shirt/top
 */
export async function loadModel(
  source: string,
  { variant, ...options }: ResolveOptions & ReadModelOptions = {},
): Promise<LoadedModel> {
  return readModelFolder(await resolveModel(source, options), { variant });
}
