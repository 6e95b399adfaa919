// A file of its own: declarations that users compile against must not lead to ONNX Runtime's, which need the browser's types.

/** Where a Node executor computes. */
export type NodeDevice = 'cpu' | 'webgpu' | 'cuda';
