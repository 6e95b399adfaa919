/** The value below which a fraction of the values lies, between two of them by linear interpolation. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = fraction * (sorted.length - 1);
  const below = Math.floor(at);
  return sorted[below]! + (at - below) * ((sorted[below + 1] ?? sorted[below]!) - sorted[below]!);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
