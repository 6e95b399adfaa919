/** Writes the studio as static files. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { checkWritable } from '../../data/index.ts';
import { replaceWhole } from '../../files/durable-files.ts';
import { folderSize } from '../../files/folder-size.ts';
import { webEngineFolder } from '../../runtime/web-engine-files.ts';
import { builtSite, copyWebEngine, hostFiles } from '../static-site.ts';
import { modelIndex, type StudioModel } from '../../server/index.ts';

/** A studio that was written. */
export interface WrittenStudio {
  /** Of all its files. */
  readonly bytes: number;
  /** Models that are not in it: nothing there would compute them. */
  readonly left: readonly StudioModel[];
}

/**
 * Writes the pages, ONNX Runtime for browsers and the models into a folder, which appears whole or not at all. Models that are
 * too large for a browser are listed, so that their pages can say so, and not copied.
 *
 * @throws one line if the folder holds something else, or an earlier studio that may not be replaced
 */
export async function writeStudio(
  folder: string,
  models: readonly StudioModel[],
  force: boolean,
): Promise<WrittenStudio> {
  const left = models.filter(({ computes }) => computes === 'server');
  const built = builtSite('web-studio');
  webEngineFolder();
  await checkWritable(join(folder, 'index.html'));
  const entries = existsSync(folder) ? await readdir(folder) : [];
  if (entries.length > 0 && !existsSync(join(folder, 'smileys.json')))
    throw new Error(`${folder}: holds other files (${JSON.stringify(entries[0])}); give another folder`);
  if (entries.length > 0 && !force)
    throw new Error(`${folder}: holds a studio already; replace it with --force, or give another folder`);
  const full = resolve(folder);
  await mkdir(dirname(full), { recursive: true });
  await replaceWhole(full, async (aside) => {
    await mkdir(aside);
    await cp(built, aside, { recursive: true });
    for (const [file, text] of Object.entries(hostFiles)) await writeFile(join(aside, file), text);
    await copyWebEngine(join(aside, 'ort'));
    await mkdir(join(aside, 'models'));
    await writeFile(join(aside, 'models/models.json'), `${JSON.stringify(modelIndex(models, false), null, 2)}\n`);
    for (const { name, path, computes } of models)
      if (computes === 'browser')
        await cp(path, join(aside, 'models', name), {
          recursive: true,
          // A cache of Hugging Face keeps links; a checkpoint, what its training goes on with.
          dereference: true,
          filter: (from) => relative(path, from) !== 'training',
        });
  });
  return { bytes: (await folderSize(full)).bytes, left };
}
