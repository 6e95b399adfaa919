/** Image embeddings as short sequences of integers: principal components, each quantized into buckets. */
import { float32, type FloatArray, type HostArray, type HostArrays } from '../core/index.ts';
import { principalComponents } from './embedding-paths.ts';

/** How embeddings become buckets and back; what an autoregressive prior's weights hold. */
export interface EmbeddingBuckets {
  /** [D] */
  readonly mean: Float32Array;
  /** [K, D] orthonormal rows, the one of the largest variance first. */
  readonly components: FloatArray;
  /** [K] where the first bucket of each component begins. */
  readonly start: Float32Array;
  /** [K] how wide the buckets of each component are, above 0. */
  readonly width: Float32Array;
  /** V: buckets of each component. */
  readonly count: number;
}

/** What was found about embeddings when their buckets were laid out. */
export interface FittedBuckets {
  readonly buckets: EmbeddingBuckets;
  /** The share of the embeddings' variance that the components hold, 0 … 1. */
  readonly heldVariance: number;
  /** The fewest components that hold `nearlyAll` of it. */
  readonly nearlyAllComponents: number;
}

/** The share of the variance that counts as nearly all of it. */
export const nearlyAll = 0.99;

/** A component of less than this share of the first one's deviation is rounding: the embeddings do not reach it. */
const noDeviation = 1e-5;

/**
 * Lays out the buckets: as many of one width between the smallest and the largest value of each component.
 *
 * @param embeddings  [N, D]
 * @param components  K, at most D
 * @param count       V
 * @throws if the embeddings do not spread along so many components
 * @see Ramesh et al. 2022 (unCLIP), section 2.2 — https://arxiv.org/abs/2204.06125
 */
export function fitEmbeddingBuckets(
  embeddings: FloatArray,
  { components, count }: { readonly components: number; readonly count: number },
): FittedBuckets {
  const [images = 0, dim = 0] = embeddings.shape;
  const { mean, directions, variances } = principalComponents(embeddings);
  const rank = variances.findIndex((variance) => Math.sqrt(variance) <= noDeviation * Math.sqrt(variances[0]!));
  if (components > (rank < 0 ? dim : rank))
    throw new Error(
      `embedding buckets: ${components} components are asked for, and the embeddings of ${images} images spread along ${rank < 0 ? dim : rank}; take at most so many`,
    );
  const rows = new Float32Array(components * dim);
  directions.slice(0, components).forEach((direction, k) => rows.set(direction, k * dim));
  const kept = { mean: Float32Array.from(mean), components: float32([components, dim], rows) };
  const values = coordinates(embeddings, kept);
  const start = new Float32Array(components).fill(Infinity);
  const end = new Float32Array(components).fill(-Infinity);
  values.forEach((value, i) => {
    const k = i % components;
    start[k] = Math.min(start[k]!, value);
    end[k] = Math.max(end[k]!, value);
  });
  const total = variances.reduce((sum, variance) => sum + variance, 0);
  let held = 0;
  const shares = Array.from(variances, (variance) => (held += variance / total));
  return {
    buckets: { ...kept, start, width: start.map((from, k) => (end[k]! - from) / count), count },
    heldVariance: shares[components - 1]!,
    nearlyAllComponents: 1 + shares.findIndex((share) => share >= nearlyAll),
  };
}

/**
 * The share of the embeddings' variance along components, 0 … 1: Σ ⟨z − z̄, u_k⟩² / Σ ‖z − z̄‖².
 *
 * @param embeddings  [N, D]
 * @param components  [K, D] orthonormal rows
 */
export function heldVariance(embeddings: FloatArray, components: FloatArray): number {
  const [images = 0, dim = 0] = embeddings.shape;
  const mean = new Float64Array(dim);
  embeddings.data.forEach((value, i) => (mean[i % dim]! += value / images));
  const total = embeddings.data.reduce((sum, value, i) => sum + (value - mean[i % dim]!) ** 2, 0);
  return coordinates(embeddings, { mean, components }).reduce((sum, value) => sum + value ** 2, 0) / total;
}

