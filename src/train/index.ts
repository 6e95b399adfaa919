export { imageDataSchema } from './image-data-config.ts';
export { resumable } from './resumable.ts';
export { optimizerOptions, trainSchema, type TrainConfig } from './steps/train-config.ts';
export { emaDecay, emaUpdate, type EmaOptions } from './steps/ema.ts';
export { learningRateFactor, type LearningRateSchedule } from './steps/lr-schedule.ts';
export { RunLog } from './log/log.ts';
export type { LossContext } from './steps/loss-context.ts';
export { describeMemory, type MemoryNeed } from './steps/memory.ts';
export { MetricsLog, type MetricsLine } from './log/metrics.ts';
export { plotLossByNoise, type NoiseStage } from './log/noise-figure.ts';
export { lossByNoise, noiseLevelName, noiseLevels, NoiseMeans, type LossByNoise } from './log/noise-levels.ts';
export {
  adamCorrections,
  adamState,
  clipFactor,
  globalNorm,
  type AdamOptions,
  type AdamScalars,
  type ParameterGroup,
  type ParameterPredicate,
} from './steps/optimizer.ts';
export { NoiseStages } from './log/noise-stages.ts';
export { presetNames, readConfig } from './presets.ts';
export {
  entries,
  initialState,
  trainedParameters,
  trainingPrograms,
  type TrainingObjective,
  type TrainingPrograms,
  type TrainingSetup,
} from './steps/programs.ts';
export {
  trainingRun,
  type PlanOptions,
  type RunData,
  type RunEvent,
  type RunOptions,
  type RunPlan,
  type RunWatch,
} from './run.ts';
export { TensorBoardLog, type TensorBoardOptions } from './log/tensorboard.ts';
export {
  type BatchHistory,
  DivergedError,
  Trainer,
  type FurtherObjective,
  type ObjectiveReport,
  type StepReport,
  type TrainerState,
  type TrainingTask,
} from './steps/trainer.ts';
export { expectedSamples } from './expectations.ts';
