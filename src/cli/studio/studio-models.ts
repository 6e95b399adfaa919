/** The models that the studio can open, wherever they lie. */
import { basename, resolve } from 'node:path';
import { pretrainedNames, resolveModel } from '../../checkpoint/index.ts';
import { UsageError } from '../options.ts';

/** A model of the studio. */
export interface StudioModel {
  /** Its folder's name below `models/`. */
  readonly name: string;
  readonly kind: 'model' | 'clip';
  /** Where it lies on this machine. */
  readonly path: string;
}

/** What the studio's pages find in `models/models.json`. */
export interface StudioModelIndex {
  readonly models: readonly Pick<StudioModel, 'name' | 'kind'>[];
}

/**
 * The models that come with kuosan and those that were named.
 *
 * @throws one line if a source is no model, or two have one name
 */
export async function studioModels(sources: readonly string[]): Promise<StudioModel[]> {
  const models: StudioModel[] = [];
  for (const kind of ['model', 'clip'] as const)
    for (const name of await pretrainedNames(undefined, kind))
      models.push({ name, kind, path: await resolveModel(name, { kind }) });
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
    if (!earlier) models.push({ name, kind, path });
  }
  return models;
}

/** The index without the places on this machine. */
export function modelIndex(models: readonly StudioModel[]): StudioModelIndex {
  return { models: models.map(({ name, kind }) => ({ name, kind })) };
}
