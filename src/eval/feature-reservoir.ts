import { RandomStream } from '../core/index.ts';

/** Some of a stream's features. */
export interface FeatureRows {
  readonly count: number;
  readonly dim: number;
  /** [count, D] */
  readonly data: Float32Array;
}

/**
 * A uniform sample of a stream's vectors, all if they are few: what is compared pair by pair, in memory fixed from the start.
 *
 * Which ones are kept is a function of the seed.
 *
 * @see Vitter 1985, algorithm R — https://doi.org/10.1145/3147.3165
 */
export class FeatureReservoir {
  readonly #dim: number;
  readonly #most: number;
  readonly #data: Float32Array;
  readonly #random: RandomStream;
  #seen = 0;

  constructor(dim: number, most: number, seed: number) {
    this.#dim = dim;
    this.#most = most;
    this.#data = new Float32Array(dim * most);
    this.#random = new RandomStream(seed, 'kept features', 0);
  }

  /** @param row  [D] */
  add(row: ArrayLike<number>): void {
    const seen = this.#seen++;
    const place = seen < this.#most ? seen : this.#random.integer(seen + 1);
    if (place < this.#most) this.#data.set(row, place * this.#dim);
  }

  /** The current sample; further rows overwrite it. */
  rows(): FeatureRows {
    const count = Math.min(this.#seen, this.#most);
    return { count, dim: this.#dim, data: this.#data.subarray(0, count * this.#dim) };
  }
}
