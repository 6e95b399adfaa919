/**
 * Puts ONNX Runtime's binding for Node into a build, so that the package depends on nothing that runs a script when it
 * is installed (docs/decisions/0035): the last step of `npm run build`.
 *
 *     npx tsx scripts/bring-onnxruntime.ts [<folder> [<platform>/<arch>]]
 */
import { copyFileSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const from = join(root, 'node_modules/onnxruntime-node');
const [to = join(root, 'dist/onnxruntime-node'), system = ''] = process.argv.slice(2);

/**
 * What stays out: the provider for DirectML, which the engine never asks for and onnxruntime.dll loads only when asked;
 * the second copy of the library for macOS, which the binding does not load; CUDA, wherever somebody installed it.
 */
const left = /\/(?:DirectML\.dll|libonnxruntime\.\d+\.\d+\.\d+\.dylib|libonnxruntime_providers_\w+\.so)$/;

const code = readdirSync(join(from, 'dist')).filter((name) => name.endsWith('.js'));
const binaries = readdirSync(join(from, 'bin/napi-v6', system), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) =>
    join(entry.parentPath, entry.name)
      .slice(from.length + 1)
      .replaceAll('\\', '/'),
  );

rmSync(to, { recursive: true, force: true });
for (const path of [...code.map((name) => `dist/${name}`), ...binaries.filter((path) => !left.test(path))]) {
  mkdirSync(dirname(join(to, path)), { recursive: true });
  place(join(from, path), join(to, path));
}
const { name, version, license } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as {
  readonly name: string;
  readonly version: string;
  readonly license: string;
};
const manifest = { name, version, license, type: 'commonjs', main: 'dist/index.js' };
writeFileSync(join(to, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

/** A second name for the same bytes where the file system can have one: there are 220 MB. */
function place(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target);
  }
}
