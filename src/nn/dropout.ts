import type { Tensor } from '../core/index.ts';
import { Module, type Context } from './module.ts';

/**
 * Sets values to zero at random while training, and does nothing otherwise.
 *
 * @see Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting"
 */
export class Dropout extends Module {
  readonly #p: number;

  /**
   * @param p  the probability of a zero
   * @throws if p is not in [0, 1]
   */
  constructor(p: number) {
    super();
    if (!(p >= 0 && p <= 1)) throw new Error(`dropout: the probability must be in [0, 1], got ${p}`);
    this.#p = p;
  }

  /** @param x  [...] → [...] */
  forward(ctx: Context, x: Tensor): Tensor {
    return ctx.dropout(x, this.#p);
  }
}
