export { activationNamed, activations, type ActivationName } from './activations.ts';
export { AdaGroupNorm } from './ada-group-norm.ts';
export {
  AddedKVAttention,
  crossAttentionNorm,
  type AddedKVAttentionOptions,
  type CrossAttentionNorm,
} from './added-kv-attention.ts';
export {
  attend,
  Attention,
  PixelAttention,
  pixelsToTokens,
  scaledDotProductAttention,
  SpatialAttention,
  tokensToPixels,
  type AttentionMaps,
  type AttentionMasks,
  type AttentionOptions,
  type KeysAndValues,
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
  type FourierOptions,
  type SinusoidalOptions,
  type TimestepEmbeddingOptions,
} from './embedding.ts';
export { filled, normal, ones, uniformFanAvg, zeros, type Initializer } from './init.ts';
export { Linear } from './linear.ts';
export {
  bind,
  countParameters,
  frozen,
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
export {
  ImageProjection,
  ImageTimeEmbedding,
  TextImageProjection,
  TextImageTimeEmbedding,
  TextTimeEmbedding,
} from './text-embeddings.ts';
export {
  DualTransformer2DModel,
  TextAttention,
  Transformer2DModel,
  type Transformer2DOptions,
} from './transformer-2d.ts';
export {
  BasicTransformerBlock,
  SequenceTransformerBlock,
  type SequenceTransformerBlockOptions,
  type TextStates,
  type TransformerBlockOptions,
} from './transformer-block.ts';
