import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearest } from '../core/suggest.ts';
import { kindOf } from '../files/durable-files.ts';
import { configFile, indexFile } from './file-names.ts';
import { readJsonFile } from '../files/json-file.ts';
import { runFile } from './run-folder.ts';
import { latestCheckpoint, namedCheckpoint } from './step-folders.ts';

/** What is looked for: a model that generates images, a CLIP, or another network alone, such as a classifier. */
export type ModelKind = (typeof modelKinds)[number];
const modelKinds = ['model', 'clip', 'network'] as const;

/** Options of `resolveModel`. */
export interface ResolveOptions {
  /** Restricts the names that are searched, to one kind or to several; default a diffusion model. */
  readonly kind?: ModelKind | readonly ModelKind[];
  /** The folder of the models that are known by name; default the package's own. */
  readonly pretrainedDir?: string;
}

/** The package's `pretrained/`: as far above `src/checkpoint/` as above `dist/checkpoint/`. */
export function packagePretrainedDir(): string {
  return fileURLToPath(new URL('../../pretrained', import.meta.url));
}

const called: Readonly<Record<ModelKind, string>> = {
  model: 'a model that generates images',
  clip: 'a CLIP',
  network: 'an image classifier',
};

/** The names of the models of a kind in a folder of models, sorted. */
export async function pretrainedNames(
  pretrainedDir: string = packagePretrainedDir(),
  kind: ModelKind = 'model',
): Promise<string[]> {
  if ((await kindOf(pretrainedDir)) !== 'folder') return [];
  const names: string[] = [];
  for (const name of (await readdir(pretrainedDir)).sort())
    if ((await modelKindOf(join(pretrainedDir, name))) === kind) names.push(name);
  return names;
}

async function modelKindOf(dir: string): Promise<ModelKind | undefined> {
  if ((await kindOf(join(dir, indexFile))) === 'file') return 'model';
  const config = join(dir, configFile);
  if ((await kindOf(config)) !== 'file') return undefined;
  return (await readJsonFile(config, config))['model_type'] === 'clip' ? 'clip' : 'network';
}

/**
 * The model folder that a person means.
 *
 * @param source  a run (its latest checkpoint), `<run>/best` or `<run>/latest`, one checkpoint, a model folder, or the name of a pretrained model; a path that holds a model
 *   comes before a name
 * @throws one line, if it is none of these, or a run that has no checkpoint yet
 * @example
 * import { resolveModel } from 'kuosan/checkpoint';
 *
 * const folder = await resolveModel('noto-32'); // or a run, a checkpoint, a folder
 */
export async function resolveModel(
  source: string,
  { pretrainedDir = packagePretrainedDir(), kind: wanted = 'model' }: ResolveOptions = {},
): Promise<string> {
  const kind = source === '' ? 'nothing' : await kindOf(source);
  if (kind === 'folder') {
    if ((await kindOf(join(source, indexFile))) === 'file') return source;
    if ((await kindOf(join(source, runFile))) === 'file') {
      const latest = await latestCheckpoint(source);
      if (!latest) throw new Error(`${source}: the run has no checkpoint yet; let it reach its first one`);
      return latest.path;
    }
    // A network alone, without the index of a pipeline.
    if ((await kindOf(join(source, configFile))) === 'file') return source;
  }
  const named = await namedCheckpoint(source);
  if (named) return named.path;
  const kinds = typeof wanted === 'string' ? [wanted] : wanted;
  const names = (await Promise.all(kinds.map((each) => pretrainedNames(pretrainedDir, each)))).flat().sort();
  if (names.includes(source)) return join(pretrainedDir, source);

  if (kind === 'folder')
    throw new Error(
      `${source}: is neither a run, a checkpoint nor a model folder (there is no ${runFile}, no ${indexFile} and no ${configFile})`,
    );
  if (kind === 'file')
    throw new Error(
      `${source}: is a file; give a run, a checkpoint or the folder of a model, which has ${indexFile} or ${configFile}`,
    );
  const known =
    names.length === 0
      ? 'give the path of a run, a checkpoint or a model folder'
      : `give the path of a run, a checkpoint or a model folder, or one of ${names.join(', ')}`;
  for (const other of modelKinds) {
    if ((await pretrainedNames(pretrainedDir, other)).includes(source))
      throw new Error(
        `${JSON.stringify(source)} is ${called[other]}, expected ${kinds.map((each) => called[each]).join(' or ')}; ${known}`,
      );
  }
  const suggestion = nearest(source, names);
  throw new Error(
    `unknown ${kinds.map((each) => (each === 'clip' ? 'CLIP' : each)).join(' or ')} ${JSON.stringify(source)}; ${suggestion === undefined ? '' : `did you mean ${suggestion}? Otherwise `}${known}`,
  );
}
