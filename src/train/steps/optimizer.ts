import {
  add,
  div,
  minimum,
  mul,
  sqrt,
  square,
  sub,
  sumSquares,
  type HostArrays,
  type HostArray,
  type Shape,
  type Tensor,
} from '../../core/index.ts';
import { endToEnd, isSmall } from './packed.ts';

/** Picks parameters by checkpoint name and shape. */
export type ParameterPredicate = (name: string, shape: Shape) => boolean;

/** A set of parameters with settings of its own. */
export interface ParameterGroup {
  /** A parameter belongs to the first group that matches. */
  readonly match: ParameterPredicate;
  /** Multiplies the learning rate; default 1. */
  readonly learningRateScale?: number;
  /** In place of the run's. */
  readonly weightDecay?: number;
  /** True: these keep their values, and cost neither gradients nor moments. */
  readonly frozen?: boolean;
}

/** Settings of Adam and AdamW. */
export interface AdamOptions {
  readonly betas: readonly [number, number];
  readonly eps: number;
  /** Decoupled decay (AdamW): each step also takes θ ← θ − lr · decay · θ. 0 is plain Adam. */
  readonly weightDecay: number;
  readonly groups?: readonly ParameterGroup[];
}

/** The scalars an update takes as inputs, because they change from step to step. */
export interface AdamScalars {
  readonly learningRate: Tensor;
  /** 1 / (1 − β₁ᵗ) */
  readonly correction1: Tensor;
  /** 1 / √(1 − β₂ᵗ) */
  readonly correction2: Tensor;
}

/** The values of the scalars at update t = 1, 2, …, in float64. */
export function adamCorrections(
  update: number,
  [beta1, beta2]: readonly [number, number],
): { correction1: number; correction2: number } {
  return { correction1: 1 / (1 - beta1 ** update), correction2: 1 / Math.sqrt(1 - beta2 ** update) };
}

export const firstMoment = (name: string): string => `adam/exp_avg/${name}`;
export const secondMoment = (name: string): string => `adam/exp_avg_sq/${name}`;

/** Zero moments for every parameter. */
export function adamState(parameters: HostArrays): Map<string, HostArray> {
  const moments = new Map<string, HostArray>();
  for (const kind of [firstMoment, secondMoment]) {
    for (const [name, { shape, dtype, data }] of parameters)
      moments.set(kind(name), { dtype, shape, data: new Float32Array(data.length) });
  }
  return moments;
}

/** Small gradients that are squared and added up at a time: some layers' worth, so that none waits long for the others. */
const atATime = 16;

/** √(Σ g²) over all gradients together, in their order but for small ones, of which some are taken at a time. */
export function globalNorm(gradients: Iterable<Tensor>): Tensor {
  const parts: Tensor[] = [];
  let waiting: Tensor[] = [];
  const takeWaiting = () => {
    if (waiting.length > 0) parts.push(sumSquares(waiting.length === 1 ? waiting[0]! : endToEnd(waiting)));
    waiting = [];
  };
  for (const g of gradients) {
    if (isSmall(g)) waiting.push(g);
    else parts.push(sumSquares(g));
    if (waiting.length === atATime) takeWaiting();
  }
  takeWaiting();
  if (parts.length === 0) throw new Error('globalNorm: no gradients');
  return sqrt(parts.reduce((total, part) => add(total, part)));
}

/** min(1, maxNorm / (norm + 1e-6)), PyTorch's `clip_grad_norm_` factor. */
export function clipFactor(norm: Tensor, maxNorm: number): Tensor {
  return minimum(1, div(maxNorm, add(norm, 1e-6)));
}

/** What its group says of a parameter's updates. */
export interface AdamSettings {
  /** Multiplies the learning rate. */
  readonly rateScale: number;
  readonly weightDecay: number;
}

/** The settings of the first group that a parameter belongs to. */
export function adamSettings(name: string, { shape }: Tensor, { weightDecay, groups = [] }: AdamOptions): AdamSettings {
  const group = groups.find(({ match }) => match(name, shape));
  return { rateScale: group?.learningRateScale ?? 1, weightDecay: group?.weightDecay ?? weightDecay };
}

/** A parameter with its moments. */
export interface AdamState {
  readonly value: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
}

/**
 * One update of Adam or AdamW:
 *
 *     m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   θ ← θ − lr · decay · θ − lr · m̂ / (√v̂ + eps)
 *
 * @param gradient   as computed
 * @param clip       scalar that multiplies the gradient; folded into the coefficients of g and g², so that clipping
 *                   costs no pass over the gradients
 * @see Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2
 */
export function adamStep(
  before: AdamState,
  gradient: Tensor,
  { learningRate, correction1, correction2 }: AdamScalars,
  { betas: [beta1, beta2], eps }: AdamOptions,
  { rateScale, weightDecay }: AdamSettings,
  clip?: Tensor,
): AdamState {
  const rate = rateScale === 1 ? learningRate : mul(learningRate, rateScale);
  const weight1 = clip ? mul(clip, 1 - beta1) : 1 - beta1;
  const weight2 = clip ? mul(square(clip), 1 - beta2) : 1 - beta2;
  const m = add(mul(before.m, beta1), mul(gradient, weight1));
  const v = add(mul(before.v, beta2), mul(square(gradient), weight2));
  const kept = weightDecay === 0 ? before.value : mul(before.value, sub(1, mul(rate, weightDecay)));
  // Both corrections in scalars: m̂ / (√v̂ + eps) = c₁/c₂ · m / (√v + eps/c₂).
  const direction = div(m, add(sqrt(v), div(eps, correction2)));
  return { value: sub(kept, mul(direction, mul(rate, div(correction1, correction2)))), m, v };
}
