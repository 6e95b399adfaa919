/** What there is of CUDA for ONNX Runtime: its npm package leaves the provider out, which is 400 MB. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Downloads the provider into the installed package; its own variable, because it outdoes an .npmrc that says skip. */
export const cudaInstallCommand = 'ONNXRUNTIME_NODE_INSTALL=1 npm rebuild onnxruntime-node';

/** Why ONNX Runtime cannot compute with CUDA here, or null if nothing is known to be missing. */
export function cudaMissing(
  platform: string = process.platform,
  arch: string = process.arch,
  folder = bindingFolder(),
): string | null {
  if (platform !== 'linux' || arch !== 'x64')
    return `onnxruntime-node has CUDA for Linux on x64 alone, this is ${platform} on ${arch}`;
  return existsSync(join(folder, 'libonnxruntime_providers_cuda.so'))
    ? null
    : `onnxruntime-node's CUDA provider is not installed; ${cudaInstallCommand} downloads it, and it needs CUDA 12 and cuDNN 9`;
}

/** Where onnxruntime-node has its libraries for this machine. */
function bindingFolder(): string {
  const main = createRequire(import.meta.url).resolve('onnxruntime-node');
  return join(dirname(main), '..', 'bin', 'napi-v6', process.platform, process.arch);
}

/** True if this system has a driver of NVIDIA's, without which CUDA is of no use. */
export function hasNvidiaDriver(): boolean {
  return ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/dxg'].some((path) => existsSync(path));
}
