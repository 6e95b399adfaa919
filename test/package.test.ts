import { execFileSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPackage, type BuiltPackage } from './built-package.ts';
import { filesBelow, root, textOf } from './source-files.ts';

interface Manifest {
  readonly version: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
}

const { bin, exports, version } = JSON.parse(textOf('package.json')) as Manifest;
const subpaths = Object.entries(exports).flatMap(([path, target]) =>
  typeof target === 'string' ? [] : [{ path: path.slice(2), ...target }],
);

describe('the exports of the package', () => {
  test.each(subpaths)('kuosan/$path is built from a source file', ({ types, default: target }) => {
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
    expect([...new Set(indexes)].filter((layer) => !subpaths.some(({ path }) => path === layer))).toEqual([]);
  });
});

describe('the built package', () => {
  let built: BuiltPackage;
  beforeAll(() => {
    built = buildPackage();
  });
  afterAll(() => built?.remove());

  test('resolves every subpath, with types', () => {
    const lines = subpaths.map(
      ({ path }, i) =>
        `import * as part${i} from 'kuosan/${path}';\nif (Object.keys(part${i}).length === 0) throw new Error('kuosan/${path} is empty');`,
    );
    built.compile('all.ts', lines.join('\n'));
    expect(() => built.node(['all.js'])).not.toThrow();
  });

  test('has a command that starts, and says its version', () => {
    expect(Object.keys(bin)).toEqual(['kuosan']);
    expect(built.node([bin['kuosan']!, '--version']).trim()).toBe(version);
  });
});

describe('what npm publishes', () => {
  interface Packed {
    readonly files: readonly { readonly path: string }[];
  }
  const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    shell: process.platform === 'win32',
  });
  const paths = (JSON.parse(listed) as readonly Packed[])[0]!.files.map(({ path }) => path);

  test('holds the data, the presets and the licenses', () => {
    const wanted = [
      'LICENSE',
      'NOTICE',
      'README.md',
      'package.json',
      ...filesBelow('presets', '.jsonc'),
      'presets/config.schema.json',
      ...filesBelow('pretrained', ''),
      ...filesBelow('data', ''),
    ];
    expect(wanted.filter((path) => !paths.includes(path))).toEqual([]);
  });

  test('holds no tests, sources or workings', () => {
    expect(
      paths.filter((path) =>
        /^(?:src|test|docs|bench|scripts|\.ci|node_modules|runs)\/|\.test\.|^tsconfig|^vitest/.test(path),
      ),
    ).toEqual([]);
  });
});

describe('the lock file', () => {
  interface Locked {
    readonly resolved?: string;
    readonly integrity?: string;
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
