import { webgpuLowerings } from '../onnx/index.ts';
import type { LoweringTarget } from './session-executor.ts';

/** How programs are lowered for WebGPU, in Node and in a browser. */
export const webgpuTarget: LoweringTarget = {
  name: 'webgpu',
  lowerings: webgpuLowerings,
  narrowIntegers: true,
  optimize: true,
};
