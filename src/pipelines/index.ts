export * from './classification.ts';
export * from './ddpm.ts';
export * from './export-onnx.ts';
