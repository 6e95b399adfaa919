/** What the checks of the notes' formulas share: schedules, numbers of one step, densities, and graphs as functions. */
import { expect } from 'vitest';
import { evaluate, float32, program, RandomStream, type FloatArray, type Tensor } from '../../src/core/index.ts';
import { cosineSchedule, linearSchedule, type Schedule } from '../../src/diffusion/index.ts';

/** A numeric check for each formula, by its id in the notes. */
export type Checks = Readonly<Record<string, () => void | Promise<void>>>;

/** DDPM's schedule, and one of few steps with much noise in each. */
export const linear = linearSchedule();
export const coarse = cosineSchedule({ T: 10 });

/** The numbers of a step of a schedule from t − 1 to t, in the code's time; t is 1 at least, so that t − 1 has noise. */
export interface Step {
  readonly schedule: Schedule;
  readonly t: number;
  /** α_t = 1 − β_t. */
  readonly alpha: number;
  readonly beta: number;
  /** ᾱ_t and ᾱ_{t−1}. */
  readonly bar: number;
  readonly barBefore: number;
}

export const steps: readonly Step[] = [
  ...[1, 4, 8].map((t) => stepAt(coarse, t)),
  ...[1, 400, 999].map((t) => stepAt(linear, t)),
];

export function stepAt(schedule: Schedule, t: number): Step {
  const beta = schedule.betas[t]!;
  return { schedule, t, alpha: 1 - beta, beta, bar: schedule.alphaBar(t), barBefore: schedule.alphaBar(t - 1) };
}

/** Equal to a relative error; 1e-6 is what float32 arrays leave. */
export function same(actual: number, expected: number, tolerance = 1e-6): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)));
}

export function allSame(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 1e-6): void {
  expect(actual).toHaveLength(expected.length);
  for (let i = 0; i < expected.length; i++) same(actual[i]!, expected[i]!, tolerance);
}

/** [1, D] */
export function row(...values: number[]): FloatArray {
  return float32([1, values.length], values);
}

export function normals(count: number, purpose: string): Float32Array {
  return new RandomStream(0, purpose).fillNormal(new Float32Array(count));
}

export function moments(values: ArrayLike<number>): { readonly mean: number; readonly variance: number } {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = sum / values.length;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return { mean, variance: squares / values.length };
}

/** N(x; mean, variance). */
export function density(x: number, mean: number, variance: number): number {
  return Math.exp(-((x - mean) ** 2) / (2 * variance)) / Math.sqrt(2 * Math.PI * variance);
}

/** Mass, mean and variance of a density by the trapezoidal rule, which is exact to rounding for what falls like a Gaussian. */
export function integrated(f: (x: number) => number): { mass: number; mean: number; variance: number } {
  const h = 1e-3;
  let [mass, first, second] = [0, 0, 0];
  for (let x = -8; x <= 8; x += h) {
    const p = h * f(x);
    mass += p;
    first += p * x;
    second += p * x * x;
  }
  return { mass, mean: first / mass, variance: second / mass - (first / mass) ** 2 };
}

export function slopeAt(f: (x: number) => number, x: number, h = 1e-4): number {
  return (f(x + h) - f(x - h)) / (2 * h);
}

/** The values of graphs, in float64 by the ops' own definitions. */
export function valuesOf<Name extends string>(
  outputs: Readonly<Record<Name, Tensor>>,
  leaves: Readonly<
    Record<string, FloatArray | { readonly shape: readonly number[]; readonly data: Float64Array }>
  > = {},
): Record<Name, Float64Array> {
  const { outputs: results } = evaluate(program({ outputs }), (_, name) => {
    const { shape, data } = leaves[name]!;
    return { dtype: 'f32', shape, data: Float64Array.from(data) };
  });
  return Object.fromEntries([...results].map(([name, { data }]) => [name, data])) as Record<Name, Float64Array>;
}
