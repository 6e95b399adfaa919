/** The files of a model, without asking for those that are not there. */
import { fetchedFiles, type ModelFiles } from '../../checkpoint/browser.ts';
import { modelAddress } from './model-address.ts';
import { listedModel } from './studio-models.ts';

/**
 * The files of a model next to the studio, or at an address. The studio lists those of its own models.
 *
 * @param name     its folder below `models/`, or an address
 * @param onBytes  called as its files come: how many bytes
 * @throws if the list of models cannot be fetched
 */
export async function studioFiles(name: string, onBytes: (bytes: number) => void): Promise<ModelFiles> {
  const files = fetchedFiles(modelAddress(name), { onBytes: (_, bytes) => onBytes(bytes) });
  const there = (await listedModel(name))?.files;
  if (!there) return files;
  return {
    ...files,
    has: async (path) => there.includes(path),
    async list(folder) {
      const start = folder === '' ? '' : `${folder}/`;
      return there
        .filter((path) => path.startsWith(start) && !path.slice(start.length).includes('/'))
        .map((path) => path.slice(start.length));
    },
  };
}
