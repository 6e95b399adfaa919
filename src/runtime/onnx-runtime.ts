/** ONNX Runtime's binding for Node. The package brings its files: installing it runs no script and downloads nothing. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { env, type InferenceSessionFactory, type TensorConstructor } from 'onnxruntime-common';
import type { NodeDevice } from './node-device.ts';

/** What the engine takes of the binding. */
export interface OnnxRuntime {
  readonly InferenceSession: InferenceSessionFactory;
  readonly Tensor: TensorConstructor;
  readonly env: { readonly versions: { readonly node?: string } };
}

/** The version of ONNX Runtime that everything here is made for. */
export const onnxRuntimeVersion = env.versions.common;

const require = createRequire(import.meta.url);

/** Where the build puts the files (scripts/bring-onnxruntime.ts); a source checkout has them in node_modules alone. */
const ownFolder = join(dirname(fileURLToPath(import.meta.url)), '..', 'onnxruntime-node');

/**
 * Loads ONNX Runtime for a device: the package's own files, for CUDA the onnxruntime-node that is installed next to
 * it, whose provider is too large to bring.
 *
 * @throws one line, if this system has none or it cannot be loaded
 */
export function loadOnnxRuntime(device: NodeDevice): OnnxRuntime {
  const folder = device !== 'cuda' && existsSync(ownFolder) ? ownFolder : installedFolder();
  if (folder === undefined) {
    throw new Error(
      "ONNX Runtime is not where kuosan has it; a bundler that takes kuosan into a program for Node has to leave it outside (Next.js: serverExternalPackages: ['kuosan'], esbuild: --external:kuosan)",
    );
  }
  return loadFrom(folder);
}

/** The folder of the onnxruntime-node that is installed next to this package, if there is one. */
export function installedFolder(): string | undefined {
  try {
    return join(dirname(require.resolve('onnxruntime-node')), '..');
  } catch {
    return undefined;
  }
}

/** The version of an onnxruntime-node in a folder. */
export function versionIn(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;
}

/** Where an onnxruntime-node has its libraries for a system. */
export function binaryFolder(folder: string, platform: string = process.platform, arch: string = process.arch): string {
  return join(folder, 'bin', 'napi-v6', platform, arch);
}

/**
 * Switches off the telemetry of ONNX Runtime. Its builds for Linux and macOS write an identifier of the machine and a
 * database of events into the user's cache, and send them, unless this variable is set when they are loaded. A value
 * that the user has set stays. Native code does not see the copy of the environment that a thread has, so this is
 * called in the thread that starts the others, too.
 *
 * @see https://github.com/microsoft/onnxruntime/pull/27379
 */
export function disableTelemetry(): void {
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
}

/** @throws one line, if there is nothing for this system or the system cannot load it */
export function loadFrom(
  folder: string,
  platform: string = process.platform,
  arch: string = process.arch,
): OnnxRuntime {
  if (!existsSync(binaryFolder(folder, platform, arch))) {
    throw new Error(
      `ONNX Runtime ${versionIn(folder)} has no build for ${platform} on ${arch}, only for ${systemsOf(folder).join(', ')}; in a browser of this machine kuosan/runtime/web runs all the same`,
    );
  }
  disableTelemetry();
  try {
    return require(folder) as OnnxRuntime;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_DLOPEN_FAILED') throw error;
    throw new Error(
      `ONNX Runtime cannot be loaded here (${message.split('\n')[0]}); ${remedies[platform as NodeJS.Platform] ?? 'it is built for other systems'}`,
      { cause: error },
    );
  }
}

/** What a system lacks that cannot load the library. */
const remedies: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'it needs glibc 2.28 or newer and libstdc++ (Alpine has musl: take a Debian image such as node:22-slim)',
  win32: 'it needs the Visual C++ Redistributable 2022',
  darwin: 'it needs a newer macOS',
};

function systemsOf(folder: string): string[] {
  const root = join(folder, 'bin', 'napi-v6');
  return readdirSync(root)
    .sort()
    .flatMap((platform) =>
      readdirSync(join(root, platform))
        .sort()
        .map((arch) => `${platform} on ${arch}`),
    );
}
