import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

/** A package that is looked for on the machine, and the version that this was made and tested with. */
export interface PackageNeed {
  readonly name: string;
  readonly version: string;
}

/** An installed package. */
export interface FoundPackage {
  readonly name: string;
  readonly folder: string;
  readonly version: string;
}

/**
 * Finds installed npm packages, as Node does: in `node_modules` of a folder or of one above it.
 *
 * @param needs    the packages
 * @param from     the folder to begin in, or a `node_modules` folder
 * @param command  how messages call what needs them
 * @returns      by name
 * @throws one line that names those that are missing, with the command that installs them and keeps the others
 */
export async function findPackages(
  needs: readonly PackageNeed[],
  from: string,
  command: string,
): Promise<Map<string, FoundPackage>> {
  const found = new Map<string, FoundPackage>();
  for (const { name } of needs) {
    const place = await findPackage(name, resolve(from));
    if (place !== undefined) found.set(name, place);
  }
  const missing = needs.filter(({ name }) => !found.has(name));
  if (missing.length === 0) return found;
  const prefix =
    resolve(from) === process.cwd() ? '' : `--prefix ${JSON.stringify(from.replace(/\/node_modules\/?$/, ''))} `;
  const names = missing.map(({ name }) => name).join(', ');
  // All of them, in the versions that are there: npm removes what an earlier --no-save brought and this one does not name.
  const all = needs.map(({ name, version }) => `${name}@${found.get(name)?.version ?? version}`);
  const install = `npm install --no-save ${prefix}${all.join(' ')}`;
  throw new Error(
    `${command}: ${missing.length === 1 ? 'the package' : 'the packages'} ${names} ${missing.length === 1 ? 'is' : 'are'} not installed; run: ${install}`,
  );
}

/** An installed package, or undefined if it is not there. */
export async function findPackage(name: string, start: string): Promise<FoundPackage | undefined> {
  for (let folder = start; ; folder = dirname(folder)) {
    for (const place of [join(folder, 'node_modules', name), join(folder, name)]) {
      const version = await versionOf(place, name);
      if (version !== undefined) return { name, folder: place, version };
    }
    if (dirname(folder) === folder) return undefined;
  }
}

/** Undefined where the folder does not hold this package. */
async function versionOf(folder: string, name: string): Promise<string | undefined> {
  const path = join(folder, 'package.json');
  if (!(await stat(path).catch(() => undefined))?.isFile()) return undefined;
  try {
    const json = JSON.parse(await readFile(path, 'utf8')) as { name?: unknown; version?: unknown } | null;
    return json?.name === name && typeof json.version === 'string' ? json.version : undefined;
  } catch {
    return undefined;
  }
}
