/**
 * The closed list of ops. A lowering is a record over these names, so the compiler points at an op that
 * has no lowering, and the shared test cases cover every one.
 */
import { constantOp, inputOp, stateOp } from '../tensor.ts';
import { erfOp, geluOp, reluOp, sigmoidOp, siluOp, softplusOp } from './activations.ts';
import { channelAffineOp } from './channel-affine.ts';
import { andOp, equalOp, lessEqualOp, lessOp, notOp, orOp, whereOp } from './compare.ts';
import { conv2dInputGradOp, conv2dOp, conv2dWeightGradOp } from './conv.ts';
import {
  absOp,
  addOp,
  clipOp,
  cosOp,
  divOp,
  expOp,
  floorOp,
  logOp,
  maximumOp,
  minimumOp,
  mulOp,
  negOp,
  powOp,
  sinOp,
  sqrtOp,
  subOp,
  tanhOp,
} from './elementwise.ts';
import { argMaxOp, argMinOp, maxOp, minOp, topKOp } from './extrema.ts';
import { controlDependencyOp, stopGradientOp } from './identity.ts';
import { gatherOp, scatterAddOp, scatterAlongAxisOp, takeAlongAxisOp } from './indexing.ts';
import { layerNormOp } from './layer-norm.ts';
import { matmulOp } from './matmul.ts';
import { groupNormOp } from './norm.ts';
import { uniformOp } from './random.ts';
import { cumsumOp, logSoftmaxOp, logSumExpOp, softmaxOp, sumSquaresOp } from './reduce.ts';
import { sumPoolOp, upsampleNearestOp } from './resample.ts';
import { avgPool2dOp, maxPool2dOp } from './pool.ts';
import { broadcastToOp, castOp, concatOp, padOp, reshapeOp, sliceOp, sumOp, transposeOp } from './structure.ts';

/** Every op there is, by its name. */
export const ops = {
  input: inputOp,
  state: stateOp,
  constant: constantOp,
  reshape: reshapeOp,
  transpose: transposeOp,
  broadcastTo: broadcastToOp,
  controlDependency: controlDependencyOp,
  sum: sumOp,
  slice: sliceOp,
  pad: padOp,
  concat: concatOp,
  gather: gatherOp,
  scatterAdd: scatterAddOp,
  takeAlongAxis: takeAlongAxisOp,
  scatterAlongAxis: scatterAlongAxisOp,
  cast: castOp,
  add: addOp,
  sub: subOp,
  mul: mulOp,
  div: divOp,
  minimum: minimumOp,
  maximum: maximumOp,
  pow: powOp,
  clip: clipOp,
  neg: negOp,
  abs: absOp,
  floor: floorOp,
  exp: expOp,
  log: logOp,
  sqrt: sqrtOp,
  sin: sinOp,
  cos: cosOp,
  tanh: tanhOp,
  sigmoid: sigmoidOp,
  silu: siluOp,
  relu: reluOp,
  softplus: softplusOp,
  erf: erfOp,
  gelu: geluOp,
  less: lessOp,
  lessEqual: lessEqualOp,
  equal: equalOp,
  and: andOp,
  or: orOp,
  not: notOp,
  where: whereOp,
  sumSquares: sumSquaresOp,
  softmax: softmaxOp,
  logSoftmax: logSoftmaxOp,
  logSumExp: logSumExpOp,
  cumsum: cumsumOp,
  max: maxOp,
  min: minOp,
  argMax: argMaxOp,
  argMin: argMinOp,
  topK: topKOp,
  matmul: matmulOp,
  conv2d: conv2dOp,
  conv2dInputGrad: conv2dInputGradOp,
  conv2dWeightGrad: conv2dWeightGradOp,
  groupNorm: groupNormOp,
  layerNorm: layerNormOp,
  channelAffine: channelAffineOp,
  upsampleNearest: upsampleNearestOp,
  sumPool: sumPoolOp,
  uniform: uniformOp,
  stopGradient: stopGradientOp,
  avgPool2d: avgPool2dOp,
  maxPool2d: maxPool2dOp,
} as const;

/** The name of an op. */
export type OpName = keyof typeof ops;

/** The attribute type of an op by its name. */
export type AttrsOf<Name extends OpName> = Parameters<(typeof ops)[Name]['infer']>[1];
