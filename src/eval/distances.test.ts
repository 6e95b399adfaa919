import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hashed } from '../../test/golden/hashed.ts';
import { RandomStream } from '../core/index.ts';
import { frechetDistance } from './frechet-distance.ts';
import { FeatureReservoir, type FeatureRows } from './feature-reservoir.ts';
import { kernelDistance } from './kernel-distance.ts';
import { pivotedCholesky, symmetricEigenvalues, traceOfRoot } from './linear-algebra.ts';
import { StreamingMoments, type FeatureMoments } from './moments.ts';
import { precisionRecall } from './precision-recall.ts';

interface Case {
  readonly countA: number;
  readonly countB: number;
  readonly dim: number;
  readonly scale: number;
  readonly frechet: number;
  readonly kernel: number;
  readonly precision: number;
  readonly recall: number;
  readonly firstA: readonly number[];
}

interface FewCase {
  readonly countA: number;
  readonly countB: number;
  readonly dim: number;
  /** The last feature is e^−decay times as wide as the first. */
  readonly decay: number;
  readonly frechet: number;
}

const golden = JSON.parse(
  readFileSync(new URL('../../test/golden/feature-distances.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[]; readonly frechetOfFew: readonly FewCase[] };

/** As in feature-distances.py. */
function features(count: number, dim: number, seed: number, scale: number): FeatureRows {
  const [own, values] = [hashed(count, seed), hashed(count * dim, seed + 1)];
  const data = Float32Array.from(values, (x, i) =>
    (i % dim) % 5 === 0 ? 0 : scale * x + own[Math.floor(i / dim)]! ** 2 * ((i % dim) / dim),
  );
  return { count, dim, data };
}

/** As in feature-distances.py. */
function decaying(count: number, dim: number, seed: number, decay: number): FeatureRows {
  const values = hashed(count * dim, seed);
  return { count, dim, data: Float32Array.from(values, (x, i) => x * Math.exp((-decay * (i % dim)) / dim)) };
}

const rowsOf = ({ count, dim, data }: FeatureRows) =>
  Array.from({ length: count }, (_, i) => data.subarray(i * dim, (i + 1) * dim));
const first = ({ dim, data }: FeatureRows, count: number): FeatureRows => ({
  count,
  dim,
  data: data.subarray(0, count * dim),
});

function momentsOf(rows: Iterable<ArrayLike<number>>, dim: number): FeatureMoments {
  const moments = new StreamingMoments(dim);
  for (const row of rows) moments.add(row);
  return moments.finish();
}

describe.each(golden.cases)(
  '$countA and $countB features of $dim dimensions',
  ({ countA, countB, dim, scale, firstA, ...expected }) => {
    const [a, b] = [features(countA, dim, 1, scale), features(countB, dim, 3, 1)];

    test('are those of the Python program', () => {
      expect([...a.data.subarray(0, 3)]).toEqual(firstA);
    });

    // scipy's root of a singular product is itself good to about 1e-7.
    test("have scipy's Fréchet distance", () => {
      const [ma, mb] = [momentsOf(rowsOf(a), dim), momentsOf(rowsOf(b), dim)];
      expect(Math.abs(frechetDistance(ma, mb) / expected.frechet - 1)).toBeLessThan(1e-5);
      expect(frechetDistance(mb, ma)).toBeCloseTo(frechetDistance(ma, mb), 6);
    });

    test("have numpy's kernel distance, precision and recall", () => {
      const m = Math.min(countA, countB);
      const { mean, std } = kernelDistance(first(a, m), first(b, m), { seed: 0, subsets: 2, subsetSize: m });
      expect(Math.abs(mean / expected.kernel - 1)).toBeLessThan(1e-8);
      // Subsets of everything are all the same.
      expect(std).toBeLessThan(1e-12);
      // The value is that of all features, whatever the subsets are; those of halves differ.
      const halves = kernelDistance(first(a, m), first(b, m), { seed: 0 });
      expect(Math.abs(halves.mean / expected.kernel - 1)).toBeLessThan(1e-8);
      expect(halves.subsetSize).toBe(m / 2);
      expect(halves.std).toBeGreaterThan(0);
      expect(precisionRecall(a, b)).toEqual({ precision: expected.precision, recall: expected.recall });
    });
  },
);

describe('the Fréchet distance', () => {
  const gaussian = (mean: number[], covariance: number[]): FeatureMoments => ({
    count: 10,
    dim: mean.length,
    mean: Float64Array.from(mean),
    covariance: Float64Array.from(covariance),
  });

  test('of Gaussians with diagonal covariances is that of their means and standard deviations', () => {
    const [a, b] = [
      gaussian([0, 1, 2], [4, 0, 0, 0, 9, 0, 0, 0, 0]),
      gaussian([1, 1, 0], [1, 0, 0, 0, 16, 0, 0, 0, 4]),
    ];
    expect(frechetDistance(a, b)).toBeCloseTo(1 + 0 + 4 + (2 - 1) ** 2 + (3 - 4) ** 2 + 2 ** 2, 12);
  });

  test('of features to themselves is zero, also when there are fewer than dimensions', () => {
    const rows = rowsOf(features(20, 50, 7, 1));
    const moments = momentsOf(rows, 50);
    const trace = Array.from({ length: 50 }, (_, i) => moments.covariance[i * 51]!).reduce((sum, x) => sum + x);
    expect(Math.abs(frechetDistance(moments, moments)) / trace).toBeLessThan(1e-6);
  });

  test('refuses features of different lengths', () => {
    expect(() => frechetDistance(gaussian([0], [1]), gaussian([0, 0], [1, 0, 0, 1]))).toThrow(
      'frechetDistance: features of 1 and of 2 dimensions cannot be compared; extract both with one network',
    );
  });
});

describe('streaming moments', () => {
  test('are those of all rows at once, however far the mean is from zero', () => {
    const random = new RandomStream(3, 'moments', 0);
    const rows = Array.from({ length: 1000 }, () =>
      Float64Array.from({ length: 3 }, (_, i) => 1e6 * (i + 1) + random.normal()),
    );
    const { mean, covariance } = momentsOf(rows, 3);
    for (const i of [0, 1, 2]) {
      const average = rows.reduce((sum, row) => sum + row[i]! - 1e6 * (i + 1), 0) / 1000;
      expect(mean[i]! - 1e6 * (i + 1)).toBeCloseTo(average, 8);
      for (const j of [0, 1, 2]) {
        const direct = rows.reduce((sum, row) => sum + (row[i]! - mean[i]!) * (row[j]! - mean[j]!), 0) / 999;
        expect(covariance[i * 3 + j]).toBeCloseTo(direct, 8);
      }
    }
  });

  test('need two rows', () => {
    expect(() => momentsOf([[1]], 1)).toThrow('moments: a covariance needs at least two samples, got 1');
  });
});

describe('symmetric matrices', () => {
  test('the eigenvalues of the second difference are 2 − 2 cos(kπ/(n + 1))', () => {
    const n = 60;
    // Mixed by a permutation, so that it is not tridiagonal to begin with.
    const order = new RandomStream(0, 'order', 0).permutation(n);
    const matrix = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (const [j, value] of [
        [i, 2],
        [i - 1, -1],
        [i + 1, -1],
      ] as const)
        if (j >= 0 && j < n) matrix[order[i]! * n + order[j]!] = value;
    }
    const found = symmetricEigenvalues(matrix, n);
    for (let k = 1; k <= n; k++) expect(found[k - 1]).toBeCloseTo(2 - 2 * Math.cos((k * Math.PI) / (n + 1)), 12);
  });

  test('a singular matrix is the product of its factor with itself, which has as many rows as the rank', () => {
    for (const [n, rank] of [
      [12, 5],
      [80, 40],
      [70, 70],
    ] as const) {
      const values = hashed(n * rank, 11);
      const a = new Float64Array(n * n);
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++)
          for (let k = 0; k < rank; k++) a[i * n + j]! += values[i * rank + k]! * values[j * rank + k]!;
      const factor = pivotedCholesky(a, n);
      expect(factor.rank).toBe(rank);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let k = 0; k < rank; k++) sum += factor.rows[k * n + i]! * factor.rows[k * n + j]!;
          expect(sum).toBeCloseTo(a[i * n + j]!, 11);
        }
      }
      // The root of A A is A.
      let trace = 0;
      for (let i = 0; i < n; i++) trace += a[i * n + i]!;
      expect(traceOfRoot(factor, factor, n) / trace).toBeCloseTo(1, 12);
    }
  });

  test('values that are not finite are said', () => {
    expect(() => symmetricEigenvalues(Float64Array.of(1, NaN, NaN, 1), 2)).toThrow('the matrix holds NaN');
  });
});

