/**
 * The ways to say what x_t = α x_0 + σ ε is made of, and how to get from one to the other. Scalars: the callers loop.
 */

/**
 * What a network may predict, by diffusers' names: ε, x_0 (`sample`), v = α ε − σ x_0, and the velocity ε − x_0 of a
 * rectified flow.
 */
export const predictionTypes = ['epsilon', 'sample', 'v_prediction', 'flow_prediction'] as const;
/** One of `predictionTypes`. */
export type PredictionType = (typeof predictionTypes)[number];

/** ε = (x_t − α x_0) / σ. */
export function epsFromX0(xt: number, x0: number, alpha: number, sigma: number): number {
  return (xt - alpha * x0) / sigma;
}

/** What a network should say at a noise level: onX0 · x_0 + onEps · ε. With x_t these are two equations for the two unknowns. */
export type Target = readonly [onX0: number, onEps: number];

/**
 * The target of every prediction type at the scales α and σ.
 *
 * @see Salimans & Ho 2022, section 4 (v) — https://arxiv.org/abs/2202.00512; Liu, Gong & Liu 2023 (flow) — https://arxiv.org/abs/2209.03003
 */
export const targetOf: Readonly<Record<PredictionType, (alpha: number, sigma: number) => Target>> = {
  epsilon: () => [0, 1],
  sample: () => [1, 0],
  v_prediction: (alpha, sigma) => [-sigma, alpha],
  flow_prediction: () => [-1, 1],
};

/** x_0 and ε as weighted sums of x_t and a network's output. */
export interface FromOutput {
  readonly x0: readonly [ofXt: number, ofOutput: number];
  readonly eps: readonly [ofXt: number, ofOutput: number];
}

/**
 * What a network's output F implies.
 *
 *     F = a x_0 + b ε,  x_t = α x_0 + σ ε:   x_0 = (b x_t − σ F)/d,  ε = (α F − a x_t)/d,   d = α b − σ a
 *     ε   x_0 = (x_t − σ F)/α                          v   x_0 = α x_t − σ F,  ε = σ x_t + α F   where α² + σ² = 1
 *
 * @returns not finite where d = 0, since there the output says nothing of x_0: ε where no signal is left
 */
export function fromOutput([a, b]: Target, alpha: number, sigma: number): FromOutput {
  const d = alpha * b - sigma * a;
  return { x0: [b / d, -sigma / d], eps: [(0 - a) / d, alpha / d] };
}

/**
 * How far an output is off its target where x̂_0 is off by one: x_t is given, so an error in x̂_0 is −α/σ of it in ε̂.
 *
 *     a − b α/σ
 */
export function outputError([a, b]: Target, alpha: number, sigma: number): number {
  return a - (b * alpha) / sigma;
}
