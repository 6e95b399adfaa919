/** The package as npm brings it to a user: packed, and installed into a project that has nothing else. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packForNpm, type Packed } from '../scripts/pack-for-npm.ts';
import { root } from './source-files.ts';

export interface PackedPackage {
  readonly folder: string;
  readonly tarball: string;
  readonly packed: Packed;
}

/** Builds and packs the package, with ONNX Runtime for this system alone, because all of it takes minutes to compress. */
export function packPackage(): PackedPackage {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'kuosan-install-')));
  const stage = join(folder, 'stage');
  const node = (...args: readonly string[]) => command(process.execPath, args, { cwd: root });
  node(join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json', '--outDir', join(stage, 'dist'));
  const system = `${process.platform}/${process.arch}`;
  node('--import', 'tsx', 'scripts/bring-onnxruntime.ts', join(stage, 'dist/onnxruntime-node'), system);
  const packed = packForNpm(stage, folder);
  return { folder, tarball: join(folder, packed.filename), packed };
}

/** A new project with nothing in it, or with the files given. */
export function newProject(folder: string, files: Readonly<Record<string, string>> = {}): string {
  mkdirSync(folder, { recursive: true });
  const own = {
    'package.json': JSON.stringify({ name: 'a-project', version: '1.0.0', type: 'module', private: true }),
  };
  for (const [name, text] of Object.entries({ ...own, ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/**
 * `npm install`, as a person types it.
 *
 * @param version  of npm; default the one that is there
 */
export function install(folder: string, packages: readonly string[], version?: string): string {
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline'];
  const npm = version === undefined ? ['npm'] : ['npx', '--yes', `npm@${version}`];
  return command(npm[0]!, [...npm.slice(1), 'install', ...packages, ...quiet], { cwd: folder });
}

/** Runs a command and returns what it printed, or throws all that it said. Nobody's settings for CUDA reach it. */
export function command(name: string, args: readonly string[], options: { readonly cwd: string }): string {
  const { ONNXRUNTIME_NODE_INSTALL: _, npm_config_onnxruntime_node_install: __, ...env } = process.env;
  try {
    return execFileSync(name, args, {
      ...options,
      env: { ...env, KUOSAN_DEVICE: 'cpu' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${[name, ...args].join(' ')}\n${stdout}${stderr}`, { cause: error });
  }
}

/** The installed packages that run something when they are installed, by name. */
export function packagesWithScripts(modules: string): string[] {
  const names = readdirSync(modules).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
  );
  return names.flatMap((name) => {
    const manifest = join(modules, name, 'package.json');
    if (!existsSync(manifest)) return [];
    const { scripts = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as { scripts?: Record<string, string> };
    const inner = join(modules, name, 'node_modules');
    const runs = ['preinstall', 'install', 'postinstall'].some((script) => script in scripts);
    return [
      ...(runs || existsSync(join(modules, name, 'binding.gyp')) ? [name] : []),
      ...(existsSync(inner) ? packagesWithScripts(inner) : []),
    ];
  });
}

/** Why packages cannot be had, or undefined if they can. */
export function withoutRegistry(): string | undefined {
  try {
    execFileSync('npm', ['view', 'commander', 'version'], {
      stdio: 'ignore',
      timeout: 30_000,
      shell: process.platform === 'win32',
    });
    return undefined;
  } catch {
    return 'npm cannot reach its registry';
  }
}

export function remove({ folder }: PackedPackage): void {
  rmSync(folder, { recursive: true, force: true });
}
