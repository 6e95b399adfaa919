import { readModelFolder } from './model-folder.ts';
import type { LoadedModel, ReadModelOptions } from './read-model.ts';
import { resolveModel, type ResolveOptions } from './resolve.ts';

/** Reads the model that a person means; see `resolveModel` and `readModelFolder`. */
export async function loadModel(
  source: string,
  { variant, ...options }: ResolveOptions & ReadModelOptions = {},
): Promise<LoadedModel> {
  return readModelFolder(await resolveModel(source, options), { variant });
}
