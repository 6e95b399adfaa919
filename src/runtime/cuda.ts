/** What there is of CUDA for ONNX Runtime: its provider is 400 MB, so neither this package nor its npm package brings it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { binaryFolder, installedFolder, onnxRuntimeVersion, versionIn } from './onnx-runtime.ts';

/**
 * Installs the binding that has the provider, and downloads it. npm up to 11 downloads while it installs and npm 12
 * runs no script of a package, so the script is run here: it leaves alone what is there.
 */
export const cudaInstallCommand = `npm i onnxruntime-node@${onnxRuntimeVersion} && node node_modules/onnxruntime-node/script/install`;

/** Why ONNX Runtime cannot compute with CUDA here, or null if nothing is known to be missing. */
export function cudaMissing(
  platform: string = process.platform,
  arch: string = process.arch,
  folder = installedFolder(),
): string | null {
  if (platform !== 'linux' || arch !== 'x64')
    return `ONNX Runtime has CUDA for Linux on x64 alone, this is ${platform} on ${arch}`;
  if (
    folder === undefined ||
    !existsSync(join(binaryFolder(folder, platform, arch), 'libonnxruntime_providers_cuda.so'))
  ) {
    return `ONNX Runtime's CUDA provider is not installed; ${cudaInstallCommand} downloads it, and it needs CUDA 12 and cuDNN 9`;
  }
  const version = versionIn(folder);
  return version === onnxRuntimeVersion
    ? null
    : `onnxruntime-node ${version} is installed, and CUDA needs ${onnxRuntimeVersion}; ${cudaInstallCommand}`;
}

/** True if this system has a driver of NVIDIA's, without which CUDA is of no use. */
export function hasNvidiaDriver(): boolean {
  return ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/dxg'].some((path) => existsSync(path));
}
