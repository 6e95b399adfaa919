/**
 * The ways to say what x_t = α x_0 + σ ε is made of, and how to get from one to the other. Scalars: the callers loop.
 */

/**
 * What a network may predict, by diffusers' names: ε, x_0 (`sample`), v = α ε − σ x_0, and the velocity ε − x_0 of a
 * straight flow.
 */
export const predictionTypes = ['epsilon', 'sample', 'v_prediction', 'flow_prediction'] as const;
/** One of `predictionTypes`. */
export type PredictionType = (typeof predictionTypes)[number];

/** x_0 = (x_t − σ ε) / α. */
export function x0FromEps(xt: number, eps: number, alpha: number, sigma: number): number {
  return (xt - sigma * eps) / alpha;
}

/** ε = (x_t − α x_0) / σ. */
export function epsFromX0(xt: number, x0: number, alpha: number, sigma: number): number {
  return (xt - alpha * x0) / sigma;
}

/**
 * v = α ε − σ x_0.
 *
 * @see Salimans & Ho 2022, section 4 — https://arxiv.org/abs/2202.00512
 */
export function vFromX0(x0: number, eps: number, alpha: number, sigma: number): number {
  return alpha * eps - sigma * x0;
}

/** x_0 = α x_t − σ v, where α² + σ² = 1. */
export function x0FromV(xt: number, v: number, alpha: number, sigma: number): number {
  return alpha * xt - sigma * v;
}

/** ε = α v + σ x_t, where α² + σ² = 1. */
export function epsFromV(xt: number, v: number, alpha: number, sigma: number): number {
  return alpha * v + sigma * xt;
}

/** x_0 and ε as a network's output implies them. */
export type FromOutput = (xt: number, output: number, alpha: number, sigma: number) => readonly [x0: number, eps: number];

/** What a network's output implies, for every prediction type. */
export const fromOutput: Readonly<Record<PredictionType, FromOutput>> = {
  epsilon: (xt, eps, alpha, sigma) => [x0FromEps(xt, eps, alpha, sigma), eps],
  sample: (xt, x0, alpha, sigma) => [x0, epsFromX0(xt, x0, alpha, sigma)],
  v_prediction: (xt, v, alpha, sigma) => [x0FromV(xt, v, alpha, sigma), epsFromV(xt, v, alpha, sigma)],
  // x_t = α x_0 + σ ε and u = ε − x_0 are two equations for two unknowns.
  flow_prediction: (xt, u, alpha, sigma) => [(xt - sigma * u) / (alpha + sigma), (xt + alpha * u) / (alpha + sigma)],
};

/** What a network should have said, for every prediction type: the target of its training. */
export const targetOf: Readonly<Record<PredictionType, (x0: number, eps: number, alpha: number, sigma: number) => number>> = {
  epsilon: (_, eps) => eps,
  sample: (x0) => x0,
  v_prediction: vFromX0,
  flow_prediction: (x0, eps) => eps - x0,
};