/**
 * Embeddings as buckets: b_k = ⌊(⟨z − mean, u_k⟩ − start_k) / width_k⌋, what lies outside in the first or the last.
 *
 * @param embeddings  [N, D]
 * @returns           [N, K] of i64 in 0 … V − 1
 */
export function quantizedEmbeddings(embeddings: FloatArray, buckets: EmbeddingBuckets): HostArray {
  const [images = 0] = embeddings.shape;
  const { start, width, count } = buckets;
  const components = start.length;
  const data = BigInt64Array.from(coordinates(embeddings, buckets), (value, i) => {
    const k = i % components;
    return BigInt(Math.min(count - 1, Math.max(0, Math.floor((value - start[k]!) / width[k]!))));
  });
  return { dtype: 'i64', shape: [images, components], data };
}

/**
 * The embeddings at the middle of buckets; components that are not predicted are those of the mean.
 *
 * @param quantized  [N, K] in 0 … V − 1
 * @returns          [N, D]
 */
export function embeddingsOfBuckets(
  { shape: [images = 0], data: quantized }: Pick<HostArray, 'shape' | 'data'>,
  { mean, components, start, width }: EmbeddingBuckets,
): FloatArray {
  const dim = mean.length;
  const count = start.length;
  const data = new Float32Array(images * dim);
  for (let n = 0; n < images; n++) {
    const embedding = Float64Array.from(mean);
    for (let k = 0; k < count; k++) {
      const value = start[k]! + (Number(quantized[n * count + k]) + 0.5) * width[k]!;
      for (let d = 0; d < dim; d++) embedding[d]! += value * components.data[k * dim + d]!;
    }
    data.set(embedding, n * dim);
  }
  return float32([images, dim], data);
}

/** [N · K] of ⟨z − mean, u_k⟩. */
function coordinates(
  { shape: [images = 0, dim = 0], data }: FloatArray,
  { mean, components }: { readonly mean: ArrayLike<number>; readonly components: FloatArray },
): Float64Array {
  const count = components.shape[0]!;
  const values = new Float64Array(images * count);
  for (let n = 0; n < images; n++)
    for (let k = 0; k < count; k++) {
      let value = 0;
      for (let d = 0; d < dim; d++) value += (data[n * dim + d]! - mean[d]!) * components.data[k * dim + d]!;
      values[n * count + k] = value;
    }
  return values;
}

/**
 * Where values are cut so that each bucket has as many of them: the i-th is the i/n quantile.
 *
 * @param count  n of buckets
 * @returns      [n − 1], none below the one before; the values of equal ones leave a bucket empty
 */
export function quantileEdges(values: readonly number[], count: number): Float64Array {
  const sorted = Float64Array.from(values).sort();
  return Float64Array.from({ length: count - 1 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / count)]!);
}

/** The bucket of a value: how many edges it has reached. */
export function bucketOf(value: number, edges: Float64Array): number {
  let bucket = 0;
  while (bucket < edges.length && value >= edges[bucket]!) bucket++;
  return bucket;
}

/** The tensors that a prior's weights hold of the buckets, by their names. */
export function bucketWeights({ mean, components, start, width }: EmbeddingBuckets): HostArrays {
  const row = (values: Float32Array) => float32([1, values.length], values);
  return new Map<string, HostArray>([
    ['clip_mean', row(mean)],
    ['clip_components', components],
    ['bucket_start', row(start)],
    ['bucket_width', row(width)],
  ]);
}

/** The inverse of `bucketWeights`. @throws if one is missing */
export function bucketsOfWeights(weights: HostArrays, count: number): EmbeddingBuckets {
  const [mean, components, start, width] = ['clip_mean', 'clip_components', 'bucket_start', 'bucket_width'].map(
    (name) => {
      const found = weights.get(name) as FloatArray | undefined;
      if (!found) throw new Error(`autoregressive prior: the weight ${name} is missing`);
      return float32(found.shape, Float32Array.from(found.data));
    },
  );
  return {
    mean: mean!.data as Float32Array,
    components: components!,
    start: start!.data as Float32Array,
    width: width!.data as Float32Array,
    count,
  };
}
