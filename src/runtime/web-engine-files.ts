/** Where ONNX Runtime's files for browsers lie on this machine. They are 139 MB, so only those who need them install them. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { onnxRuntimeVersion, versionIn } from './onnx-runtime.ts';

/** Of ONNX Runtime's many builds, the one for CPUs and the one that can use a GPU. A visitor loads one of them. */
export const webEngineFiles = {
  cpu: ['ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'],
  gpu: ['ort-wasm-simd-threaded.asyncify.mjs', 'ort-wasm-simd-threaded.asyncify.wasm'],
} as const;

const installCommand = `npm i onnxruntime-web@${onnxRuntimeVersion}`;

/**
 * The folder of `webEngineFiles`: in the onnxruntime-web that is installed next to this package, or in the current project.
 *
 * @param from  files from which it is looked up, the first that finds the right version
 * @throws one line with the command that installs it, if it is not there or of another version
 */
export function webEngineFolder(
  from: readonly string[] = [import.meta.url, join(process.cwd(), 'package.json')],
): string {
  const folders = from.flatMap((file) => {
    try {
      return [dirname(createRequire(file).resolve(`onnxruntime-web/${webEngineFiles.cpu[0]}`))];
    } catch {
      return [];
    }
  });
  const versions = folders.map((folder) => versionIn(join(folder, '..')));
  const right = folders[versions.indexOf(onnxRuntimeVersion)];
  if (right !== undefined) return right;
  throw new Error(
    versions.length === 0
      ? `onnxruntime-web is not installed, whose files a page computes with; ${installCommand}`
      : `onnxruntime-web ${versions[0]} is installed, and the page was built for ${onnxRuntimeVersion}; ${installCommand}`,
  );
}
