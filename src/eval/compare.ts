import { RandomStream, type FloatArray } from '../core/index.ts';
import { imageBatches, type DatasetContent } from '../data/index.ts';
import { Agreement } from './class-head.ts';
import type { FeatureExtractor } from './feature-extractor.ts';
import { distancesOf, FeatureCollector, type Distances, type FeatureSet } from './feature-set.ts';
import { quantize } from './quantize.ts';

/** Options of an evaluation on features. */
export interface ComparisonOptions {
  /** Images of each side. */
  readonly count: number;
  readonly seed: number;
  /** Features kept for what compares pairs; default 2000. */
  readonly kept?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** 2,000 vectors of the Inception's length are 16 MB, and their inner products take seconds. */
export const comparisonDefaults = { kept: 2000, batchSize: 50 } as const;

/** How well images show the class that they are of. */
export interface Accuracy {
  /** The share of them that the extractor, being a classifier of the same classes, takes for what they should be. */
  readonly accuracy?: number;
}

/** What generated images are compared with, and how far real ones are from each other. */
export interface RealFeatures {
  /** N real images, or all there are. */
  readonly reference: FeatureSet;
  /** The distances of two disjoint halves of the data, of N images each where there are 2 N: what a perfect model would have. */
  readonly realBaseline: Distances & Accuracy & { readonly count: number };
}

/** What was measured, with all that a number needs to mean something. */
export interface FeatureComparison extends Distances, Accuracy {
  readonly extractor: string;
  readonly isFid: boolean;
  readonly dim: number;
  readonly count: number;
  readonly referenceCount: number;
  readonly seed: number;
  readonly realBaseline: RealFeatures['realBaseline'];
}

/** Of each generated image, in their order. */
export interface WantedClasses {
  readonly names: readonly string[];
  readonly labels: readonly number[];
}

/** Images that a distance needs on a side: fewer cannot have a third nearest neighbor. */
export const fewestImages = 4;

/**
 * Extracts the features of real images, chosen at random by the seed, each once.
 *
 * @throws if there are fewer than eight, or the signal's reason when it aborts
 */
export async function realFeatures(
  extractor: FeatureExtractor,
  data: DatasetContent,
  { count, seed, kept = comparisonDefaults.kept, signal, onProgress }: ComparisonOptions,
): Promise<RealFeatures> {
  const half = Math.min(count, Math.floor(data.count / 2));
  if (half < fewestImages)
    throw new Error(
      `evaluate: a distance needs at least ${2 * fewestImages} real images and ${fewestImages} generated, got ${data.count} and ${count}`,
    );
  const wanted = Math.min(count, data.count);
  const total = Math.max(wanted, 2 * half);
  const places = new RandomStream(seed, 'real pictures', 0).permutation(data.count).subarray(0, total);
  const agreement = agreementWith(extractor, data.classNames);
  const collect = (most: number) => new FeatureCollector(extractor.dim, { most, seed });
  const [first, second, reference] = [collect(kept), collect(kept), wanted === half ? undefined : collect(kept)];
  for (const { images, first: start, count: found } of imageBatches(data, comparisonDefaults.batchSize, places)) {
    signal?.throwIfAborted();
    const features = await extractor.extract(images);
    const until = (end: number) => Math.min(Math.max(end - start, 0), found);
    first.add(features, 0, until(half));
    second.add(features, until(half), until(2 * half));
    reference?.add(features, 0, until(wanted));
    agreement?.add(features, (row) => (row < found ? (data.labels?.[places[start + row]!] ?? -1) : -1));
    onProgress?.(start + found, total);
  }
  const [a, b] = [first.finish(), second.finish()];
  return {
    reference: reference?.finish() ?? a,
    realBaseline: { ...distancesOf(b, a, { seed }), ...accuracyOf(agreement), count: half },
  };
}

/**
 * Extracts the features of generated images as they come, and compares them with the real ones.
 *
 * @param images  [B, C, H, W] about −1 … 1, batch by batch; rounded to 256 levels first
 * @param options.classes  what each image should show, and what the classes are called; their accuracy is measured where the extractor has the same class names
 */
export async function compareFeatures(
  extractor: FeatureExtractor,
  samples: AsyncIterable<FloatArray>,
  { reference, realBaseline }: RealFeatures,
  {
    seed,
    kept = comparisonDefaults.kept,
    signal,
    classes,
  }: Pick<ComparisonOptions, 'seed' | 'kept' | 'signal'> & { readonly classes?: WantedClasses | undefined },
): Promise<FeatureComparison> {
  const collector = new FeatureCollector(extractor.dim, { most: kept, seed });
  const agreement = agreementWith(extractor, classes?.names);
  let done = 0;
  for await (const images of samples) {
    signal?.throwIfAborted();
    const features = await extractor.extract(quantize(images));
    collector.add(features);
    agreement?.add(features, (row) => classes!.labels[done + row]!);
    done += images.shape[0]!;
  }
  const generated = collector.finish();
  const { name, isFid, dim } = extractor;
  return {
    ...distancesOf(generated, reference, { seed }),
    ...accuracyOf(agreement),
    extractor: name,
    isFid,
    dim,
    count: generated.moments.count,
    referenceCount: reference.moments.count,
    seed,
    realBaseline,
  };
}

/** Null where the extractor is no classifier of these classes: other names are other classes. */
function agreementWith({ classes }: FeatureExtractor, names: readonly string[] | undefined): Agreement | null {
  return classes && names && names.join('\n') === classes.names.join('\n') ? new Agreement(classes) : null;
}

function accuracyOf(agreement: Agreement | null): Accuracy {
  const accuracy = agreement?.share;
  return accuracy === undefined ? {} : { accuracy };
}
