/**
 * The three ways to say what x_t = α x_0 + σ ε is made of, and how to get from one to the other.
 * α = √ᾱ_t and σ = √(1 − ᾱ_t), so α² + σ² = 1, which the formulas with v rely on. Scalars: the callers loop.
 */

/** What a network may predict, by diffusers' names. */
export const predictionTypes = ['epsilon'] as const;
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

/** x_0 = α x_t − σ v. */
export function x0FromV(xt: number, v: number, alpha: number, sigma: number): number {
  return alpha * xt - sigma * v;
}

/** ε = α v + σ x_t. */
export function epsFromV(xt: number, v: number, alpha: number, sigma: number): number {
  return alpha * v + sigma * xt;
}
