/** What the Fréchet distance needs of symmetric matrices, in float64 and row-major. */
import { eachDotOfRows } from './dot-products.ts';

/** A factor R of A = Rᵀ R. */
export interface Factor {
  /** How many rows it has: A's rank, as far as rounding lets it be seen. */
  readonly rank: number;
  /** [rank, n], the largest rows first. */
  readonly rows: Float64Array;
}

/** Columns that are eliminated before the rest of the matrix hears of it. */
const panel = 32;

/**
 * R of A = Rᵀ R by Cholesky's method, which takes the largest pivot there is and ends where only rounding is left: the
 * rank of the covariance of few samples is their number less one, whatever the dimension.
 *
 * @param a  [n, n] symmetric, positive semidefinite
 * @see Higham 1990, "Analysis of the Cholesky decomposition of a semi-definite matrix"
 */
export function pivotedCholesky(a: Float64Array, n: number): Factor {
  const left = a.slice();
  const pivots = Float64Array.from({ length: n }, (_, i) => a[i * n + i]!);
  const negligible = pivots.reduce((most, x) => Math.max(most, x), 0) * n * Number.EPSILON;
  const remaining = Array.from({ length: n }, (_, i) => i);
  const rows = new Float64Array(n * n);
  let rank = 0;
  while (remaining.length > 0) {
    const from = rank;
    while (rank - from < panel && remaining.length > 0) {
      const place = remaining.reduce((best, i, at) => (pivots[i]! > pivots[remaining[best]!]! ? at : best), 0);
      const p = remaining[place]!;
      if (!(pivots[p]! > negligible)) return { rank, rows: rows.subarray(0, rank * n) };
      const row = rank * n;
      for (const i of remaining) rows[row + i] = left[p * n + i]!;
      for (let t = from; t < rank; t++) {
        const factor = rows[t * n + p]!;
        for (const i of remaining) rows[row + i]! -= factor * rows[t * n + i]!;
      }
      const root = Math.sqrt(pivots[p]!);
      rows[row + p] = root;
      remaining.splice(place, 1);
      for (const i of remaining) {
        rows[row + i]! /= root;
        pivots[i]! -= rows[row + i]! ** 2;
      }
      rank++;
    }
    eliminatePanel(left, n, rows, from, rank, remaining);
  }
  return { rank, rows: rows.subarray(0, rank * n) };
}

/** A ← A − Pᵀ P on what remains, with P the rows of a panel. */
function eliminatePanel(
  a: Float64Array,
  n: number,
  rows: Float64Array,
  from: number,
  to: number,
  remaining: readonly number[],
): void {
  const width = to - from;
  const packed = new Float64Array(remaining.length * width);
  remaining.forEach((i, at) => {
    for (let t = 0; t < width; t++) packed[at * width + t] = rows[(from + t) * n + i]!;
  });
  const columns = { data: packed, count: remaining.length, stride: width };
  eachDotOfRows(columns, columns, width, (x, y, product) => {
    if (y < x) return;
    const [i, j] = [remaining[x]!, remaining[y]!];
    a[i * n + j]! -= product;
    if (i !== j) a[j * n + i]! -= product;
  });
}

/**
 * Tr((AB)^½), the sum of the roots of the eigenvalues of A B, from factors of both: the singular values of R_A R_Bᵀ.
 *
 * They are roots of eigenvalues of the smaller of its two products with itself, in which no null space is left to make
 * roots of rounding.
 *
 * @throws if a value is not finite
 */
export function traceOfRoot(a: Factor, b: Factor, n: number): number {
  const [few, many] = a.rank <= b.rank ? [a, b] : [b, a];
  const { rank } = few;
  const product = new Float64Array(rank * many.rank);
  eachDotOfRows(
    { data: few.rows, count: rank, stride: n },
    { data: many.rows, count: many.rank, stride: n },
    n,
    (i, j, value) => {
      product[i * many.rank + j] = value;
    },
  );
  const square = new Float64Array(rank * rank);
  const rows = { data: product, count: rank, stride: many.rank };
  eachDotOfRows(rows, rows, many.rank, (i, j, value) => {
    square[i * rank + j] = square[j * rank + i] = value;
  });
  return symmetricEigenvalues(square, rank).reduce((sum, value) => sum + Math.sqrt(Math.max(value, 0)), 0);
}

