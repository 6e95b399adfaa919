export type { NoiseStream } from './batch.ts';
export {
  type Conditioning, type Denoised, type DenoiseOptions, type Denoiser, fromPrediction, type Predict, type PredictionOptions,
} from './denoiser.ts';
export { type GaussianData, gaussianDenoiser } from './exact/gaussian.ts';
export { drawTrainingNoise, gaussianEpsFloor, type TrainingDraw } from './loss.ts';
export { epsFromV, epsFromX0, type PredictionType, predictionTypes, vFromX0, x0FromEps, x0FromV } from './parameterization.ts';
export {
  type FixedVariance, fixedVariances, type Moments, type Posterior, posterior, posteriorMean, qMoments, qSample, qStep, reverseVariances, stepVariance, type VarianceType, varianceTypes,
} from './process.ts';
export {
  type AnySamplerOptions, drainSampler, initialNoise, type SamplerDefinition, type SamplerName, samplerNamed, samplers, samplerTimesteps,
} from './sample.ts';
export { ddim, type DdimOptions } from './samplers/ddim.ts';
export { ddpm, type DdpmOptions } from './samplers/ddpm.ts';
export type { Sampler, SamplerOptions, SamplerState } from './samplers/sampler.ts';
export {
  type CosineOptions, cosineSchedule, type LinearOptions, linearSchedule, rescaleZeroTerminalSnr, scaledLinearSchedule, scheduleDefaults,
  type SigmoidAlphaBarOptions, sigmoidAlphaBarSchedule, sigmoidSchedule,
} from './beta-schedules.ts';
export { edmDefaults, edmSchedule, flowSchedule, type NoiseSchedule } from './noise-schedule.ts';
export { type Schedule, scheduleFromBetas } from './schedule.ts';
export { type BetaSchedule, betaSchedules, schedule, type SchedulerConfig, schedulerConfig, schedulerDefaults, type SchedulerOptions } from './scheduler-config.ts';
export { type TimestepOptions, timesteps, type TimestepSpacing, timestepSpacings } from './timesteps.ts';
