/**
 * The ways to say what x_t = α x_0 + σ ε is made of, and how to get from one to the other: factors and scalars, the callers loop.
 */

/**
 * What a network may predict, by diffusers' names: ε, x_0 (`sample`), v = α ε − σ x_0, and the velocity ε − x_0 of a
 * straight flow.
 */
export const predictionTypes = ['epsilon', 'sample', 'v_prediction', 'flow_prediction'] as const;
/** One of `predictionTypes`. */
export type PredictionType = (typeof predictionTypes)[number];

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

/** x_0 and ε as weighted sums of x_t and a network's output. */
export interface FromOutput {
  readonly x0: readonly [ofXt: number, ofOutput: number];
  readonly eps: readonly [ofXt: number, ofOutput: number];
}

/**
 * What a network's output implies, for every prediction type.
 *
 *     ε   x_0 = (x_t − σ ε)/α                          v   x_0 = α x_t − σ v,  ε = σ x_t + α v   where α² + σ² = 1
 *     x_0   ε = (x_t − α x_0)/σ                        u   x_0 = (x_t − σ u)/(α + σ),  ε = (x_t + α u)/(α + σ)
 *
 * The last are x_t = α x_0 + σ ε and u = ε − x_0, solved.
 */
export const fromOutput: Readonly<Record<PredictionType, (alpha: number, sigma: number) => FromOutput>> = {
  epsilon: (alpha, sigma) => ({ x0: [1 / alpha, -sigma / alpha], eps: [0, 1] }),
  sample: (alpha, sigma) => ({ x0: [0, 1], eps: [1 / sigma, -alpha / sigma] }),
  v_prediction: (alpha, sigma) => ({ x0: [alpha, -sigma], eps: [sigma, alpha] }),
  flow_prediction: (alpha, sigma) => ({ x0: [1 / (alpha + sigma), -sigma / (alpha + sigma)], eps: [1 / (alpha + sigma), alpha / (alpha + sigma)] }),
};

/** What a network should have said, for every prediction type: the target of its training. */
export const targetOf: Readonly<Record<PredictionType, (x0: number, eps: number, alpha: number, sigma: number) => number>> = {
  epsilon: (_, eps) => eps,
  sample: (x0) => x0,
  v_prediction: vFromX0,
  flow_prediction: (x0, eps) => eps - x0,
};