/**
 * The eigenvalues of a symmetric matrix, rising: Householder reflections to a tridiagonal matrix, then QL with implicit shifts.
 *
 * Where its values fall from the first row to the last, as they do in products of factors, small eigenvalues are as
 * good as large ones: the reflections begin with the largest, and QL goes up from the smallest.
 *
 * @param matrix  [n, n]
 * @throws if a value is not finite
 * @see Golub & Van Loan, "Matrix Computations", algorithms 8.3.1 and 8.3.3
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const place = matrix.findIndex((x) => !Number.isFinite(x));
  if (place >= 0) throw new Error(`symmetricEigenvalues: the matrix holds ${matrix[place]}`);
  const reduced = tridiagonal(matrix, n);
  const diagonal = reduced.diagonal.reverse();
  // e[i] is between i and i + 1, e[n − 1] is room to work in.
  const offDiagonal = new Float64Array(n);
  for (let i = 0; i < n - 1; i++) offDiagonal[i] = reduced.offDiagonal[n - 2 - i]!;
  const norm = diagonal.reduce((most, x, i) => Math.max(most, Math.abs(x) + Math.abs(offDiagonal[i]!)), 0);
  for (let l = 0; l < n; l++) {
    for (let rounds = 0; ; rounds++) {
      // Rounding of the whole has nothing to converge to: after a while it ends a block too.
      const rounding = rounds < mostRounds ? 0 : norm;
      let m = l;
      while (
        m < n - 1 &&
        Math.abs(offDiagonal[m]!) >
          Number.EPSILON * Math.max(rounding, Math.abs(diagonal[m]!) + Math.abs(diagonal[m + 1]!))
      )
        m++;
      if (m === l) break;
      if (rounds === 4 * mostRounds) throw new Error('internal: symmetricEigenvalues does not converge');
      eliminate(diagonal, offDiagonal, l, m);
    }
  }
  return diagonal.sort();
}

/** An eigenvalue takes two or three. */
const mostRounds = 20;

/** One sweep of QL with Wilkinson's shift over the block l … m. */
function eliminate(d: Float64Array, e: Float64Array, l: number, m: number): void {
  const half = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  const length = Math.hypot(half, 1);
  let g = d[m]! - d[l]! + e[l]! / (half + (half < 0 ? -length : length));
  let [sine, cosine, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = sine * e[i]!;
    const b = cosine * e[i]!;
    const r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      // The block falls apart here.
      d[i + 1]! -= p;
      e[m] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    g = d[i + 1]! - p;
    const t = (d[i]! - g) * sine + 2 * cosine * b;
    p = sine * t;
    d[i + 1] = g + p;
    g = cosine * t - b;
  }
  d[l]! -= p;
  e[l] = g;
  e[m] = 0;
}

/** Reflects one column after another to zero below its first off-diagonal value; `offDiagonal[i]` is between i and i + 1. */
function tridiagonal(matrix: Float64Array, n: number): { diagonal: Float64Array; offDiagonal: Float64Array } {
  const a = matrix.slice();
  const diagonal = new Float64Array(n);
  const offDiagonal = new Float64Array(n);
  const v = new Float64Array(n);
  const p = new Float64Array(n);
  for (let k = 0; k < n - 1; k++) {
    diagonal[k] = a[k * n + k]!;
    // Row k to the right of the diagonal, which is column k below it.
    let norm = 0;
    for (let i = k + 1; i < n; i++) norm = Math.hypot(norm, a[k * n + i]!);
    const first = a[k * n + k + 1]!;
    if (norm === 0) continue;
    const alpha = first > 0 ? -norm : norm;
    offDiagonal[k] = alpha;
    for (let i = k + 1; i < n; i++) v[i] = a[k * n + i]!;
    v[k + 1]! -= alpha;
    const beta = 1 / (norm * (norm + Math.abs(first))); // 2 / vᵀv
    // A ← A − v wᵀ − w vᵀ on the rest, with w = β A v − (β²/2)(vᵀ A v) v; only the upper triangle is kept.
    p.fill(0, k + 1);
    for (let i = k + 1; i < n; i++) {
      const row = i * n;
      const vi = v[i]!;
      let sum = a[row + i]! * vi;
      for (let j = i + 1; j < n; j++) {
        const aij = a[row + j]!;
        sum += aij * v[j]!;
        p[j]! += aij * vi;
      }
      p[i]! += sum;
    }
    let inner = 0;
    for (let i = k + 1; i < n; i++) {
      p[i]! *= beta;
      inner += p[i]! * v[i]!;
    }
    const half = (beta * inner) / 2;
    for (let i = k + 1; i < n; i++) p[i]! -= half * v[i]!;
    for (let i = k + 1; i < n; i++) {
      const row = i * n;
      const [vi, wi] = [v[i]!, p[i]!];
      for (let j = i; j < n; j++) a[row + j]! -= vi * p[j]! + wi * v[j]!;
    }
  }
  if (n > 0) diagonal[n - 1] = a[n * n - 1]!;
  return { diagonal, offDiagonal };
}
