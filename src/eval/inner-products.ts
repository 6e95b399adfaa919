import { dotOfRows } from './dot-products.ts';
import type { FeatureRows } from './feature-reservoir.ts';

/** Something that is known of two sets of features, a and b, by their inner products alone. */
export interface PairMeasure<T> {
  /**
   * Called for the rows of a, then for the rows of b, in their order.
   *
   * @param products  [count] those of row i with the rows of its own side from i on; what stands before means nothing
   */
  within(side: 'a' | 'b', i: number, products: Float64Array): void;
  /**
   * Called last, for the rows of a in their order.
   *
   * @param products  [b.count] those of row i of a with all rows of b
   */
  between(i: number, products: Float64Array): void;
  finish(): T;
}

/** Rows whose products are there at once: enough that they stay in the cache, and 2,000 features are half a megabyte instead of 32. */
const band = 32;

/**
 * Passes all inner products of two sets to the measures, in float64; each is computed once, and none is stored.
 *
 * @throws if the features have not the same dimension
 */
export function measurePairs(a: FeatureRows, b: FeatureRows, measures: readonly PairMeasure<unknown>[]): void {
  if (a.dim !== b.dim)
    throw new Error(
      `measurePairs: features of ${a.dim} and of ${b.dim} dimensions cannot be compared; extract both with one network`,
    );
  for (const [side, rows] of [
    ['a', a],
    ['b', b],
  ] as const)
    eachRow(rows, rows, (i, products) => {
      for (const measure of measures) measure.within(side, i, products);
    });
  eachRow(a, b, (i, products) => {
    for (const measure of measures) measure.between(i, products);
  });
}

/** The rows of a product A Bᵀ; of A Aᵀ, from the diagonal on. */
function eachRow(a: FeatureRows, b: FeatureRows, visit: (i: number, products: Float64Array) => void): void {
  const { dim } = a;
  const symmetric = a === b;
  // A band of a's rows, then as many of b's.
  const rows = new Float64Array(2 * band * dim);
  const products = new Float64Array(band * b.count);
  for (let top = 0; top < a.count; top += band) {
    const height = Math.min(band, a.count - top);
    rows.set(a.data.subarray(top * dim, (top + height) * dim));
    for (let left = symmetric ? top : 0; left < b.count; left += band) {
      const width = Math.min(band, b.count - left);
      rows.set(b.data.subarray(left * dim, (left + width) * dim), band * dim);
      for (let i = 0; i < height; i++) {
        for (let j = symmetric && left === top ? i : 0; j < width; j++)
          products[i * b.count + left + j] = dotOfRows(rows, i * dim, (band + j) * dim, dim);
      }
    }
    for (let i = 0; i < height; i++) visit(top + i, products.subarray(i * b.count, (i + 1) * b.count));
  }
}

/** x·x of each row, the same numbers that `measurePairs` passes on the diagonal. */
export function squaredNorms({ count, dim, data }: FeatureRows): Float64Array {
  const row = new Float64Array(dim);
  return Float64Array.from({ length: count }, (_, i) => {
    row.set(data.subarray(i * dim, (i + 1) * dim));
    return dotOfRows(row, 0, 0, dim);
  });
}
