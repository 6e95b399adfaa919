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

/** Rows of a matrix in row-major order: row i begins at i · stride. */
export interface Rows {
  readonly data: Float64Array;
  readonly count: number;
  readonly stride: number;
}

/** Rows of the second operand at a time: they stay in the cache while all of the first go by. */
const band = 32;

/**
 * Passes the inner products of the rows of a with the rows of b, over their first `length` values.
 *
 * Two rows meet four: eight sums for six values read. Of rows with themselves (`b` is `a`), only j ≥ i and a few others
 * are passed.
 */
export function eachDotOfRows(
  a: Rows,
  b: Rows,
  length: number,
  use: (i: number, j: number, product: number) => void,
): void {
  const sums = new Float64Array(8);
  for (let left = 0; left < b.count; left += band) {
    const right = Math.min(left + band, b.count);
    const rows = a === b ? right : a.count;
    for (let i = 0; i < rows; i += 2) {
      for (let j = a === b ? Math.max(left, i - (i % 4)) : left; j < right; j += 4) {
        // At the ends a row stands in for those that are not there.
        const lastI = Math.min(i + 1, a.count - 1);
        const last = b.count - 1;
        dotsOfTile(
          a.data,
          i * a.stride,
          lastI * a.stride,
          b.data,
          j * b.stride,
          Math.min(j + 1, last) * b.stride,
          Math.min(j + 2, last) * b.stride,
          Math.min(j + 3, last) * b.stride,
          length,
          sums,
        );
        for (let q = 0; q < 4 && j + q < right; q++) {
          use(i, j + q, sums[q]!);
          if (i + 1 < a.count) use(i + 1, j + q, sums[4 + q]!);
        }
      }
    }
  }
}

function dotsOfTile(
  a: Float64Array,
  a0: number,
  a1: number,
  b: Float64Array,
  b0: number,
  b1: number,
  b2: number,
  b3: number,
  length: number,
  sums: Float64Array,
): void {
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let k = 0; k < length; k++) {
    const x = a[a0 + k]!;
    const y = a[a1 + k]!;
    const [p, q, r, s] = [b[b0 + k]!, b[b1 + k]!, b[b2 + k]!, b[b3 + k]!];
    s00 += x * p;
    s01 += x * q;
    s02 += x * r;
    s03 += x * s;
    s10 += y * p;
    s11 += y * q;
    s12 += y * r;
    s13 += y * s;
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s02;
  sums[3] = s03;
  sums[4] = s10;
  sums[5] = s11;
  sums[6] = s12;
  sums[7] = s13;
}
