import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { fromHome } from '../files/from-home.ts';

/**
 * Checks that a file to be written is none of those that are read.
 *
 * @param read  the paths by what they are, `the image`
 * @throws one line if it is one of them, by whatever path
 */
export async function checkApart(out: string, read: Readonly<Record<string, string | undefined>>): Promise<void> {
  const real = (path: string) => realpath(path).catch(() => undefined);
  const written = await real(out);
  if (written === undefined) return;
  for (const [what, path] of Object.entries(read))
    if (path !== undefined && (await real(path)) === written)
      throw new Error(`--out ${JSON.stringify(out)} is ${what} itself; give another path`);
}

/**
 * Checks that what is written lies outside of the folders that are read: the next time it would be one of their images.
 *
 * @param written  paths by the option that names them; not given ones are undefined
 * @param read     data sets and folders
 * @throws one line if one lies inside another, by whatever path
 */
export async function checkOutside(
  written: Readonly<Record<string, string | undefined>>,
  read: readonly (string | undefined)[],
): Promise<void> {
  for (const path of read) {
    const folder = path === undefined ? undefined : await folderOf(path);
    if (folder === undefined) continue;
    for (const [option, out] of Object.entries(written)) {
      const target = out === undefined ? undefined : await realTarget(out);
      if (
        target !== undefined &&
        (target === folder || target.startsWith(folder.endsWith(sep) ? folder : folder + sep))
      )
        throw new Error(
          `${option} ${JSON.stringify(out)} lies inside the data set and would become part of it; give a path outside of ${JSON.stringify(path)}`,
        );
    }
  }
}

/** The real path of a folder; undefined for a file, and for a data set that goes by a name. */
async function folderOf(path: string): Promise<string | undefined> {
  const real = await realpath(fromHome(path)).catch(() => undefined);
  return real !== undefined && (await stat(real)).isDirectory() ? real : undefined;
}

/** The real path of what need not be there yet. */
async function realTarget(path: string): Promise<string> {
  const full = resolve(path);
  const parent = dirname(full);
  return realpath(full).catch(async () => (parent === full ? full : join(await realTarget(parent), basename(full))));
}
