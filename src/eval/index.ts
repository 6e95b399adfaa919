export {
  bitsPerDimension,
  type BitsPerDimension,
  type BitsPerDimensionOptions,
  type LikelihoodBatch,
} from './bits-per-dimension.ts';
export { Agreement, classHead, type ClassHead } from './class-head.ts';
export {
  compareFeatures,
  comparisonDefaults,
  fewestImages,
  realFeatures,
  type Accuracy,
  type FeatureComparison,
  type ComparisonOptions,
  type RealFeatures,
  type WantedClasses,
} from './compare.ts';
export type { FeatureExtractor } from './feature-extractor.ts';
export { distancesOf, FeatureCollector, type Distances, type FeatureSet } from './feature-set.ts';
export { frechetDistance } from './frechet-distance.ts';
export { FeatureReservoir, type FeatureRows } from './feature-reservoir.ts';
export {
  kernelDistance,
  kernelDistanceDefaults,
  type KernelDistance,
  type KernelDistanceOptions,
} from './kernel-distance.ts';
export { StreamingMoments, type FeatureMoments } from './moments.ts';
export { copyRatio, nearestPairs, nearestImages, type Nearest } from './nearest.ts';
export {
  linearProbe,
  nearestNeighbors,
  probeDefaults,
  type LabeledFeatures,
  type LinearProbe,
  type ProbeOptions,
} from './linear-probe.ts';
export type { FeatureOptions, FeatureSource } from './feature-source.ts';
export { defaultFeatures, type InceptionResize, inceptionResizes, readFeatures } from './open-features.ts';
export { precisionRecall, type PrecisionRecall } from './precision-recall.ts';
export { programFeatures } from './program-features.ts';
export { openAlignmentMeter, type AlignmentMeter, type TextAlignment } from './text-alignment.ts';
export { agreement, tuneProbe, type ProbeTrial, type TunedProbe } from './tune-probe.ts';
export { quantize } from './quantize.ts';
