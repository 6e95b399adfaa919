/** The page's model: its description, its weights, and an engine to run it on. */
import { denoisingParts, fetchedFiles, widen } from '../checkpoint/browser.ts';
import type { Executor, HostArray } from '../core/index.ts';
import { classConditions } from '../diffusion/index.ts';
import { readSafetensors } from '../formats/index.ts';
import { openSampler, type ImageSampler } from '../pipelines/index.ts';
import { createWebExecutor } from '../runtime/web/index.ts';
import { engineFolder, modelFile, modelFolder, type PageModel } from './page-model.ts';

/** The description of the page's model. */
export async function fetchModel(): Promise<PageModel> {
  const text = new TextDecoder().decode(await fetchedFiles(modelFolder).read(modelFile));
  const model = JSON.parse(text) as PageModel;
  if (model.format !== 1)
    throw new Error(`${modelFile} is of format ${String(model.format)}, this page reads 1; export it again`);
  return model;
}

/**
 * The weights of the page's model, widened to float32.
 *
 * @param onBytes  called with the number of bytes that have come so far
 */
export async function fetchWeights(
  { weights: { file } }: PageModel,
  onBytes: (bytes: number) => void,
): Promise<Map<string, HostArray>> {
  const bytes = await fetchedFiles(modelFolder, { onBytes: (_, count) => onBytes(count) }).read(file);
  return new Map([...readSafetensors(bytes).tensors].map(([name, tensor]) => [name, widen(tensor, name, file)]));
}

/** The network on one device; compiled for a batch size when it is first asked for. */
export interface OpenNetwork {
  /** What it runs on, for people. */
  readonly device: string;
  sampler(batchSize: number): Promise<ImageSampler>;
  dispose(): Promise<void>;
}

/** Opens the network on a device. */
export async function openNetwork(
  { network: { className, config }, scheduler, classes }: PageModel,
  weights: Map<string, HostArray>,
  device: 'wasm' | 'webgpu',
): Promise<OpenNetwork> {
  const part = Object.hasOwn(denoisingParts, className) ? denoisingParts[className] : undefined;
  if (!part) throw new Error(`${modelFile} holds a ${className}, which this page does not know; export it again`);
  const network = part.component.build(config, modelFile);
  const executor: Executor = await createWebExecutor({
    device,
    wasmPaths: new URL(`${engineFolder}/`, document.baseURI).href,
  });
  const samplers = new Map<number, Promise<ImageSampler>>();
  return {
    device: executor.device,
    sampler(batchSize) {
      let found = samplers.get(batchSize);
      if (!found)
        samplers.set(
          batchSize,
          (found = openSampler(executor, {
            network,
            scheduler,
            weights,
            ...(typeof classes?.nullClass === 'number' && { nothing: classConditions([classes.nullClass]) }),
            batchSize,
          }).catch((error: unknown) => {
            throw new Error(`The engine could not be started: ${(error as Error).message}`, { cause: error });
          })),
        );
      return found;
    },
    dispose: () => executor.dispose(),
  };
}
