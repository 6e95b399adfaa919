import { eachDotOfRows } from './dot-products.ts';

/** Mean and covariance of features. */
export interface FeatureMoments {
  readonly count: number;
  readonly dim: number;
  /** [D] */
  readonly mean: Float64Array;
  /** [D, D] with divisor N − 1. */
  readonly covariance: Float64Array;
}

/** Rows gathered before the covariance is updated: long inner loops over memory that stays in the cache. */
const blockRows = 128;

/**
 * Mean and covariance of a stream of vectors, in float64 and in memory that does not grow with it.
 *
 * Blocks are merged by their means and scatter matrices, so nothing is lost where the mean is large next to the spread.
 *
 * @see Chan, Golub & LeVeque 1983, eq. 2.1 — https://doi.org/10.1080/00031305.1983.10483115
 */
export class StreamingMoments {
  readonly #dim: number;
  readonly #mean: Float64Array;
  /** Upper triangle of Σ (x − mean)(x − mean)ᵀ. */
  readonly #scatter: Float64Array;
  /** [D, blockRows]: a feature's values side by side. */
  readonly #block: Float64Array;
  #waiting = 0;
  #count = 0;

  constructor(dim: number) {
    this.#dim = dim;
    this.#mean = new Float64Array(dim);
    this.#scatter = new Float64Array(dim * dim);
    this.#block = new Float64Array(dim * blockRows);
  }

  /** @param row  [D] */
  add(row: ArrayLike<number>): void {
    for (let i = 0; i < this.#dim; i++) this.#block[i * blockRows + this.#waiting] = row[i]!;
    if (++this.#waiting === blockRows) this.#merge();
  }

  /**
   * The moments of all rows so far.
   *
   * @throws if there are fewer than two
   */
  finish(): FeatureMoments {
    this.#merge();
    const [dim, count] = [this.#dim, this.#count];
    if (count < 2) throw new Error(`moments: a covariance needs at least two samples, got ${count}`);
    const covariance = new Float64Array(dim * dim);
    for (let i = 0; i < dim; i++) {
      for (let j = i; j < dim; j++)
        covariance[i * dim + j] = covariance[j * dim + i] = this.#scatter[i * dim + j]! / (count - 1);
    }
    return { count, dim, mean: this.#mean.slice(), covariance };
  }

  #merge(): void {
    const [dim, added, before] = [this.#dim, this.#waiting, this.#count];
    if (added === 0) return;
    const shift = new Float64Array(dim);
    for (let i = 0; i < dim; i++) {
      const start = i * blockRows;
      let sum = 0;
      for (let k = 0; k < added; k++) sum += this.#block[start + k]!;
      const mean = sum / added;
      for (let k = 0; k < added; k++) this.#block[start + k]! -= mean;
      shift[i] = mean - this.#mean[i]!;
    }
    const total = before + added;
    const between = (before * added) / total;
    const features = { data: this.#block, count: dim, stride: blockRows };
    eachDotOfRows(features, features, added, (i, j, product) => {
      if (j >= i) this.#scatter[i * dim + j]! += product + between * shift[i]! * shift[j]!;
    });
    for (let i = 0; i < dim; i++) this.#mean[i]! += (shift[i]! * added) / total;
    this.#count = total;
    this.#waiting = 0;
  }
}
