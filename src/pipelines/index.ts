export { type CachedTextEncoder, cachedTextEncoder, type EncodeAheadOptions } from './cached-text-encoder.ts';
export { checkTextWidths, type TextWidths, truncationNote } from './check-prompts.ts';
export * from './classification.ts';
export * from './clip.ts';
export * from './clip-encoder.ts';
export {
  type ClipImageEncoder,
  type ClipImageSource,
  encoderBatchSize,
  openClipImageEncoder,
} from './clip-image-encoder.ts';
export { ttaTransforms, sumOverTransforms, type TtaTransform, augmentedImages } from './test-time-augmentation.ts';
export * from './compare.ts';
export {
  denoiserProgram,
  denoisingInputs,
  denoisingLoss,
  denoisingNetwork,
  type DenoisingTarget,
  type GivenTensors,
  importanceInput,
  type NoisedBatch,
  type NoiseDraw,
} from './denoising-loss.ts';
export * from './denoising-task.ts';
export * from './image-sampler.ts';
export * from './edit.ts';
export * from './embedding-paths.ts';
export * from './exact-sampler.ts';
export * from './export-onnx.ts';
export { interpolateConditions } from './interpolate-conditions.ts';
export * from './network-sampler.ts';
export * from './autoregressive-prior.ts';
export * from './autoregressive-prior-sampler.ts';
export * from './embedding-buckets.ts';
export * from './prior-sampler.ts';
export {
  type FrozenTextEncoder,
  openTextEncoder,
  textEncoderProgram,
  type TextEncoderOptions,
  type TextFeatures,
  type TextReading,
  textReadings,
} from './text-encoder.ts';
export {
  croppedExamples,
  enlarge,
  lowResolution,
  lowResolutionExamples,
  noisedImages,
  noisedLowResolutionExamples,
  type NoisedSuperResolution,
  shrink,
} from './super-resolution.ts';
export { resized, towerImages } from './resized-images.ts';
export * from './text-conditions.ts';
export * from './unclip-examples.ts';
export * from './zero-shot.ts';
export { inBatches, mapInBatches } from './in-batches.ts';
export { overWeights, type ProgramOverWeights, type ProgramWeights } from './program-weights.ts';
