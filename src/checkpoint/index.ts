export type { ClassLabels } from './class-labels.ts';
export { type ModelCard, parseModelCard, readModelCard } from './model-card.ts';
export { type LoadedModel, type ModelToWrite, readModelFolder, type ReadModelOptions, writeModelFolder } from './model-folder.ts';
export { loadModel, packagePretrainedDir, pretrainedNames, type ResolveOptions, resolveModel } from './resolve.ts';
export { openRun, type OpenRunOptions, readRun, type Run, type RunRecord } from './run-folder.ts';
export { schedulerFromJson, schedulerToJson } from './scheduler-json.ts';
export { type Checkpoint, latestCheckpoint, listCheckpoints, saveCheckpoint, type SaveOptions } from './step-folders.ts';
export { readTrainingState, type TrainingState, writeTrainingState } from './training-state.ts';
export { checkWeights, narrow, weightShapes } from './weights.ts';
