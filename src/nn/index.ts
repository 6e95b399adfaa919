export { scaledDotProductAttention, SpatialAttention } from './attention.ts';
export { Conv2d } from './conv.ts';
export { Embedding, sinusoidalEmbedding, TimestepEmbedding } from './embedding.ts';
export { normal, ones, uniformFanAvg, zeros, type Initializer } from './init.ts';
export { Linear } from './linear.ts';
export { bind, countParameters, initialValues, Module, namedParameters, Parameter, snakeCase, type Binding, type Context } from './module.ts';
export { GroupNorm } from './norm.ts';
export { Downsample2D, Upsample2D, upsampleNearest } from './resample.ts';
export { nearlyZero, ResnetBlock2D } from './resnet.ts';
