export * from './browser.ts';
export {
  type Component,
  jsonComponent,
  networkComponent,
  type NetworkComponent,
  type NetworkComponentOptions,
  type PartNetwork,
  type ReadPartOptions,
  type WritePartOptions,
} from './component.ts';
export {
  classifierComponent,
  type ClassifierModel,
  readClassifierFolder,
  writeClassifierFolder,
} from './classifier-folder.ts';
export { type ClipClass, clipComponent, type ClipNetwork, type ClipPart } from './clip-component.ts';
export {
  type ClipToWrite,
  isClipFolder,
  type LoadedClip,
  readClipFolder,
  readClipNetwork,
  readImageTower,
  writeClipFolder,
} from './clip-folder.ts';
export { type ClipOfFiles, readClipFiles } from './read-clip.ts';
export { type LoadedInception, readInception } from './inception-weights.ts';
export { filesRead, includeFiles, type ReadFiles } from './included-folder.ts';
export { inDiffusers, type InDiffusers } from './in-diffusers.ts';
export { type ModelCard, parseModelCard, readModelCard } from './model-card.ts';
export { readModelFolder, writeModelFolder } from './model-folder.ts';
export { readTrainedPart } from './read-trained-part.ts';
export { type ReadModelOptions } from './read-model.ts';
export { listedParts, type Part, part, type PipelineToWrite } from './pipeline-files.ts';
export { writePipelineFolder } from './pipeline-folder.ts';
export { type NetworkToWrite, readNetworkFolder, writeNetworkFolder } from './network-folder.ts';
export { copyModelFolder, type CopyOptions } from './copy-model-folder.ts';
export { runFolders, type RunSummary, summarizeRun } from './list-runs.ts';
export { loadModel } from './load-model.ts';
export { packagePretrainedDir, pretrainedNames, type ModelKind, type ResolveOptions, resolveModel } from './resolve.ts';
export { type Change, openRun, type OpenRunOptions, readRun, type Run, type RunRecord } from './run-folder.ts';
export { checkUnlocked, type RunHolder, runHolder } from './run-lock.ts';
export {
  bestCheckpoint,
  type BestCheckpoint,
  type Checkpoint,
  latestCheckpoint,
  listCheckpoints,
  saveCheckpoint,
  type SaveOptions,
} from './step-folders.ts';
export { readTrainingState, type TrainingState, writeTrainingState } from './training-state.ts';
export { textEncoderContent } from './text-encoder-component.ts';
export { tokenizerConfigFile, tokenizerFile } from './text-encoder-folder.ts';
export { writeTextEncoderFolder } from './write-text-encoder.ts';
export { folderFiles, readTensorFile } from './folder-files.ts';
export {
  modelClass,
  type UnCLIPSources,
  type UnCLIPStorage,
  upsamplerObstacle,
  writeUnCLIPFolder,
} from './write-unclip-folder.ts';

export { textToImageCardText, textToImageRows, type TextToImageCardSource } from './text-to-image-card.ts';
