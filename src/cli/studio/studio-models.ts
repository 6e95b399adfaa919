/** The models that the studio can open, wherever they lie. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { pretrainedNames, resolveModel } from '../../checkpoint/index.ts';
import type { StudioModel } from '../../server/index.ts';
import { UsageError } from '../options.ts';

/**
 * The models that come with kuosan and those that were named.
 *
 * @param browserBytes  the largest weights that a visitor's browser computes with
 * @throws one line if a source is no model, or two have one name
 */
export async function studioModels(sources: readonly string[], browserBytes: number): Promise<StudioModel[]> {
  const models: StudioModel[] = [];
  const add = async (name: string, kind: StudioModel['kind'], path: string) => {
    const found = await modelFiles(path);
    const bytes = weightsBytes(found);
    const files = [...found.keys()].sort();
    models.push({ name, kind, path, bytes, computes: bytes > browserBytes ? 'server' : 'browser', files });
  };
  for (const kind of ['model', 'clip'] as const)
    for (const name of await pretrainedNames(undefined, kind))
      await add(name, kind, await resolveModel(name, { kind }));
  for (const source of sources) {
    const path = await resolveModel(source, { kind: ['model', 'clip'] });
    const name = basename(resolve(source)).replaceAll(/[^\w.-]/g, '-');
    const kind = await resolveModel(path, { kind: 'model' }).then(
      () => 'model' as const,
      () => 'clip' as const,
    );
    const earlier = models.find((model) => model.name === name);
    if (earlier && earlier.path !== path)
      throw new UsageError(
        `--model ${source}: ${earlier.path} has the name ${name} already; rename one of the folders`,
      );
    if (!earlier) await add(name, kind, path);
  }
  return models;
}

/** Folders of a model lie so deep; a link that leads back up ends here. */
const deepest = 4;

/**
 * The files of a model and their sizes, by their paths in its folder with slashes, without what training keeps next to
 * them.
 */
async function modelFiles(folder: string): Promise<Map<string, number>> {
  const files = new Map<string, number>();
  const walk = async (inside: string, depth: number) => {
    for (const name of await readdir(join(folder, inside))) {
      if (name === 'training') continue;
      const path = posix.join(inside, name);
      // What a link leads to, be it a file or a folder.
      const found = await stat(join(folder, path)).catch(() => undefined);
      if (found?.isFile()) files.set(path, found.size);
      else if (found?.isDirectory() && depth < deepest) await walk(path, depth + 1);
    }
  };
  await walk('', 0);
  return files;
}

/** What a model's weights take: all its safetensors. Of variants, the largest counts. */
function weightsBytes(files: ReadonlyMap<string, number>): number {
  const byPart = new Map<string, Map<string, number>>();
  for (const [path, size] of files) {
    if (!path.endsWith('.safetensors')) continue;
    // `model.safetensors`, `model.fp16.safetensors`, `model-00001-of-00002.safetensors`
    const variant = /\.(\w+?)(?:-\d+-of-\d+)?\.safetensors$/.exec(basename(path))?.[1] ?? '';
    const part = dirname(path);
    const variants = byPart.get(part) ?? new Map<string, number>();
    byPart.set(part, variants.set(variant, (variants.get(variant) ?? 0) + size));
  }
  return [...byPart.values()].reduce((sum, variants) => sum + Math.max(...variants.values()), 0);
}
