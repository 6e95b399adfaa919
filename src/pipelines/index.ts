export * from './classification.ts';
export * from './clip.ts';
export * from './compare.ts';
export { type BatchDraw, type DdpmTarget, ddpmLoss, denoiserProgram, type PictureShape, pictureShape, trainingInputs } from './ddpm.ts';
export * from './draw.ts';
export * from './edit.ts';
export * from './exact-sampler.ts';
export * from './export-onnx.ts';
export * from './network-sampler.ts';
