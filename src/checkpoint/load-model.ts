import { readModelFolder, type LoadedModel, type ReadModelOptions } from './model-folder.ts';
import { resolveModel, type ResolveOptions } from './resolve.ts';

/** Reads the model that a person means; see `resolveModel` and `readModelFolder`. */
export async function loadModel(
  source: string,
  { variant, ...options }: ResolveOptions & ReadModelOptions = {},
): Promise<LoadedModel> {
  return readModelFolder(await resolveModel(source, options), { variant });
}
