/** The page's model: its description, its files, and a generator on a device. */
import { fetchedFiles, type ModelFiles } from '../checkpoint/browser.ts';
import { openGenerator, type DiffusionGenerator } from '../generators/index.ts';
import { createWebExecutor } from '../runtime/web/index.ts';
import { engineFolder, modelFile, modelFolder, type PageModel } from './page-model.ts';

/** The description of the page's model. */
export async function fetchModel(): Promise<PageModel> {
  const text = new TextDecoder().decode(await fetchedFiles(modelFolder).read(modelFile));
  const model = JSON.parse(text) as PageModel;
  if (model.format !== 2)
    throw new Error(`${modelFile} is of format ${String(model.format)}, this page reads 2; export it again`);
  return model;
}

/**
 * The files of the page's model. Each is fetched once, whatever is opened from it and how often.
 *
 * @param onBytes  called with the number of bytes that have come so far
 */
export function modelFiles({ files }: PageModel, onBytes: (bytes: number) => void): ModelFiles {
  const come = new Map<string, number>();
  const fetched = fetchedFiles(modelFolder, {
    onBytes(path, bytes) {
      come.set(path, bytes);
      onBytes([...come.values()].reduce((sum, each) => sum + each, 0));
    },
  });
  const kept = new Map<string, Promise<Uint8Array>>();
  return {
    ...fetched,
    has: async (path) => Object.hasOwn(files, path),
    read(path) {
      let reading = kept.get(path);
      if (!reading) kept.set(path, (reading = fetched.read(path)));
      return reading;
    },
    async list(folder) {
      const start = folder === '' ? '' : `${folder}/`;
      return Object.keys(files)
        .filter((path) => path.startsWith(start) && !path.slice(start.length).includes('/'))
        .map((path) => path.slice(start.length));
    },
  };
}

/** The model on one device; compiled for a batch size when it is first asked for. */
export interface OpenNetwork {
  /** What it runs on, for people. */
  readonly device: string;
  generator(batchSize: number): Promise<DiffusionGenerator>;
  dispose(): Promise<void>;
}

/** Opens the model on a device. */
export async function openNetwork(files: ModelFiles, device: 'wasm' | 'webgpu'): Promise<OpenNetwork> {
  const executor = await createWebExecutor({ device, wasmPaths: new URL(`${engineFolder}/`, document.baseURI).href });
  const generators = new Map<number, Promise<DiffusionGenerator>>();
  return {
    device: executor.device,
    generator(batchSize) {
      let found = generators.get(batchSize);
      if (!found) {
        // What a page is exported from is one denoiser.
        found = (openGenerator(executor, files, { batchSize }) as Promise<DiffusionGenerator>).catch(
          (error: unknown) => {
            // Its files are here by now.
            throw new Error(`The engine could not be started: ${(error as Error).message}`, { cause: error });
          },
        );
        generators.set(batchSize, found);
      }
      return found;
    },
    dispose: () => executor.dispose(),
  };
}
