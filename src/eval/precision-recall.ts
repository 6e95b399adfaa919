import type { Grams } from './kept-features.ts';

/** How much of each set lies within the other. */
export interface PrecisionRecall {
  /** The share of generated features within the manifold of the real ones: fidelity. */
  readonly precision: number;
  /** The share of real features within the manifold of the generated ones: diversity. */
  readonly recall: number;
}

/** Neighbors of Kynkäänniemi et al., section 3.1. */
const neighbors = 3;

/**
 * Improved precision and recall: a set's manifold is the union of balls around its features, each as wide as the distance to the third nearest
 * other one of the set.
 *
 * @param products  a is generated, b real
 * @throws if a side has no more features than neighbors
 * @see Kynkäänniemi et al. 2019, eq. 1 and 2 — https://arxiv.org/abs/1904.06991
 */
export function precisionRecall({ a, b, aa, bb, ab }: Grams): PrecisionRecall {
  if (Math.min(a, b) <= neighbors) throw new Error(`precisionRecall: needs more than ${neighbors} samples of each side, got ${a} and ${b}`);
  const squaredRadii = (products: Float64Array, count: number) => Float64Array.from({ length: count }, (_, i) => {
    const distances = Float64Array.from({ length: count }, (_, j) => (j === i ? Infinity : products[i * count + i]! - 2 * products[i * count + j]! + products[j * count + j]!));
    return distances.sort()[neighbors - 1]!;
  });
  const [radiiA, radiiB] = [squaredRadii(aa, a), squaredRadii(bb, b)];
  const insideB = new Uint8Array(a);
  const insideA = new Uint8Array(b);
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      const squared = aa[i * a + i]! - 2 * ab[i * b + j]! + bb[j * b + j]!;
      if (squared <= radiiB[j]!) insideB[i] = 1;
      if (squared <= radiiA[i]!) insideA[j] = 1;
    }
  }
  const share = (inside: Uint8Array) => inside.reduce((sum, each) => sum + each, 0) / inside.length;
  return { precision: share(insideB), recall: share(insideA) };
}
