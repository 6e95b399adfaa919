/** A provider of ONNX Runtime's builds for browsers: the processor or the GPU. */
export type WebProvider = 'wasm' | 'webgpu';

/** What a browser's engine is opened with; plain data, because it travels to a worker. */
export interface WebEngineOptions {
  readonly provider: WebProvider;
  readonly threads: number;
  /** The address of the folder with ONNX Runtime's .mjs and .wasm files; absent: next to the bundle it was built into. */
  readonly wasmPaths?: string;
}
