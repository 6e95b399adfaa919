/** Packs what is published: a built package whose README works on the page of the registry. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly files: readonly string[];
  readonly scripts?: object;
  readonly devDependencies?: object;
}

/** What npm says of a package that it has packed. */
export interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/**
 * Packs the package around a build.
 *
 * @param stage  a folder with the build as `dist`; everything else is put there
 * @param out    where the tarball is written
 */
export function packForNpm(stage: string, out: string): Packed {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  for (const part of [...manifest.files, 'package.json']) {
    if (part !== 'dist') cpSync(join(root, part), join(stage, part), { recursive: true });
  }
  // What builds the package is nothing for who installs it, and newer versions of npm warn of such scripts.
  const { scripts: _, devDependencies: __, ...published } = manifest;
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  writeFileSync(
    join(stage, 'README.md'),
    readmeForNpm(readme, manifest, (path) => existsSync(join(stage, path))),
  );
  mkdirSync(out, { recursive: true });
  const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out], {
    cwd: stage,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32',
  });
  const answer = JSON.parse(packed) as readonly Packed[] | Readonly<Record<string, Packed>>;
  return Object.values(answer)[0]!;
}

/**
 * The README with links that work outside the repository. The registry's page knows no files next to it, but what is in
 * a published package has an address: that of its version on unpkg. What the package does not hold keeps its words.
 */
export function readmeForNpm(
  readme: string,
  { name, version }: Pick<Manifest, 'name' | 'version'>,
  holds: (path: string) => boolean,
): string {
  return readme.replaceAll(/(!?)\[([^\]]*)\]\(([^)\s]+)\)/g, (link, image: string, text: string, target: string) => {
    if (/^(?:https?:|mailto:|#)/.test(target)) return link;
    const [path] = target.split('#') as [string];
    return holds(path) ? `${image}[${text}](https://unpkg.com/${name}@${version}/${target})` : text;
  });
}
