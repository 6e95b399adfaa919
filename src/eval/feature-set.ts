import type { FloatArray } from '../core/index.ts';
import { frechetDistance } from './frechet-distance.ts';
import { measurePairs } from './inner-products.ts';
import { FeatureReservoir, type FeatureRows } from './feature-reservoir.ts';
import { kernelMeasure, type KernelDistance } from './kernel-distance.ts';
import { StreamingMoments, type FeatureMoments } from './moments.ts';
import { manifoldMeasure } from './precision-recall.ts';

/** What is known of a set of images. */
export interface FeatureSet {
  readonly moments: FeatureMoments;
  readonly kept: FeatureRows;
}

/** Gathers what is compared of a stream of features, in memory that is fixed from the start. */
export class FeatureCollector {
  readonly #moments: StreamingMoments;
  readonly #kept: FeatureReservoir;
  readonly #dim: number;

  /** @param most  features kept for what compares pairs */
  constructor(dim: number, { most, seed }: { readonly most: number; readonly seed: number }) {
    this.#dim = dim;
    this.#moments = new StreamingMoments(dim);
    this.#kept = new FeatureReservoir(dim, most, seed);
  }

  /** @param features  [B, D] */
  add(features: FloatArray, from = 0, to = features.shape[0]!): void {
    for (let b = from; b < to; b++) {
      const row = features.data.subarray(b * this.#dim, (b + 1) * this.#dim);
      this.#moments.add(row);
      this.#kept.add(row);
    }
  }

  /** @throws if there are fewer than two */
  finish(): FeatureSet {
    return { moments: this.#moments.finish(), kept: this.#kept.rows() };
  }
}

/** Distances between two sets. */
export interface Distances {
  readonly frechetDistance: number;
  readonly kernelDistance: KernelDistance;
  readonly precision: number;
  readonly recall: number;
  /** Features of each side that kernel distance, precision and recall are computed from. */
  readonly kept: readonly [number, number];
}

/** @param generated  whose fidelity is the precision */
export function distancesOf(generated: FeatureSet, real: FeatureSet, { seed }: { readonly seed: number }): Distances {
  const [kernel, manifolds] = [
    kernelMeasure(generated.kept, real.kept, { seed }),
    manifoldMeasure(generated.kept, real.kept),
  ];
  measurePairs(generated.kept, real.kept, [kernel, manifolds]);
  return {
    frechetDistance: frechetDistance(generated.moments, real.moments),
    kernelDistance: kernel.finish(),
    ...manifolds.finish(),
    kept: [generated.kept.count, real.kept.count],
  };
}
