/** What charts show of many numbers. */

/** Mean and standard deviation. */
export function meanAndDeviation(values: ArrayLike<number>): { readonly mean: number; readonly deviation: number } {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    squares += values[i]! ** 2;
  }
  const mean = sum / values.length;
  return { mean, deviation: Math.sqrt(Math.max(0, squares / values.length - mean ** 2)) };
}

/** A histogram whose bars have the area 1; what lies outside is left out. */
export function histogram(
  values: ArrayLike<number>,
  [low, high]: readonly [number, number],
  count: number,
): (readonly [x0: number, x1: number, y: number])[] {
  const width = (high - low) / count;
  const counts = new Float64Array(count);
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor((values[i]! - low) / width);
    if (bin >= 0 && bin < count) counts[bin]! += 1;
  }
  return Array.from(counts, (n, i) => [low + i * width, low + (i + 1) * width, n / (values.length * width)] as const);
}

/** The density of N(0, deviation²), as points for a line. */
export function normalDensity(
  deviation: number,
  [low, high]: readonly [number, number],
  count = 120,
): (readonly [number, number])[] {
  return Array.from({ length: count + 1 }, (_, i) => {
    const x = low + ((high - low) * i) / count;
    return [x, Math.exp(-(x ** 2) / (2 * deviation ** 2)) / (deviation * Math.sqrt(2 * Math.PI))] as const;
  });
}

/** Numbers from a to b, both of them. */
export function spaced(a: number, b: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => a + ((b - a) * i) / (count - 1));
}

/** The mean of the squared differences. */
export function meanSquaredDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / a.length;
}
