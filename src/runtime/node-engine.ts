import { join } from 'node:path';
import type { InferenceSession } from 'onnxruntime-common';
import { probeBlockSize } from './cpu-kernels.ts';
import type { Engine } from './engine.ts';
import type { NodeDevice } from './node-device.ts';
import { loadOnnxRuntime } from './onnx-runtime.ts';

/** What a Node engine is opened with; plain data, because it travels to a worker. */
export interface NodeEngineOptions {
  readonly device: NodeDevice;
  readonly threads: number;
  /** See `NodeExecutorOptions`; default true. */
  readonly spin?: boolean;
  /** Where sessions leave their profiles; see `NodeExecutorOptions`. */
  readonly profileDir?: string;
}

/**
 * ONNX Runtime in Node on one of its providers.
 *
 * @throws one line, if it cannot be loaded
 */
export function nodeEngine({ device, threads, spin = true, profileDir }: NodeEngineOptions): Engine {
  const ort = loadOnnxRuntime(device);
  const common: InferenceSession.SessionOptions = {
    intraOpNumThreads: threads,
    logSeverityLevel: 4,
    // ONNX Runtime appends the time, to a millisecond, and .json.
    ...(profileDir !== undefined && { enableProfiling: true, profileFilePrefix: join(profileDir, 'program') }),
  };
  // The engine's own default is to spin.
  const session = spin ? {} : { intra_op: { allow_spinning: '0' } };
  const engine = `onnxruntime-node ${ort.env.versions.node}`;
  switch (device) {
    case 'cpu':
      return {
        ort,
        // A memory pattern is one block for a whole run, planned from the first: it never fits what the arena has by then, so both stay.
        session: { ...common, executionProviders: ['cpu'], enableMemPattern: false, extra: { session } },
        state: 'host',
        writesInPlace: true,
        refusal: 'Non tensor type is temporarily not supported.',
        narrowsIntegers: false,
        facts: async () => ({ engine, provider: 'cpu', threads }),
        blockSize: probeBlockSize,
      };
    // What the device has no kernel for would run on the processor, with copies both ways: an error is better than a step ten times slower.
    case 'webgpu':
      return {
        ort,
        session: { ...common, executionProviders: ['webgpu'], extra: { session: { disable_cpu_ep_fallback: '1' } } },
        state: 'device',
        writesInPlace: false,
        narrowsIntegers: true,
        facts: async () => ({ engine, provider: 'webgpu' }),
      };
    // Node's binding has no CUDA tensors: state crosses the host with every run.
    case 'cuda':
      return {
        ort,
        session: { ...common, executionProviders: ['cuda'], extra: { session: { disable_cpu_ep_fallback: '1' } } },
        state: 'host',
        writesInPlace: true,
        narrowsIntegers: false,
        facts: async () => ({ engine, provider: 'cuda' }),
      };
  }
}
