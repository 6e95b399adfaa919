import type { NodeDevice } from './node-device.ts';

/**
 * Why an engine could not be opened or a program not be run, in a line with a hint.
 *
 * @param message  of ONNX Runtime's error
 * @param log      what its process has written, where drivers and loaders say more
 */
export function explainFailure(device: NodeDevice, message: string, log: string): string {
  if (device === 'webgpu' && /Failed to get a WebGPU adapter/.test(message)) {
    const reason = /Couldn't load Vulkan: (\S+):/.exec(log);
    if (reason)
      return `no graphics adapter: the Vulkan loader ${reason[1]} is missing; install it and the driver of the GPU (Debian and Ubuntu: apt install libvulkan1)`;
    if (/Found no drivers|VK_ERROR_INCOMPATIBLE_DRIVER/.test(log))
      return "no graphics adapter: Vulkan finds no driver; install the driver of the GPU (Debian and Ubuntu: mesa-vulkan-drivers for AMD and Intel, NVIDIA's own for NVIDIA)";
    const refused = /^Warning: (.+?)\.?\n - While initializing adapter/m.exec(log);
    const names = new Set([...log.matchAll(/\[\d+\] (\S.*?)\s*$/gm)].map(([, name]) => name!));
    if (refused && names.size > 0)
      return `no graphics adapter: WebGPU cannot use ${[...names].join(', ')} (${refused[1]}); try a newer driver, or another GPU`;
    return 'no graphics adapter; WebGPU needs a GPU and its Vulkan driver';
  }
  const library = [...log.matchAll(/(?:with error: )([^:\s]+): cannot open shared object file/g)].at(-1);
  if (device === 'cuda' && library)
    return `${library[1]} is missing; the CUDA provider needs CUDA 12 and cuDNN 9, where the loader finds them (LD_LIBRARY_PATH)`;
  if (/fallback to CPU EP has been explicitly disabled/.test(message))
    return `the program has an operator that ${device} has no kernel for`;
  if (/Invalid Buffer|exceeds the max buffer size|maxStorageBufferBindingSize/.test(message))
    return 'a tensor is larger than the largest buffer of this adapter; take a smaller batch';
  return message
    .replaceAll(/\/onnxruntime_src\/\S+ /g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
