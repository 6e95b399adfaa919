/**
 * The terms of DDPM's variational bound, as graph: what trains a learned variance, and what bits per dimension are made of.
 *
 * @see Ho, Jain & Abbeel 2020, section 3.3 and eq. 5 and 13 — https://arxiv.org/abs/2006.11239; Nichol & Dhariwal 2021, section 3.1 — https://arxiv.org/abs/2102.09672
 */
import {
  add,
  clip,
  exp,
  float32,
  input,
  less,
  lessEqual,
  log,
  maximum,
  mean,
  mul,
  reshape,
  square,
  stopGradient,
  sub,
  tanh,
  where,
  type HostArray,
  type Tensor,
} from '../core/index.ts';
import { outputError, posterior, type Preconditioning, type Schedule } from '../diffusion/index.ts';

/** What `variationalTerm` is computed from, all [B, ...] but the last. */
export interface VariationalParts {
  readonly x0: Tensor;
  /** ε̂, x̂_0 or v̂. */
  readonly prediction: Tensor;
  /** What it should have been. */
  readonly target: Tensor;
  /** The second half of the network's channels, about −1 … 1. */
  readonly variance: Tensor;
  /** [B] */
  readonly timestep: Tensor;
}

/** Half the width of one of 256 gray levels in [−1, 1]. */
const halfLevel = 1 / 255;
/** The lowest and the highest level reach to infinity. */
const edge = 0.999;
/** Probabilities below it are taken for it. */
const smallest = 1e-12;

/**
 * L_{t−1} of each sample in bits per dimension; at t = 0 the negative log-likelihood of the image's 256 levels.
 *
 *     t > 0   KL(q(x_{t−1} | x_t, x_0) ‖ N(μ_θ, Σ_θ)) / ln 2,   ln Σ_θ = f ln β_t + (1 − f) ln β̃_t,  f = (v + 1)/2
 *     t = 0   −log₂ (Φ((x_0 − μ_θ + 1/255)/√Σ_θ) − Φ((x_0 − μ_θ − 1/255)/√Σ_θ)), open at −1 and 1
 *
 * The means differ by the error of x̂_0 times its coefficient in the posterior. No gradient goes through the mean, so this
 * trains the variance alone (section 3.1 of Nichol & Dhariwal).
 *
 * Inputs of the program, by `variationalInputs`: `vlbMeanScale`, `vlbLogBeta`, `vlbLogPosterior`, each [B].
 *
 * @returns [B], the mean over pixels
 */
export function variationalTerm({ x0, prediction, target, variance, timestep }: VariationalParts): Tensor {
  const [batch = 0] = x0.shape;
  const each = (t: Tensor) => reshape(t, [batch, ...x0.shape.slice(1).map(() => 1)]);
  const [meanScale, logBeta, logPosterior] = ['vlbMeanScale', 'vlbLogBeta', 'vlbLogPosterior'].map((name) =>
    each(input(name, [batch])),
  ) as [Tensor, Tensor, Tensor];
  const fraction = mul(add(variance, 1), 0.5);
  const logVariance = add(logPosterior, mul(fraction, sub(logBeta, logPosterior)));
  // x_0's coefficient times x_0 − x̂_0, from the error of whatever is predicted.
  const meanError = mul(meanScale, stopGradient(sub(prediction, target)));
  const kl = mul(
    add(
      sub(sub(logVariance, logPosterior), 1),
      add(exp(sub(logPosterior, logVariance)), mul(square(meanError), exp(mul(logVariance, -1)))),
    ),
    0.5,
  );
  const levels = levelLikelihood(x0, meanError, mul(logVariance, -0.5));
  const first = lessEqual(each(timestep), 0);
  return mul(
    mean(
      where(first, mul(levels, -1), kl),
      x0.shape.slice(1).map((_, i) => i + 1),
    ),
    1 / Math.LN2,
  );
}

/** ln P of an image's gray levels under a Gaussian whose mean is off by `centered`; `logInverseStd` is −ln √Σ. */
function levelLikelihood(x0: Tensor, centered: Tensor, logInverseStd: Tensor): Tensor {
  // Only used at t = 0, but computed for all: where Σ is large elsewhere it must not overflow.
  const inverse = exp(clip(logInverseStd, -20, 20));
  const upper = normalCdf(mul(add(centered, halfLevel), inverse));
  const lower = normalCdf(mul(sub(centered, halfLevel), inverse));
  const probability = where(less(x0, -edge), upper, where(less(edge, x0), sub(1, lower), sub(upper, lower)));
  return log(maximum(probability, smallest));
}

/** The normal distribution function by a formula good to 1e-3, the one that published bits per dimension were computed with (Ho's code). */
function normalCdf(x: Tensor): Tensor {
  // Beyond 10 it is 0 or 1, and the cube would overflow.
  const z = clip(x, -10, 10);
  return mul(add(tanh(mul(add(z, mul(mul(square(z), z), 0.044715)), Math.sqrt(2 / Math.PI))), 1), 0.5);
}

/**
 * The coefficients of the bound at the times of a batch.
 *
 *     vlbLogBeta       ln β_t
 *     vlbLogPosterior  ln β̃_t, at t = 0 that of t = 1, because β̃_0 is 0
 *     vlbMeanScale     the factor from an error of the prediction to one of the posterior's mean
 *
 * @param t  [B] times in 0 … T − 1
 */
export function variationalInputs(
  schedule: Schedule,
  t: readonly number[],
  { target }: Pick<Preconditioning, 'target'>,
): Record<string, HostArray> {
  // x_0 − x̂_0 in units of prediction − target.
  const errorScale = (time: number) => -1 / outputError(target(time), schedule.alpha(time), schedule.sigma(time));
  const meanScale = (time: number) => posterior(schedule, time, time - 1).x0 * errorScale(time);
  const logPosterior = (time: number) =>
    Math.log(posterior(schedule, Math.max(time, 1), Math.max(time, 1) - 1).variance);
  const array = (f: (time: number) => number) => float32([t.length], t.map(f));
  return {
    vlbMeanScale: array(meanScale),
    vlbLogBeta: array((time) => Math.log(schedule.betas[time]!)),
    vlbLogPosterior: array(logPosterior),
  };
}
