export { ddpmConfigSchema, parseDdpmConfig, trainSchema, type DdpmConfig, type TrainConfig } from './config.ts';
export { resumable, trainDdpm, type DdpmRunOptions, type RunEvent } from './ddpm-run.ts';
export { emaDecay, emaUpdate, type EmaOptions } from './ema.ts';
export { learningRateFactor, type LearningRateSchedule } from './lr-schedule.ts';
export { MetricsLog, type MetricsLine } from './log.ts';
export { adamCorrections, adamState, adamUpdate, clipFactor, globalNorm, type AdamOptions, type AdamScalars, type AdamUpdate, type ParameterGroup } from './optimizer.ts';
export { presetNames, readConfig } from './presets.ts';
export { entries, initialState, trainingPrograms, type TrainingPrograms, type TrainingSetup } from './programs.ts';
export { DivergedError, Trainer, type StepReport, type TrainerState, type TrainingTask } from './trainer.ts';
