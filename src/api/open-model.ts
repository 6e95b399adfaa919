/** Opens models in Node. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchedFiles, folderFiles, resolveModel } from '../checkpoint/index.ts';
import { encodePng } from '../data/images/image.ts';
import { defaultCacheDir } from '../files/default-cache-dir.ts';
import { openGenerator } from '../generators/index.ts';
import { openNodeExecutor, type DeviceChoice } from '../runtime/node.ts';
import { modelOver, togetherDefault, type Model } from './model.ts';

/** What to compute on. */
export interface ComputeOptions {
  /**
   * Default `auto`: a GPU through WebGPU if there is a real one that computes the CPU's numbers at least twice as fast;
   * else the CPU.
   */
  readonly device?: DeviceChoice | undefined;
  /** Threads on the CPU; default: the number of CPUs. */
  readonly threads?: number | undefined;
  /** Whether they spin while they wait, default true: sleeping ones are slower alone and kinder to what else the machine does. */
  readonly spin?: boolean | undefined;
}

/** Options of `openModel`. */
export interface OpenModelOptions extends ComputeOptions {
  /** Images computed together, default 4. A single image costs as much as so many: a server that makes one at a time takes 1. */
  readonly batchSize?: number | undefined;
  /** Which of several sets of weights to read, such as `fp16`. */
  readonly variant?: string | undefined;
}

/**
 * Opens a model that generates images.
 *
 * @param source  the name of one that comes with the package (`noto-32`), a run, a checkpoint, a folder in the layout of
 *                diffusers, or the address of such a folder
 * @throws one line, if there is no such model or it cannot be opened; if the device is not there
 * @example
 * import { writeFile } from 'node:fs/promises';
 * import { openModel } from 'kuosan';
 *
 * const model = await openModel('noto-32');
 * const [image] = await model.generate({ seed: 7, sampler: 'dpmpp-2m', steps: 10 });
 * await writeFile('image.png', await image!.toPng());
 * await model.close();
 */
export async function openModel(source: string | URL, options: OpenModelOptions = {}): Promise<Model> {
  const { batchSize = togetherDefault, variant } = options;
  const isAddress = source instanceof URL ? source.protocol !== 'file:' : /^https?:\/\//.test(source);
  const files = isAddress
    ? fetchedFiles(source)
    : folderFiles(await resolveModel(source instanceof URL ? fileURLToPath(source) : source));
  const executor = await openDevice(options);
  try {
    const generator = await openGenerator(executor, files, { batchSize, variant });
    return modelOver(
      generator,
      async (image) => (await encodePng(image)).slice(),
      () => executor.dispose(),
    );
  } catch (error) {
    await executor.dispose();
    throw error;
  }
}

/** Opens what to compute on, as the command line does: large programs are kept lowered for the next start. */
export function openDevice({ device, threads, spin }: ComputeOptions): ReturnType<typeof openNodeExecutor> {
  const cacheDir = defaultCacheDir();
  return openNodeExecutor({
    ...(device !== undefined && { device }),
    ...(threads !== undefined && { threads }),
    ...(spin !== undefined && { spin }),
    ...(cacheDir !== undefined && { cacheDir: join(cacheDir, 'programs') }),
  });
}
