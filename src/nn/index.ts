export { scaledDotProductAttention, SpatialAttention, type AttentionOptions } from './attention.ts';
export { Conv2d, type Conv2dOptions } from './conv.ts';
export { Embedding, sinusoidalEmbedding, TimestepEmbedding, type SinusoidalOptions } from './embedding.ts';
export { normal, ones, uniformFanAvg, zeros, type Initializer } from './init.ts';
export { Linear } from './linear.ts';
export { bind, countParameters, initialValues, Module, namedParameters, Parameter, snakeCase, type Binding, type Context } from './module.ts';
export { GroupNorm } from './norm.ts';
export { Downsample2D, Upsample2D } from './resample.ts';
export { nearlyZero, ResnetBlock2D, type ResnetBlockOptions } from './resnet.ts';
