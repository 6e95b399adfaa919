import { RandomStream, type FloatArray } from '../core/index.ts';
import { pictureBatches, type DatasetContent } from '../data/index.ts';
import type { FeatureExtractor } from './feature-extractor.ts';
import { distancesOf, FeatureCollector, type Distances, type FeatureSet } from './feature-set.ts';
import { quantize } from './quantize.ts';

/** Options of an evaluation on features. */
export interface ComparisonOptions {
  /** Pictures of each side. */
  readonly count: number;
  readonly seed: number;
  /** Features kept for what compares pairs; default 2000. */
  readonly kept?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** 2,000 vectors of the Inception's length are 16 MB, and their inner products take seconds. */
export const comparisonDefaults = { kept: 2000, batchSize: 50 } as const;

/** What generated pictures are compared with, and how far real ones are from each other. */
export interface RealFeatures {
  /** N real pictures, or all there are. */
  readonly reference: FeatureSet;
  /** The distances of two disjoint halves of the data, of N pictures each where there are 2 N: what a perfect model would have. */
  readonly floor: Distances & { readonly count: number };
}

/** What was measured, with all that a number needs to mean something. */
export interface Comparison extends Distances {
  readonly extractor: string;
  readonly isFid: boolean;
  readonly dim: number;
  readonly count: number;
  readonly referenceCount: number;
  readonly seed: number;
  readonly floor: RealFeatures['floor'];
}

/** Fewer than this on a side cannot have a third nearest neighbor. */
const fewest = 4;

/**
 * Extracts the features of real pictures, chosen at random by the seed, each once.
 *
 * @throws if there are fewer than eight, or the signal's reason when it aborts
 */
export async function realFeatures(extractor: FeatureExtractor, data: DatasetContent, { count, seed, kept = comparisonDefaults.kept, signal, onProgress }: ComparisonOptions): Promise<RealFeatures> {
  const half = Math.min(count, Math.floor(data.count / 2));
  if (half < fewest) throw new Error(`evaluate: a distance needs at least ${2 * fewest} real pictures and ${fewest} generated, got ${data.count} and ${count}`);
  const wanted = Math.min(count, data.count);
  const total = Math.max(wanted, 2 * half);
  const places = new RandomStream(seed, 'real pictures', 0).permutation(data.count).subarray(0, total);
  const collect = (most: number) => new FeatureCollector(extractor.dim, { most, seed });
  const [first, second, reference] = [collect(kept), collect(kept), wanted === half ? undefined : collect(kept)];
  for (const { images, first: start, count: found } of pictureBatches(data, comparisonDefaults.batchSize, places)) {
    signal?.throwIfAborted();
    const features = await extractor.extract(images);
    const until = (end: number) => Math.min(Math.max(end - start, 0), found);
    first.add(features, 0, until(half));
    second.add(features, until(half), until(2 * half));
    reference?.add(features, 0, until(wanted));
    onProgress?.(start + found, total);
  }
  const [a, b] = [first.finish(), second.finish()];
  return { reference: reference?.finish() ?? a, floor: { ...distancesOf(b, a, { seed }), count: half } };
}

/**
 * Extracts the features of generated pictures as they come, and compares them with the real ones.
 *
 * @param pictures  [B, C, H, W] about −1 … 1, batch by batch; rounded to 256 levels first
 */
export async function compare(extractor: FeatureExtractor, pictures: AsyncIterable<FloatArray>, { reference, floor }: RealFeatures, { seed, kept = comparisonDefaults.kept, signal }: Pick<ComparisonOptions, 'seed' | 'kept' | 'signal'>): Promise<Comparison> {
  const collector = new FeatureCollector(extractor.dim, { most: kept, seed });
  for await (const images of pictures) {
    signal?.throwIfAborted();
    collector.add(await extractor.extract(quantize(images)));
  }
  const generated = collector.finish();
  const { name, isFid, dim } = extractor;
  return { ...distancesOf(generated, reference, { seed }), extractor: name, isFid, dim, count: generated.moments.count, referenceCount: reference.moments.count, seed, floor };
}