describe('the Fréchet distance of few features', () => {
  test.each(golden.frechetOfFew)(
    "of $countA and $countB in $dim dimensions is numpy's to 1e-6",
    ({ countA, countB, dim, decay, frechet }) => {
      const [a, b] = [decaying(countA, dim, 21, decay), decaying(countB, dim, 23, decay)].map((rows) =>
        momentsOf(rowsOf(rows), dim),
      ) as [FeatureMoments, FeatureMoments];
      expect(Math.abs(frechetDistance(a, b) / frechet - 1)).toBeLessThan(1e-6);
      expect(Math.abs(frechetDistance(b, a) / frechet - 1)).toBeLessThan(1e-6);
    },
  );
});

describe('kept features', () => {
  test('are all of a few, and a fair sample of many', () => {
    const few = new FeatureReservoir(1, 10, 0);
    for (let i = 0; i < 7; i++) few.add([i]);
    expect([...few.rows().data]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const chosen = new Float64Array(40);
    for (let seed = 0; seed < 2000; seed++) {
      const kept = new FeatureReservoir(1, 10, seed);
      for (let i = 0; i < 40; i++) kept.add([i]);
      for (const i of kept.rows().data) chosen[i]!++;
    }
    // Each is kept in a quarter of 2,000 trials: five standard deviations are 97.
    for (const times of chosen) expect(Math.abs(times - 500)).toBeLessThan(97);
  });
});

describe('the kernel distance', () => {
  test('of two samples of one distribution is zero on the average, and may be negative', () => {
    const found = Array.from({ length: 100 }, (_, i) =>
      kernelDistance(features(60, 8, 100 + 4 * i, 1), features(60, 8, 102 + 4 * i, 1), { seed: i, subsets: 40 }),
    );
    const values = found.map(({ mean: value }) => value);
    const mean = values.reduce((sum, x) => sum + x) / 100;
    const spread = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 99);
    expect(Math.abs(mean)).toBeLessThan(0.4 * spread);
    expect(Math.min(...values)).toBeLessThan(0);
    // Here the ± is √3 of what other samples would change: the distance is an average of products that are zero on the average.
    const error = Math.sqrt(found.reduce((sum, { std }) => sum + std ** 2, 0) / 100);
    expect(Math.abs(error / spread / Math.sqrt(3) - 1)).toBeLessThan(0.3);
  });

  test('is the mean over all subsets there are, and its ± their standard deviation', () => {
    const [a, b] = [features(5, 3, 20, 1), features(4, 3, 22, 1.3)];
    const pairsOf = (count: number) =>
      Array.from({ length: count }, (_, i) => Array.from({ length: i }, (__, j) => [j, i] as const)).flat();
    const rows = (of: FeatureRows, places: readonly number[]) => ({
      ...of,
      count: places.length,
      data: Float32Array.from(places.flatMap((i) => [...of.data.subarray(3 * i, 3 * i + 3)])),
    });
    const kernel = (x: Float32Array, y: Float32Array) =>
      (x.reduce((sum, each, i) => sum + each * y[i]!, 0) / 3 + 1) ** 3;
    // By the definition, for the ten pairs of the one side with the six of the other.
    const values = pairsOf(5).flatMap((s) =>
      pairsOf(4).map((t) => {
        const [[x0, x1], [y0, y1]] = [rowsOf(rows(a, s)), rowsOf(rows(b, t))] as [
          [Float32Array, Float32Array],
          [Float32Array, Float32Array],
        ];
        return (
          kernel(x0, x1) + kernel(y0, y1) - (kernel(x0, y0) + kernel(x0, y1) + kernel(x1, y0) + kernel(x1, y1)) / 2
        );
      }),
    );
    const mean = values.reduce((sum, x) => sum + x) / 60;
    const std = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / 60);
    const found = kernelDistance(a, b, { seed: 0, subsets: 20_000 });
    expect(found.subsetSize).toBe(2);
    expect(found.mean).toBeCloseTo(mean, 12);
    // A deviation of 20,000 draws is good to about a hundredth.
    expect(Math.abs(found.std / std - 1)).toBeLessThan(0.03);
  });

  test('of two distributions has a ± of about what other samples would change', () => {
    const found = Array.from({ length: 100 }, (_, i) =>
      kernelDistance(features(100, 8, 1000 + 4 * i, 1), features(100, 8, 1002 + 4 * i, 1.4), { seed: i, subsets: 40 }),
    );
    const mean = found.reduce((sum, { mean: value }) => sum + value, 0) / 100;
    const spread = Math.sqrt(found.reduce((sum, { mean: value }) => sum + (value - mean) ** 2, 0) / 99);
    const error = Math.sqrt(found.reduce((sum, { std }) => sum + std ** 2, 0) / 100);
    // A deviation of a hundred samples is good to 7 %; three times that.
    expect(Math.abs(error / spread - 1)).toBeLessThan(0.21);
  });

  test('refuses subsets larger than a side, and features of different lengths', () => {
    const [three, nine] = [features(3, 4, 0, 1), features(9, 4, 2, 1)];
    expect(() => kernelDistance(three, nine, { seed: 0, subsetSize: 4 })).toThrow(
      'kernelDistance: subsets of 4 cannot be drawn from 3 and 9 samples',
    );
    expect(() => kernelDistance(three, features(3, 5, 0, 1), { seed: 0 })).toThrow(
      'measurePairs: features of 4 and of 5 dimensions cannot be compared; extract both with one network',
    );
  });

  test('and precision need a few samples', () => {
    const [one, three] = [features(1, 4, 0, 1), features(3, 4, 0, 1)];
    expect(() => kernelDistance(one, three, { seed: 0 })).toThrow(
      'kernelDistance: needs at least two samples of each side, got 1 and 3',
    );
    expect(() => precisionRecall(three, three)).toThrow(
      'precisionRecall: needs more than 3 samples of each side, got 3 and 3',
    );
  });
});
