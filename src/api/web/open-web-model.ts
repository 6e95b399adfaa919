/** Opens models in a page. */
import { fetchedFiles } from '../../checkpoint/browser.ts';
import type { Bytes } from '../../formats/index.ts';
import { openGenerator } from '../../generators/index.ts';
import { createWebExecutor, type WebExecutorOptions } from '../../runtime/web/index.ts';
import { modelOver, togetherDefault, type Model, type PngEncoder } from '../browser.ts';

/** Options of `openModel` in a page. */
export interface WebModelOptions extends WebExecutorOptions {
  /** Images computed together, default 4: a single image costs as much as so many. */
  readonly batchSize?: number | undefined;
  /** Which of several sets of weights to read, such as `fp16`. */
  readonly variant?: string | undefined;
  /** Called as bytes come: of which file, how many so far, and how many there are where the server says. */
  readonly onBytes?: (path: string, bytes: number, total: number | undefined) => void;
  /** When it aborts, fetching ends with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a model from an address: a folder in the layout of diffusers, weights in float32 or float16, on any static host.
 * Whatever computes does so in a worker of its own.
 *
 * @param address  of the folder, `/models/noto-32`; another host has to allow it (CORS)
 * @throws one line that names the address and what is wrong; as `createWebExecutor`
 * @example
 * import { openModel } from 'kuosan/web';
 *
 * const model = await openModel('/models/noto-32');
 * const [image] = await model.generate({ seed: 7, sampler: 'dpmpp-2m' });
 * document.querySelector('img')!.src = URL.createObjectURL(await image!.toBlob());
 */
export async function openWebModel(address: string | URL, options: WebModelOptions = {}): Promise<Model> {
  const { batchSize = togetherDefault, variant, onBytes, signal, ...engine } = options;
  const executor = await createWebExecutor(engine);
  try {
    const files = fetchedFiles(address, { ...(onBytes && { onBytes }), ...(signal && { signal }) });
    const generator = await openGenerator(executor, files, { batchSize, variant });
    return modelOver(generator, encodePng, () => executor.dispose());
  } catch (error) {
    await executor.dispose();
    throw error;
  }
}

/** A canvas without a page, which browsers have; the compiler knows Node's globals alone. */
interface Canvas {
  getContext(kind: '2d'): { putImageData(image: object, x: number, y: number): void } | null;
  convertToBlob(options: { readonly type: string }): Promise<Blob>;
}
declare const OffscreenCanvas: new (width: number, height: number) => Canvas;
declare const ImageData: new (data: Uint8ClampedArray, width: number, height: number) => object;

const encodePng: PngEncoder = async (image): Promise<Bytes> => {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext('2d')!.putImageData(new ImageData(image.toRgba(), image.width, image.height), 0, 0);
  return new Uint8Array(await (await canvas.convertToBlob({ type: 'image/png' })).arrayBuffer());
};
