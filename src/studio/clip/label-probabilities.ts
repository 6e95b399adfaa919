/**
 * The softmax of scaled cosines: what `ZeroShotClassifier.classify` does, of all labels in their order.
 *
 * @returns shares of 1
 */
export function labelProbabilities(cosines: readonly number[], scale: number): number[] {
  const largest = Math.max(...cosines);
  const weights = cosines.map((cosine) => Math.exp(scale * (cosine - largest)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
