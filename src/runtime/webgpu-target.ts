import { webgpuLowerings } from '../onnx/index.ts';
import type { Target } from './session-executor.ts';

/** How programs are lowered for WebGPU, in Node and in a browser. */
export const webgpuTarget: Target = {
  name: 'webgpu',
  lowerings: webgpuLowerings,
  narrowIntegers: true,
  optimize: true,
};
