/**
 * The inner product of two stretches of one array, in float64.
 *
 * Four sums at once: one alone waits for itself at every addition.
 */
export function dotOfRows(values: Float64Array, a: number, b: number, length: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = length - (length % 4);
  let k = 0;
  for (; k < whole; k += 4) {
    s0 += values[a + k]! * values[b + k]!;
    s1 += values[a + k + 1]! * values[b + k + 1]!;
    s2 += values[a + k + 2]! * values[b + k + 2]!;
    s3 += values[a + k + 3]! * values[b + k + 3]!;
  }
  for (; k < length; k++) s0 += values[a + k]! * values[b + k]!;
  return s0 + s1 + (s2 + s3);
}

/** Visits all pairs in squares of 32, whose rows stay in the cache. */
export function inTiles(rows: number, columns: number, visit: (i: number, j: number) => void): void {
  const tile = 32;
  for (let top = 0; top < rows; top += tile) {
    for (let left = 0; left < columns; left += tile) {
      for (let i = top; i < Math.min(top + tile, rows); i++)
        for (let j = left; j < Math.min(left + tile, columns); j++) visit(i, j);
    }
  }
}
