import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { soakedModel } from '../soak/serve.ts';
import { buildPackage, type BuiltPackage } from './built-package.ts';
import { filesBelow, root, textOf } from './source-files.ts';

interface Target {
  readonly types: string;
  readonly default: string;
  /** What a bundler takes for a page. */
  readonly browser?: { readonly types: string; readonly default: string };
}

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Target>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

const { bin, exports, version, dependencies, devDependencies, allowScripts } = JSON.parse(
  textOf('package.json'),
) as Manifest;
const subpaths = Object.entries(exports).flatMap(([path, target]) =>
  typeof target === 'string' ? [] : [{ path: `kuosan${path.slice(1)}`, ...target }],
);
const inPages = subpaths.flatMap(({ path, browser }) => (browser ? [{ path: `${path} in a page`, ...browser }] : []));

describe('the exports of the package', () => {
  test.each([...subpaths, ...inPages])('$path is built from a source file', ({ types, default: target }) => {
    const source = target.replace('./dist/', 'src/').replace(/\.js$/, '.ts');
    expect(existsSync(join(root, source))).toBe(true);
    expect(types).toBe(target.replace(/\.js$/, '.d.ts'));
  });

  test('have every layer with an index', () => {
    const indexes = filesBelow('src', '/index.ts')
      .concat(filesBelow('src', 'index.ts'))
      .map((path) => path.split('/'))
      .filter((parts) => parts.length === 3)
      .map(([, layer]) => layer!);
    expect(
      [...new Set(indexes)].filter(
        (layer) => layer !== 'api' && !subpaths.some(({ path }) => path === `kuosan/${layer}`),
      ),
    ).toEqual([]);
  });
});

/** What runs in a browser and declares nothing of Node. */
const partsOfPages = ['core', 'formats', 'nn', 'diffusion', 'models', 'onnx', 'pipelines', 'generators', 'runtime/web'];

function withoutComments(path: string): string {
  return readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
}

describe('the built package', () => {
  let built: BuiltPackage;
  beforeAll(() => {
    built = buildPackage();
  });
  afterAll(() => built?.remove());

  test('resolves every subpath, with types', () => {
    const lines = subpaths.map(
      ({ path }, i) =>
        `import * as part${i} from '${path}';\nif (Object.keys(part${i}).length === 0) throw new Error('${path} is empty');`,
    );
    built.compile('all.ts', lines.join('\n'));
    expect(() => built.node(['all.js'])).not.toThrow();
  });

  test('declares what pages take without the types of Node, and everything for compilers before TypeScript 5.7', () => {
    const parts = [...partsOfPages, 'web'].map(
      (path, i) => `import * as part${i} from 'kuosan/${path}';\nvoid part${i};`,
    );
    built.compile('page.ts', parts.join('\n'), 'page');
    const declarations = readdirSync(join(built.folder, 'dist'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.d.ts'))
      .filter((path) =>
        /\b(?:U?[Ii]nt|Float|Big\w+)\d+(?:Clamped)?Array</.test(withoutComments(join(built.folder, 'dist', path))),
      );
    expect(declarations, 'say Bytes of formats, or no type argument').toEqual([]);
  });

  test('has a command that starts, and says its version', () => {
    expect(Object.keys(bin)).toEqual(['kuosan']);
    expect(built.node([bin['kuosan']!, '--version']).trim()).toBe(version);
  });

  test('finds the models that come with it by their names, as the soak of the server asks for one', () => {
    expect(built.node([bin['kuosan']!, 'models'])).toContain(soakedModel);
  });
});

describe('the lock file', () => {
  interface Locked {
    readonly resolved?: string;
    readonly integrity?: string;
    readonly hasInstallScript?: boolean;
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  }
  const { packages } = JSON.parse(textOf('package-lock.json')) as { packages: Readonly<Record<string, Locked>> };

  test('has every optional package of every platform, without which npm ci refuses to begin', () => {
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) =>
          packages[`node_modules/${name}`] === undefined && packages[`${path}/node_modules/${name}`] === undefined,
      ),
    );
    expect(missing).toEqual([]);
  });

  // Scripts of packages are refused by npm 11.19 and later as allowScripts says; older versions run what the lock names.
  test('and package.json let no package download CUDA when the clone is installed', () => {
    const scripts = Object.entries(packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const names = scripts.map(([path]) => path.replace(/^.*node_modules\//, ''));
    expect(names, 'delete the line hasInstallScript of onnxruntime-node from package-lock.json').not.toContain(
      'onnxruntime-node',
    );
    expect([...names, 'onnxruntime-node'].filter((name) => allowScripts[name] !== false)).toEqual([]);
  });

  test('has one version of ONNX Runtime in all its builds', () => {
    const { 'onnxruntime-common': common } = dependencies;
    expect(common).toMatch(/^\d+\.\d+\.\d+$/);
    expect(['onnxruntime-node', 'onnxruntime-web'].map((name) => devDependencies[name])).toEqual([common, common]);
  });

  test('has a checksum for every package, and names no place to take it from but the public one', () => {
    const installed = Object.entries(packages).filter(([path]) => path !== '');
    expect(installed.filter(([, { integrity }]) => integrity === undefined)).toEqual([]);
    expect(
      installed.filter(
        ([, { resolved }]) => resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/'),
      ),
    ).toEqual([]);
  });
});

test.runIf(existsSync(join(root, 'dist')) && process.platform !== 'win32')(
  'the build marks the command as executable',
  () => {
    expect(statSync(join(root, bin['kuosan']!)).mode & 0o111).toBe(0o111);
  },
);
