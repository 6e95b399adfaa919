/** The files of the repository as text, for the tests that read code and prose instead of running them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** What is made, not written: installed packages, builds, runs. */
const generated = new Set(['node_modules', 'dist', 'runs', 'coverage', '.git']);

/** The paths of all files below a folder, relative to the repository and with `/`, sorted; none if there is no such folder. */
export function filesBelow(folder: string, ending: string): string[] {
  const found: string[] = [];
  const visit = (path: string) => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const inner = path === '' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory() && !generated.has(entry.name)) visit(inner);
      else if (entry.isFile() && entry.name.endsWith(ending)) found.push(inner);
    }
  };
  if (existsSync(join(root, folder))) visit(folder);
  return found.sort();
}

export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** One import, re-export or dynamic import of a file. */
export interface Import {
  /** The file as written from the repository's root, or a package. */
  readonly target: string;
  /** Erased by the compiler: it names types only. */
  readonly typeOnly: boolean;
}

const statement =
  /^(?:import|export)\s+(type\s+)?((?:\w+\s*,\s*)?(?:\{[^}]*\}|\*(?:\s+as\s+\w+)?|\w+))\s+from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

/** Every module that a TypeScript file names in an import or a re-export. */
export function importsOf(path: string): Import[] {
  return [...textOf(path).matchAll(statement)].map(([, type, clause, from, bare, dynamic]) => {
    const specifier = (from ?? bare ?? dynamic)!;
    const names = clause?.startsWith('{')
      ? clause
          .slice(1, -1)
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== '')
      : [];
    const typeOnly = type !== undefined || (names.length > 0 && names.every((name) => name.startsWith('type ')));
    return {
      target: specifier.startsWith('.') ? normalize(join(dirname(path), specifier)).replaceAll('\\', '/') : specifier,
      typeOnly,
    };
  });
}
