export * from './autodiff.ts';
export * from './dtype.ts';
export * from './executor.ts';
export { firstNotFinite } from './finite.ts';
export { createInterpreter, evaluate, fromValues, toValues } from './interpret.ts';
export {
  erf,
  gelu,
  leakyRelu,
  mish,
  quickGelu,
  relu,
  sigmoid,
  silu,
  softplus,
  type GeluForm,
} from './ops/activations.ts';
export { channelAffine } from './ops/channel-affine.ts';
export { and, equal, less, lessEqual, not, or, where } from './ops/compare.ts';
export { arange, eye, lowerTriangle } from './ops/constants.ts';
export { conv2d, conv2dInputGrad, conv2dWeightGrad, convTranspose2d, type Conv2dAttrs } from './ops/conv.ts';
export {
  abs,
  add,
  clip,
  cos,
  div,
  exp,
  floor,
  log,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  sign,
  sin,
  sqrt,
  square,
  sub,
  tanh,
} from './ops/elementwise.ts';
export { argMax, argMin, max, min, sort, topK } from './ops/extrema.ts';
export { ops, type AttrsOf, type OpName } from './ops/index.ts';
export { controlDependency, stopGradient, straightThrough } from './ops/identity.ts';
export { gather, oneHot, scatterAdd, scatterAlongAxis, takeAlongAxis } from './ops/indexing.ts';
export { layerNorm, rmsNorm } from './ops/layer-norm.ts';
export { matmul, type MatmulAttrs } from './ops/matmul.ts';
export { groupNorm, type GroupNormAttrs } from './ops/norm.ts';
export { randomKey, randomKeyWords, siteKey, uniform, uniformColumns, uniformWords } from './ops/random.ts';
export {
  cumsum,
  logSoftmax,
  logSumExp,
  mean,
  meanSquaredError,
  softmax,
  sumSquares,
  type CumsumAttrs,
} from './ops/reduce.ts';
export { sumPool, upsampleNearest } from './ops/resample.ts';
export { avgPool2d, maxPool2d, type PoolAttrs } from './ops/pool.ts';
export { resize, resizeMatrix, type ResizeOptions } from './ops/resize.ts';
export {
  broadcastShapes,
  broadcastTo,
  cast,
  concat,
  flip,
  full,
  pad,
  reshape,
  scalar,
  slice,
  split,
  sum,
  transpose,
} from './ops/structure.ts';
export * from './program.ts';
export * from './random.ts';
export {
  constant,
  input,
  state,
  topologicalOrder,
  Tensor,
  type NamedLeaf,
  type Node,
  type Op,
  type TensorLike,
  type Values,
} from './tensor.ts';
export * from './verify.ts';
