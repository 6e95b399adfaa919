import { RandomStream } from '../core/index.ts';
import type { Grams } from './kept-features.ts';

/** Options of `kernelDistance`. */
export interface KernelDistanceOptions {
  /** Default 100. */
  readonly subsets?: number;
  /** Features of each side in a subset, at most as many as there are; default 1000. */
  readonly subsetSize?: number;
  readonly seed: number;
}

/** The squared maximum mean discrepancy over subsets. */
export interface KernelDistance {
  readonly mean: number;
  /** The standard deviation over subsets (divisor: their number). They overlap, so it is no error of the mean. */
  readonly std: number;
  readonly subsetSize: number;
}

/** Bińkowski et al., section 4: as many as their released code draws. */
export const kernelDistanceDefaults = { subsets: 100, subsetSize: 1000 } as const;

/**
 * The kernel distance (KID): the mean over random subsets of the unbiased squared MMD with the kernel k(x, y) = (x·y/D + 1)³.
 *
 *     (Σ_{i≠j} k(x_i, x_j) + Σ_{i≠j} k(y_i, y_j)) / (m (m − 1)) − 2 Σ k(x_i, y_j) / m²
 *
 * Unlike the Fréchet distance it has no bias, and may be negative.
 *
 * @throws if a side has fewer than two features
 * @see Bińkowski et al. 2018, eq. 4 — https://arxiv.org/abs/1801.01401
 */
export function kernelDistance({ dim, a, b, aa, bb, ab }: Grams, { subsets = kernelDistanceDefaults.subsets, subsetSize = kernelDistanceDefaults.subsetSize, seed }: KernelDistanceOptions): KernelDistance {
  const m = Math.min(subsetSize, a, b);
  if (m < 2) throw new Error(`kernelDistance: needs at least two samples of each side, got ${a} and ${b}`);
  const kernel = (product: number) => (product / dim + 1) ** 3;
  const [kaa, kbb, kab] = [aa.map(kernel), bb.map(kernel), ab.map(kernel)];
  const values = Array.from({ length: subsets }, (_, subset) => {
    const choose = (side: string, count: number) => new RandomStream(seed, `kernel distance ${side}`, subset).permutation(count).subarray(0, m);
    return squaredDiscrepancy(kaa, kbb, kab, choose('a', a), choose('b', b), a, b);
  });
  const mean = values.reduce((sum, value) => sum + value, 0) / subsets;
  return { mean, std: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / subsets), subsetSize: m };
}

function squaredDiscrepancy(kaa: Float64Array, kbb: Float64Array, kab: Float64Array, chosenA: Uint32Array, chosenB: Uint32Array, a: number, b: number): number {
  const m = chosenA.length;
  let [within, between] = [0, 0];
  for (let i = 0; i < m; i++) {
    const [ai, bi] = [chosenA[i]! * a, chosenB[i]! * b];
    const aiB = chosenA[i]! * b;
    for (let j = 0; j < m; j++) {
      if (j !== i) within += kaa[ai + chosenA[j]!]! + kbb[bi + chosenB[j]!]!;
      between += kab[aiB + chosenB[j]!]!;
    }
  }
  return within / (m * (m - 1)) - (2 * between) / (m * m);
}
