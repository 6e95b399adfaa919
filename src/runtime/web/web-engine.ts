import type { Engine } from '../engine.ts';
import type { WebEngineOptions } from './web-options.ts';

/**
 * ONNX Runtime in a browser, or its wasm provider in Node. The settings are global to a thread, so there is one engine
 * in each.
 */
export async function webEngine({ provider, threads, wasmPaths }: WebEngineOptions): Promise<Engine> {
  // The build for processors alone is half the size of the one that can do both.
  const ort = await (provider === 'webgpu' ? import('onnxruntime-web/webgpu') : import('onnxruntime-web/wasm')).catch(
    (error: unknown) => {
      throw new Error(
        `createWebExecutor: onnxruntime-web cannot be loaded (${(error as Error).message}); it is installed by npm i onnxruntime-web`,
        { cause: error },
      );
    },
  );
  ort.env.wasm.numThreads = threads;
  if (wasmPaths !== undefined) ort.env.wasm.wasmPaths = wasmPaths;
  ort.env.logLevel = 'fatal';
  return {
    ort,
    // What the GPU has no kernel for would run on the processor, with copies both ways: an error is better than a step ten times slower.
    session: {
      executionProviders: [provider],
      logSeverityLevel: 4,
      ...(provider === 'webgpu' && { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
    },
    state: provider === 'webgpu' ? 'device' : 'host',
    writesInPlace: false,
    narrowsIntegers: provider === 'webgpu',
    facts: async () => ({ engine: `onnxruntime-web ${ort.env.versions.web}`, provider, threads }),
  };
}
