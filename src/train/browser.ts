/** What of this layer also runs in a browser: it loads nothing of Node. */
export { lossByNoise, type LossByNoise } from './log/noise-levels.ts';
export { trainSchema, type TrainConfig } from './steps/train-config.ts';
export { entries } from './steps/programs.ts';
export { DivergedError, Trainer, type StepReport, type TrainerState, type TrainingTask } from './steps/trainer.ts';
