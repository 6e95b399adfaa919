/**
 * Puts ONNX Runtime's binding for Node into the build, so that the package depends on nothing that runs a script when it
 * is installed: the last step of `npm run build`. docs/decisions/0030 says why.
 */
import { copyFileSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const from = join(root, 'node_modules/onnxruntime-node');
const to = process.argv[2] ?? join(root, 'dist/onnxruntime-node');

/**
 * What stays out: the provider for DirectML, which the engine never asks for and onnxruntime.dll loads only when asked;
 * the second copy of the library for macOS, which the binding does not load; CUDA, wherever somebody installed it.
 */
const left = /(?:^|\/)(?:DirectML\.dll|libonnxruntime\.\d+\.\d+\.\d+\.dylib|libonnxruntime_providers_\w+\.so)$/;

const brought = [
  ...readdirSync(join(from, 'dist'))
    .filter((name) => name.endsWith('.js'))
    .map((name) => `dist/${name}`),
  ...readdirSync(join(from, 'bin'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(from.length + 1)
        .replaceAll('\\', '/'),
    ),
].filter((path) => !left.test(path));

rmSync(to, { recursive: true, force: true });
for (const path of brought) {
  mkdirSync(dirname(join(to, path)), { recursive: true });
  place(join(from, path), join(to, path));
}
const { name, version, license } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as Record<
  string,
  string
>;
writeFileSync(
  join(to, 'package.json'),
  `${JSON.stringify({ name, version, license, type: 'commonjs', main: 'dist/index.js' }, null, 2)}\n`,
);

/** A second name for the same bytes where the file system can have one: there are 220 MB. */
function place(source: string, target: string): void {
  try {
    linkSync(source, target);
  } catch {
    copyFileSync(source, target);
  }
}
