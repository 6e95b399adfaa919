export type { NoiseStream } from './array-arithmetic.ts';
export {
  checkConditions,
  classConditions,
  classLabelsName,
  classLabelsOf,
  type ConditionDropout,
  type ConditionInput,
  type Conditions,
  dropConditions,
  imageName,
  padRows,
  repeatRow,
  rowsOf,
  takeRows,
} from './conditions.ts';
export {
  type Denoised,
  type DenoiseOptions,
  type Denoiser,
  fromPrediction,
  type Predict,
  type Prediction,
  type PredictionOptions,
} from './denoiser.ts';
export { classDatasetDenoiser } from './exact/class-mixture.ts';
export { type GaussianData, gaussianDenoiser } from './exact/gaussian.ts';
export { datasetDenoiser, type MixtureComponent, mixtureDenoiser } from './exact/mixture.ts';
export { imageToImage, type ImageToImageOptions, timesFromStrength } from './editing/image-to-image.ts';
export { repaint, repaintDefaults, type RepaintJumps, type RepaintOptions, repaintPath } from './editing/repaint.ts';
export { slerp } from './editing/slerp.ts';
export { type ClassifierFreeOptions, classifierFreeGuidance } from './guidance/classifier-free.ts';
export { type ClassifierGradient, classifierGuidance } from './guidance/classifier.ts';
export {
  clipping,
  dynamicThresholdDefaults,
  dynamicThresholding,
  type DynamicThresholdOptions,
} from './guidance/thresholding.ts';
export { denoisingLossByNoise, type LossAtTime, type LossByNoiseOptions } from './loss-by-noise.ts';
export { LossHistory, lossHistoryDefaults } from './loss-history.ts';
export { drawTrainingNoise, gaussianIrreducibleLoss, type TrainingDraw } from './training-noise.ts';
export {
  epsFromX0,
  type FromOutput,
  fromOutput,
  outputError,
  type PredictionType,
  predictionTypes,
  type Target,
  targetOf,
} from './parameterization.ts';
export {
  type FixedVariance,
  fixedVariances,
  type Moments,
  type Posterior,
  posterior,
  posteriorMean,
  qMoments,
  qSample,
  qStep,
  reverseVariances,
  stepVariance,
  type VarianceType,
  varianceTypes,
} from './process.ts';
export {
  type AnySamplerOptions,
  drainSampler,
  initialNoise,
  evaluationsOf,
  type NamedSampler,
  type SamplerDefinition,
  type SamplerName,
  samplerNamed,
  samplerNames,
  samplers,
  type SamplerTable,
  samplersWhich,
  samplerTimesteps,
  type TimeSpacing,
  timeSpacings,
} from './samplers.ts';
export { defaultEvaluations, fullSampling, type Guidance, type SamplerChoice, type Sampling } from './sampling.ts';
export { ddim, type DdimOptions } from './samplers/ddim.ts';
export { ddimInversion } from './samplers/ddim-inversion.ts';
export { ddpm, type DdpmOptions } from './samplers/ddpm.ts';
export { dpm2 } from './samplers/dpm2.ts';
export { dpmpp2m } from './samplers/dpmpp-2m.ts';
export { dpmpp2mSde, type Dpmpp2mSdeOptions } from './samplers/dpmpp-2m-sde.ts';
export { euler } from './samplers/euler.ts';
export { eulerAncestral, type EulerAncestralOptions } from './samplers/euler-ancestral.ts';
export { heun, type HeunOptions } from './samplers/heun.ts';
export { unipc } from './samplers/unipc.ts';
export type { Sampler, SamplerOptions, SamplerState } from './samplers/sampler.ts';
export {
  type CosineOptions,
  cosineSchedule,
  type LinearOptions,
  linearSchedule,
  rescaleZeroTerminalSnr,
  scaledLinearSchedule,
  scheduleDefaults,
  type SigmoidAlphaBarOptions,
  sigmoidAlphaBarSchedule,
  sigmoidSchedule,
} from './beta-schedules.ts';
export {
  type LossWeighting,
  lossWeight,
  lossWeightings,
  type Objective,
  objectiveDefaults,
  type SuperResolution,
  upsamplings,
} from './objective.ts';
export { type TimestepDistribution, type TimeSampling, timeSamplings } from './time-sampling.ts';
export { type ContinuousSchedule, isContinuous } from './continuous-schedule.ts';
export type { NoiseSchedule } from './noise-schedule.ts';
export { plainPreconditioning, type Preconditioning } from './preconditioning.ts';
export { hasSteps, type Schedule, scheduleFromBetas } from './schedule.ts';
export {
  continuousProcesses,
  describeProcess,
  networkProcess,
  processes,
  type ProcessName,
  processNameOf,
  type SchedulerConfig,
  schedulerConfig,
  type SchedulerOptions,
  timestepDistribution,
} from './processes.ts';
export {
  type BetaSchedule,
  betaSchedules,
  schedule,
  schedulerDefaults,
  type StepSchedulerConfig,
  type StepSchedulerOptions,
} from './processes/discrete-time.ts';
export {
  edmCoefficients,
  edmDefaults,
  type EdmOptions,
  edmPreconditioning,
  edmSchedule,
  type EdmSchedulerConfig,
} from './processes/edm.ts';
export type { NetworkProcess, NetworkTimes, ProcessDefinition, TrainingTimes } from './processes/process-definition.ts';
export {
  flowDefaults,
  flowPreconditioning,
  flowSchedule,
  type FlowSchedulerConfig,
} from './processes/rectified-flow.ts';
export { spreadTimes } from './spread-times.ts';
export { exponentialSigmas, flowTimes, karrasSigmas, type SigmaRange, sigmaRange, timesOfSigmas } from './sigmas.ts';
export { type TimestepOptions, timesteps, type TimestepSpacing, timestepSpacings } from './timesteps.ts';
