/** What of this layer also runs in a browser: it loads nothing of Node. */
export {
  cascadeClass,
  decoderClass,
  frozenClipFolder,
  ifClasses,
  indexFile,
  priorClass,
  textEncoderFolder,
  textToImageClass,
  unclipClasses,
  wholeUnCLIPClasses,
} from './file-names.ts';
export { type ClassLabels, type ModelFacts, readFacts } from './model-facts.ts';
export { fetchedFiles, type FetchOptions, filesIn, filesInMemory, type ModelFiles } from './model-files.ts';
export {
  autoregressivePriorComponent,
  priorTransformerComponent,
  schedulerComponent,
  unclipSchedulerComponent,
  unclipTextProjComponent,
  unet2DComponent,
  unet2DConditionComponent,
  type NetworkPart,
} from './component.ts';
export { type ThresholdedScheduler, thresholdedSchedulerComponent } from './thresholded-scheduler.ts';
export { unclipSampling, unclipSchedulerToJson } from './schedulers/unclip.ts';
export { denoisingClasses, denoisingParts, type DenoisingPart } from './denoising-part.ts';
export { type LoadedModel, isPart, pipelineClasses, readModel, readModelIndex, readPart } from './read-model.ts';
export { schedulerFileSchema, schedulerFromJson, schedulerToJson } from './scheduler-json.ts';
export { textEncoderComponent, type TextEncoderDType } from './text-encoder-component.ts';
export {
  type LoadedTextEncoder,
  pooledWidthOf,
  type PoolingMode,
  readTextEncoder,
  type ReadTextEncoderOptions,
  type TextPooling,
} from './text-encoder-folder.ts';
export { type ClipOfFiles, readClipFiles } from './read-clip.ts';
export { storedWeights, widen } from './weights.ts';
export { type LoadedImageEncoder, readImageEncoder } from './image-encoder-folder.ts';
export { denoisingPipeline, type ModelFile, type ModelToWrite, pipelineFiles } from './pipeline-files.ts';
