import { measurePairs, squaredNorms, type PairMeasure } from './inner-products.ts';
import type { FeatureRows } from './feature-reservoir.ts';

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
 * @param generated  [N, D]
 * @param real       [M, D]
 * @throws if a side has no more features than neighbors, or the dimensions differ
 * @see Kynkäänniemi et al. 2019, eq. 1 and 2 — https://arxiv.org/abs/1904.06991
 */
export function precisionRecall(generated: FeatureRows, real: FeatureRows): PrecisionRecall {
  const measure = manifoldMeasure(generated, real);
  measurePairs(generated, real, [measure]);
  return measure.finish();
}

/** `precisionRecall`, for `measurePairs`. */
export function manifoldMeasure(a: FeatureRows, b: FeatureRows): PairMeasure<PrecisionRecall> {
  if (Math.min(a.count, b.count) <= neighbors)
    throw new Error(
      `precisionRecall: needs more than ${neighbors} samples of each side, got ${a.count} and ${b.count}`,
    );
  const sideOf = (rows: FeatureRows) => ({
    norms: squaredNorms(rows),
    nearest: new Float64Array(rows.count * neighbors).fill(Infinity),
    inside: new Uint8Array(rows.count),
  });
  const sides = { a: sideOf(a), b: sideOf(b) };
  return {
    within(side, i, products) {
      const { norms, nearest } = sides[side];
      for (let j = i + 1; j < products.length; j++) {
        // Of each in its own order, as rounding has it.
        keepNearest(nearest, i, norms[i]! - 2 * products[j]! + norms[j]!);
        keepNearest(nearest, j, norms[j]! - 2 * products[j]! + norms[i]!);
      }
    },
    between(i, products) {
      const own = squaredRadius(sides.a.nearest, i);
      for (let j = 0; j < products.length; j++) {
        const squared = sides.a.norms[i]! - 2 * products[j]! + sides.b.norms[j]!;
        if (squared <= squaredRadius(sides.b.nearest, j)) sides.a.inside[i] = 1;
        if (squared <= own) sides.b.inside[j] = 1;
      }
    },
    finish: () => ({ precision: shareOf(sides.a.inside), recall: shareOf(sides.b.inside) }),
  };
}

/** Keeps the smallest squared distances of row i, rising. */
function keepNearest(nearest: Float64Array, i: number, squared: number): void {
  const first = i * neighbors;
  let place = first + neighbors - 1;
  if (!(squared < nearest[place]!)) return;
  for (; place > first && squared < nearest[place - 1]!; place--) nearest[place] = nearest[place - 1]!;
  nearest[place] = squared;
}

function squaredRadius(nearest: Float64Array, i: number): number {
  return nearest[(i + 1) * neighbors - 1]!;
}

function shareOf(inside: Uint8Array): number {
  return inside.reduce((sum, each) => sum + each, 0) / inside.length;
}
