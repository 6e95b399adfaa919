/** Minimizing a smooth function of many numbers. */

/** Writes the gradient at x, and returns the value. */
export type SmoothFunction = (x: Float64Array, gradient: Float64Array) => number;

/** Options of `minimize`. */
export interface MinimizeOptions {
  readonly maxIterations: number;
  /** Ends when no value of the gradient is larger; default 1e-5 times the largest at the start. */
  readonly tolerance?: number;
}

/** Steps and changes of the gradient that are remembered; Nocedal & Wright advise 3 to 20. */
const memory = 10;

/**
 * The minimum of a smooth, best a convex function, by limited-memory BFGS with a backtracking search that keeps the
 * curvature positive (Armijo's condition, and steps whose curvature is not positive are not remembered).
 *
 * @param start  is not changed
 * @returns where it ended, the value there, and the iterations
 * @see Nocedal & Wright 2006, algorithms 7.4 and 7.5
 */
export function minimize(
  f: SmoothFunction,
  start: Float64Array,
  { maxIterations, tolerance }: MinimizeOptions,
): { readonly x: Float64Array; readonly value: number; readonly iterations: number } {
  let x = start.slice();
  let gradient = new Float64Array(x.length);
  let value = f(x, gradient);
  const enough = tolerance ?? 1e-5 * largest(gradient);
  const past: { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[] = [];
  let iterations = 0;
  for (; iterations < maxIterations && largest(gradient) > enough; iterations++) {
    const direction = descent(gradient, past);
    const slope = dot(gradient, direction);
    // The first step has no scale yet: as long as one unit.
    let step = past.length === 0 ? Math.min(1, 1 / largest(gradient)) : 1;
    let next = x;
    let nextGradient = new Float64Array(x.length);
    let nextValue = Infinity;
    for (let tries = 0; tries < 60; tries++, step /= 2) {
      next = x.map((each, i) => each + step * direction[i]!);
      nextValue = f(next, nextGradient);
      if (nextValue <= value + 1e-4 * step * slope) break;
    }
    // No step is long enough to be seen in float64: this is the minimum to within rounding.
    if (!(nextValue < value)) break;
    const s = next.map((each, i) => each - x[i]!);
    const y = nextGradient.map((each, i) => each - gradient[i]!);
    const curvature = dot(s, y);
    if (curvature > 1e-12 * dot(y, y)) {
      past.push({ s, y, rho: 1 / curvature });
      if (past.length > memory) past.shift();
    }
    [x, gradient, value, nextGradient] = [next, nextGradient, nextValue, gradient];
  }
  return { x, value, iterations };
}

/** −H · gradient, H from the remembered steps. */
function descent(
  gradient: Float64Array,
  past: readonly { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number }[],
): Float64Array {
  const q = gradient.map((each) => -each);
  const alphas: number[] = [];
  for (const { s, y, rho } of past.toReversed()) {
    const alpha = rho * dot(s, q);
    alphas.push(alpha);
    for (let i = 0; i < q.length; i++) q[i]! -= alpha * y[i]!;
  }
  const last = past.at(-1);
  const scale = last ? 1 / (last.rho * dot(last.y, last.y)) : 1;
  for (let i = 0; i < q.length; i++) q[i]! *= scale;
  for (const { s, y, rho } of past) {
    const beta = rho * dot(y, q);
    const alpha = alphas.pop()!;
    for (let i = 0; i < q.length; i++) q[i]! += (alpha - beta) * s[i]!;
  }
  return q;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function largest(x: Float64Array): number {
  let most = 0;
  for (const value of x) most = Math.max(most, Math.abs(value));
  return most;
}
