import { RandomStream } from '../core/index.ts';
import { measurePairs, type PairMeasure } from './inner-products.ts';
import type { FeatureRows } from './feature-reservoir.ts';

/** Options of `kernelDistance`. */
export interface KernelDistanceOptions {
  /** Default 100. */
  readonly subsets?: number;
  /** Features of each side in a subset; default half of those of the smaller side. */
  readonly subsetSize?: number;
  readonly seed: number;
}

/** The squared maximum mean discrepancy, and how sure it is. */
export interface KernelDistance {
  /** Over all subsets there are, which is the discrepancy of all features. */
  readonly mean: number;
  /** The standard deviation over some subsets; of subsets of half the features, about the standard error of `mean`. */
  readonly std: number;
  readonly subsetSize: number;
}

/** Bińkowski et al., section 4: as many as their released code draws. */
export const kernelDistanceDefaults = { subsets: 100 } as const;

/**
 * The kernel distance (KID): the unbiased squared MMD with the kernel k(x, y) = (x·y/D + 1)³.
 *
 *     Σ_{i≠j} k(x_i, x_j) / (n (n − 1)) + Σ_{i≠j} k(y_i, y_j) / (m (m − 1)) − 2 Σ k(x_i, y_j) / (n m)
 *
 * Unlike the Fréchet distance it has no bias, and may be negative.
 *
 * The field takes the mean over 100 random subsets of 1000 of each side. The mean over all subsets there are is the formula
 * on all features, so that is taken, without the noise of a draw. The deviation is over subsets of half the features (1000 of
 * 2000): subsets of everything would all be the same, and that of halves needs no factor to be the error of the whole, by
 * the delete-half jackknife. It is larger than the error where both sides are of one distribution (by √3), and where one side
 * has more features, of which a subset is less than half.
 *
 * @param a  [n, D]
 * @param b  [m, D]
 * @throws if a side has fewer than two features, or fewer than a subset, or the dimensions differ
 * @see Bińkowski et al. 2018, eq. 4 — https://arxiv.org/abs/1801.01401; Shao & Wu 1989 (jackknife) — https://doi.org/10.1214/aos/1176347263
 */
export function kernelDistance(a: FeatureRows, b: FeatureRows, options: KernelDistanceOptions): KernelDistance {
  const measure = kernelMeasure(a, b, options);
  measurePairs(a, b, [measure]);
  return measure.finish();
}

/** The sums of the kernel over all pairs, or over those of one subset; pairs of one side once, not twice. */
interface KernelSums {
  a: number;
  b: number;
  between: number;
}

interface Subset extends KernelSums {
  /** The chosen features of each side, rising. */
  readonly chosen: { readonly a: Uint32Array; readonly b: Uint32Array };
  /** How many of them the rows have passed so far: within a, within b, and of a once more. */
  readonly passed: KernelSums;
}

/** `kernelDistance`, for `measurePairs`. */
export function kernelMeasure(
  { count: a, dim }: FeatureRows,
  { count: b }: FeatureRows,
  { subsets: wanted = kernelDistanceDefaults.subsets, subsetSize, seed }: KernelDistanceOptions,
): PairMeasure<KernelDistance> {
  const fewest = Math.min(a, b);
  if (fewest < 2) throw new Error(`kernelDistance: needs at least two samples of each side, got ${a} and ${b}`);
  const m = subsetSize ?? Math.max(2, Math.floor(fewest / 2));
  if (!(m >= 2 && m <= fewest))
    throw new Error(`kernelDistance: subsets of ${m} cannot be drawn from ${a} and ${b} samples`);
  const choose = (side: string, subset: number, count: number) =>
    new RandomStream(seed, `kernel distance ${side}`, subset).permutation(count).slice(0, m).sort();
  const nothing = () => ({ a: 0, b: 0, between: 0 });
  const subsets = Array.from({ length: wanted }, (_, s): Subset => ({
    ...nothing(),
    passed: nothing(),
    chosen: { a: choose('a', s, a), b: choose('b', s, b) },
  }));
  const all: KernelSums = nothing();
  const kernels = new Float64Array(Math.max(a, b));

  /** Adds the kernels of a row's products from place `from` on to the sums. */
  function add(sum: keyof KernelSums, i: number, products: Float64Array, from: number): void {
    for (let j = from; j < products.length; j++) {
      const base = products[j]! / dim + 1;
      all[sum] += kernels[j] = base * base * base;
    }
    for (const subset of subsets) {
      const { chosen, passed } = subset;
      if (chosen[sum === 'b' ? 'b' : 'a'][passed[sum]] !== i) continue;
      passed[sum]++;
      subset[sum] += sumAt(kernels, chosen[sum === 'a' ? 'a' : 'b'], sum === 'between' ? 0 : passed[sum]);
    }
  }

  return {
    within: (side, i, products) => add(side, i, products, i + 1),
    between: (i, products) => add('between', i, products, 0),
    finish() {
      const mean = squaredDiscrepancy(all, a, b);
      // Around the mean over all subsets, which is known.
      const variance =
        subsets.reduce((sum, subset) => sum + (squaredDiscrepancy(subset, m, m) - mean) ** 2, 0) / wanted;
      return { mean, std: Math.sqrt(variance), subsetSize: m };
    },
  };
}

function squaredDiscrepancy({ a, b, between }: KernelSums, n: number, m: number): number {
  return (2 * a) / (n * (n - 1)) + (2 * b) / (m * (m - 1)) - (2 * between) / (n * m);
}

/** The sum of the values at rising places, from one of them on. */
function sumAt(values: Float64Array, places: Uint32Array, from: number): number {
  let sum = 0;
  for (let p = from; p < places.length; p++) sum += values[places[p]!]!;
  return sum;
}
