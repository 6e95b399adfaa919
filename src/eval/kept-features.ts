import { RandomStream } from '../core/index.ts';
import { dotOfRows, inTiles } from './dot-products.ts';

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
export class KeptFeatures {
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

  /** The vectors that are kept; they are overwritten by further ones. */
  rows(): FeatureRows {
    const count = Math.min(this.#seen, this.#most);
    return { count, dim: this.#dim, data: this.#data.subarray(0, count * this.#dim) };
  }
}

/** Inner products between and within two sets of features. */
export interface Grams {
  readonly dim: number;
  readonly a: number;
  readonly b: number;
  /** [a, a] */
  readonly aa: Float64Array;
  /** [b, b] */
  readonly bb: Float64Array;
  /** [a, b] */
  readonly ab: Float64Array;
}

/**
 * All inner products, in float64.
 *
 * @throws if the features have not the same dimension
 */
export function grams(a: FeatureRows, b: FeatureRows): Grams {
  if (a.dim !== b.dim) throw new Error(`grams: features of ${a.dim} and of ${b.dim} dimensions cannot be compared; extract both with one network`);
  const dim = a.dim;
  const all = new Float64Array((a.count + b.count) * dim);
  all.set(a.data);
  all.set(b.data, a.count * dim);
  const within = (from: number, count: number) => {
    const result = new Float64Array(count * count);
    inTiles(count, count, (i, j) => {
      if (j >= i) result[i * count + j] = result[j * count + i] = dotOfRows(all, (from + i) * dim, (from + j) * dim, dim);
    });
    return result;
  };
  const ab = new Float64Array(a.count * b.count);
  inTiles(a.count, b.count, (i, j) => { ab[i * b.count + j] = dotOfRows(all, i * dim, (a.count + j) * dim, dim); });
  return { dim, a: a.count, b: b.count, aa: within(0, a.count), bb: within(a.count, b.count), ab };
}
