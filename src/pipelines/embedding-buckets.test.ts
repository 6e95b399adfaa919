import { expect, test } from 'vitest';
import { float32, type FloatArray } from '../core/index.ts';
import {
  bucketOf,
  bucketsOfWeights,
  bucketWeights,
  embeddingsOfBuckets,
  fitEmbeddingBuckets,
  heldVariance,
  quantileEdges,
  quantizedEmbeddings,
} from './embedding-buckets.ts';

/** Evenly spaced values around 0, of deviation 1. */
const levels = (count: number) =>
  Array.from({ length: count }, (_, i) => (i - (count - 1) / 2) / Math.sqrt((count ** 2 - 1) / 12));

/** [200, 3], a grid around (1, 2, 3): a deviation of 3 along (0.6, 0.8, 0), of 1 along (−0.8, 0.6, 0), of `third` along the last axis. */
function embeddings(third: number): FloatArray {
  const rows = levels(10).flatMap((a) =>
    levels(5).flatMap((b) => levels(4).map((c) => [1 + 1.8 * a - 0.8 * b, 2 + 2.4 * a + 0.6 * b, 3 + third * c])),
  );
  return float32([200, 3], Float32Array.from(rows.flat()));
}

const largest = (a: FloatArray, b: FloatArray, axis: number) =>
  Math.max(...Array.from({ length: 200 }, (_, n) => Math.abs(a.data[3 * n + axis]! - b.data[3 * n + axis]!)));

test('an embedding of all its components comes back within half a bucket of each', () => {
  const given = embeddings(0.5);
  const { buckets, ...fitted } = fitEmbeddingBuckets(given, { components: 3, count: 256 });
  expect(fitted.heldVariance).toBeCloseTo(1, 10);
  const quantized = quantizedEmbeddings(given, buckets);
  expect(quantized.shape).toEqual([200, 3]);
  const back = embeddingsOfBuckets(quantized, buckets);
  const half = Math.hypot(...buckets.width) / 2;
  for (const axis of [0, 1, 2]) expect(largest(given, back, axis)).toBeLessThan(half + 1e-5);
  // Every bucket is in range, and the first and the last are reached.
  const first = Array.from({ length: 200 }, (_, n) => Number(quantized.data[3 * n]));
  expect([Math.min(...first), Math.max(...first)]).toEqual([0, 255]);
});

test('the first components are those of the largest variance, and the rest is the mean', () => {
  const given = embeddings(0.1);
  const { buckets, nearlyAllComponents, ...fitted } = fitEmbeddingBuckets(given, { components: 1, count: 1024 });
  expect(Math.abs(buckets.components.data[0]! / buckets.components.data[1]!)).toBeCloseTo(0.75, 5);
  expect(fitted.heldVariance).toBeCloseTo(9 / 10.01, 6);
  expect(heldVariance(given, buckets.components)).toBeCloseTo(9 / 10.01, 6);
  expect(nearlyAllComponents).toBe(2);
  const back = embeddingsOfBuckets(quantizedEmbeddings(given, buckets), buckets);
  const spread = (axis: number) => {
    const column = Array.from({ length: 200 }, (_, n) => back.data[3 * n + axis]!);
    return Math.max(...column) - Math.min(...column);
  };
  expect(spread(2)).toBeLessThan(0.05 * spread(1));
});

test('what lies outside of the fitted range is in the first or the last bucket', () => {
  const { buckets } = fitEmbeddingBuckets(embeddings(0.5), { components: 2, count: 8 });
  const far = float32([2, 3], Float32Array.of(600, 800, 3, -600, -800, 3));
  const [a, , b] = Array.from(quantizedEmbeddings(far, buckets).data, Number);
  expect([a!, b!].sort()).toEqual([0, 7]);
});

test('buckets come back from the weights that hold them', () => {
  const { buckets } = fitEmbeddingBuckets(embeddings(0.5), { components: 2, count: 8 });
  expect(bucketsOfWeights(bucketWeights(buckets), 8)).toEqual(buckets);
  expect(() => bucketsOfWeights(new Map(), 8)).toThrow('autoregressive prior: the weight clip_mean is missing');
});

test('more components than the embeddings spread along are refused', () => {
  expect(() => fitEmbeddingBuckets(embeddings(0), { components: 3, count: 8 })).toThrow(
    'embedding buckets: 3 components are asked for, and the embeddings of 200 images spread along 2; take at most so many',
  );
});

test('quantile edges make buckets of as many values each', () => {
  const values = Array.from({ length: 100 }, (_, i) => ((i * 37) % 100) ** 2);
  const edges = quantileEdges(values, 4);
  const counts = [0, 0, 0, 0];
  for (const value of values) counts[bucketOf(value, edges)]!++;
  expect(counts).toEqual([25, 25, 25, 25]);
});
