export * from './ddpm.ts';
export * from './export-onnx.ts';
