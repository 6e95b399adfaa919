/** What the Fréchet distance needs of symmetric matrices, in float64 and row-major. */
import { dotOfRows, inTiles } from './dot-products.ts';

/**
 * L of A = L Lᵀ, lower triangular. A may be singular: a column whose pivot is lost in rounding is zero, as it is in exact arithmetic.
 *
 * @param a  [n, n] symmetric, positive semidefinite
 */
export function cholesky(a: Float64Array, n: number): Float64Array {
  const lower = new Float64Array(n * n);
  let largest = 0;
  for (let i = 0; i < n; i++) largest = Math.max(largest, a[i * n + i]!);
  const negligible = largest * n * Number.EPSILON;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const pivot = lower[j * n + j]!;
      if (pivot > 0) lower[i * n + j] = (a[i * n + j]! - dotOfRows(lower, i * n, j * n, j)) / pivot;
    }
    const square = a[i * n + i]! - dotOfRows(lower, i * n, i * n, i);
    if (square > negligible) lower[i * n + i] = Math.sqrt(square);
  }
  return lower;
}

/**
 * Lᵀ B L, which has the eigenvalues of (L Lᵀ) B.
 *
 * @param lower  [n, n] lower triangular
 * @param b      [n, n] symmetric
 */
export function congruence(lower: Float64Array, b: Float64Array, n: number): Float64Array {
  // Rows of Lᵀ are columns of L: transposed once, every sum below runs along memory.
  const columns = new Float64Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) columns[j * n + i] = lower[i * n + j]!;
  const both = new Float64Array(2 * n * n);
  both.set(columns);
  const product = new Float64Array(n * n); // [j, k] = (Lᵀ B)[j, k]
  // B is symmetric, so its rows are its columns; Lᵀ's row j begins at j.
  both.set(b, n * n);
  inTiles(n, n, (j, k) => {
    product[j * n + k] = dotOfRows(both, j * n + j, n * n + k * n + j, n - j);
  });
  both.set(product, n * n);
  const result = new Float64Array(n * n);
  inTiles(n, n, (j, k) => {
    if (k >= j) result[j * n + k] = result[k * n + j] = dotOfRows(both, n * n + j * n + k, k * n + k, n - k);
  });
  return result;
}

/**
 * The eigenvalues of a symmetric matrix, rising: Householder reflections to a tridiagonal matrix, then QL with implicit shifts.
 *
 * @param matrix  [n, n]
 * @throws if they do not converge, which finite values do
 * @see Golub & Van Loan, "Matrix Computations", algorithms 8.3.1 and 8.3.3
 */
export function symmetricEigenvalues(matrix: Float64Array, n: number): Float64Array {
  const { diagonal, offDiagonal } = tridiagonal(matrix, n);
  for (let l = 0; l < n; l++) {
    for (let rounds = 0; ; rounds++) {
      let m = l;
      while (
        m < n - 1 &&
        Math.abs(offDiagonal[m]!) > Number.EPSILON * (Math.abs(diagonal[m]!) + Math.abs(diagonal[m + 1]!))
      )
        m++;
      if (m === l) break;
      if (rounds === 60)
        throw new Error('symmetricEigenvalues: no convergence; the matrix holds values that are not finite');
      eliminate(diagonal, offDiagonal, l, m);
    }
  }
  return diagonal.sort();
}

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
