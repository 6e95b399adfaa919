import { float32 } from '../src/core/index.ts';
import type { Predict } from '../src/diffusion/index.ts';

/**
 * The network of the programs that made diffusers' numbers: a function of each value and the time.
 *
 * @param size     values of a sample
 * @param output   what it says
 * @param learned  whether it has the half of its channels that says of the variance
 */
export function toyNetwork(size: number, output: (x: number, time: number) => number, learned: boolean): Predict {
  return async (xt, t) => {
    const of = (f: (x: number, time: number) => number) =>
      float32(
        xt.shape,
        xt.data.map((x, i) => f(x, t[Math.floor(i / size)]!)),
      );
    return learned
      ? { output: of(output), variance: of((x, time) => 1.2 * Math.sin(2 * x + 0.002 * time)) }
      : of(output);
  };
}
