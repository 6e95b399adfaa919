export { activationNamed, activations, type ActivationName } from './activations.ts';
export { AdaGroupNorm } from './ada-group-norm.ts';
export {
  attend,
  Attention,
  PixelAttention,
  scaledDotProductAttention,
  SpatialAttention,
  type AttentionMaps,
  type AttentionMasks,
  type AttentionOptions,
  type SpatialAttentionOptions,
} from './attention.ts';
export { Conv2d, type Conv2dOptions } from './conv.ts';
export { Dropout } from './dropout.ts';
export {
  Embedding,
  GaussianFourierProjection,
  LearnedTimes,
  sinusoidalEmbedding,
  TimeProjection,
  TimestepEmbedding,
  Timesteps,
  type SinusoidalOptions,
} from './embedding.ts';
export { filled, normal, ones, uniformFanAvg, zeros, type Initializer } from './init.ts';
export { Linear } from './linear.ts';
export {
  bind,
  countParameters,
  initialValues,
  Module,
  namedParameters,
  Parameter,
  randomKeyInput,
  snakeCase,
  type Binding,
  type Context,
} from './module.ts';
export { BatchNorm2d, GroupNorm, LayerNorm, RMSNorm } from './norm.ts';
export {
  averagePool,
  Downsample2D,
  filteredDownsample,
  filteredUpsample,
  repeatPixels,
  Upsample2D,
  type EdgeMode,
} from './resample.ts';
export { ResnetBlockCondNorm2D, type ResnetCondNormOptions } from './resnet-cond-norm.ts';
export { nearlyZero, ResnetBlock2D, scaleShift, type ResnetBlockOptions, type TimeScaleShift } from './resnet.ts';
