/** What can be done with CLIP image embeddings before they become images: ways between them, differences of texts, principal components. */
import { float32, type FloatArray } from '../core/index.ts';
import { slerp, takeRows } from '../diffusion/index.ts';

/**
 * Rows on the way from one end to the next, along arcs; where two stretches meet the row comes once.
 *
 * @param ends    [K, ...], K ≥ 2: embeddings, or noise
 * @param frames  from one end to the next, both included
 * @returns       [(K − 1)(frames − 1) + 1, ...]
 * @throws if there is one end, or fewer than two frames
 * @see Ramesh et al. 2022 (unCLIP), section 3.2 — https://arxiv.org/abs/2204.06125
 */
export function pathBetween(ends: FloatArray, frames: number): FloatArray {
  const [count = 0, ...rest] = ends.shape;
  if (count < 2) throw new Error(`pathBetween: there are two ends or more, got ${count}`);
  if (!Number.isSafeInteger(frames) || frames < 2)
    throw new Error(`pathBetween: frames is an integer of 2 or more, got ${frames}`);
  const total = (count - 1) * (frames - 1) + 1;
  const size = ends.data.length / count;
  const data = new Float32Array(total * size);
  for (let i = 0; i < total; i++) {
    const stretch = Math.min(Math.floor(i / (frames - 1)), count - 2);
    const [a, b] = [takeRows(ends, [stretch]), takeRows(ends, [stretch + 1])];
    data.set(slerp(a, b, (i - stretch * (frames - 1)) / (frames - 1)).data, i * size);
  }
  return float32([total, ...rest], data);
}

/**
 * An image's embedding turned towards what one text says and another does not.
 *
 *     z_d = norm(norm(z_to) − norm(z_from)),   z_θ = slerp(z_i, ‖z_i‖ z_d, θ)
 *
 * @param image  [D]
 * @param from   [D] of the text that describes the image
 * @param to     [D] of the text that describes what it should become
 * @param turns  θ of each result, shares of the angle between image and difference; the paper goes up to 0.25 … 0.5
 * @returns      [turns, D]
 * @throws if both texts are the same to the CLIP, or a turn is outside 0 … 1
 * @see Ramesh et al. 2022 (unCLIP), section 3.3 — https://arxiv.org/abs/2204.06125
 */
export function textDiff(
  image: FloatArray,
  { from, to, turns }: { readonly from: FloatArray; readonly to: FloatArray; readonly turns: readonly number[] },
): FloatArray {
  const width = image.data.length;
  const [a, b] = [unit(from.data), unit(to.data)];
  const difference = Float64Array.from(b, (value, i) => value - a[i]!);
  const size = norm(difference);
  if (size < 1e-6)
    throw new Error('textDiff: both texts are the same to the CLIP, so there is no difference; say it in other words');
  const length = norm(image.data);
  const end = float32(
    [1, width],
    Float32Array.from(difference, (value) => (length * value) / size),
  );
  const start = float32([1, width], image.data);
  const data = new Float32Array(turns.length * width);
  turns.forEach((turn, i) => {
    data.set(slerp(start, end, turn).data, i * width);
  });
  return float32([turns.length, width], data);
}

function norm(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]! ** 2;
  return Math.sqrt(total);
}

function unit(values: ArrayLike<number>): Float64Array {
  const length = norm(values) || 1;
  return Float64Array.from({ length: values.length }, (_, i) => values[i]! / length);
}

/** The directions in which embeddings differ most. */
export interface PrincipalComponents {
  /** [D] */
  readonly mean: Float64Array;
  /** [D, D] orthonormal rows, the one of the largest variance first. */
  readonly directions: readonly Float64Array[];
  /** [D] the variance along each, falling. */
  readonly variances: Float64Array;
}

/**
 * The principal components of embeddings.
 *
 * @param embeddings  [N, D]
 * @throws if there is one embedding alone
 */
export function principalComponents({ shape: [count = 0, width = 0], data }: FloatArray): PrincipalComponents {
  if (count < 2) throw new Error(`principalComponents: expected two embeddings or more, got ${count}`);
  const mean = new Float64Array(width);
  for (let i = 0; i < data.length; i++) mean[i % width]! += data[i]! / count;
  const covariance = new Float64Array(width * width);
  const row = new Float64Array(width);
  for (let n = 0; n < count; n++) {
    for (let d = 0; d < width; d++) row[d] = data[n * width + d]! - mean[d]!;
    for (let i = 0; i < width; i++)
      for (let j = i; j < width; j++) covariance[i * width + j]! += (row[i]! * row[j]!) / count;
  }
  for (let i = 0; i < width; i++) for (let j = 0; j < i; j++) covariance[i * width + j] = covariance[j * width + i]!;
  const { values, vectors } = symmetricEigenvectors(covariance, width);
  const order = Array.from(values.keys()).sort((a, b) => values[b]! - values[a]!);
  return {
    mean,
    directions: order.map((at) => vectors[at]!),
    variances: Float64Array.from(order, (at) => Math.max(0, values[at]!)),
  };
}

/**
 * Embeddings of which only the first components are left; the rest are those of the mean.
 *
 * @param embedding  [D]
 * @param counts     of components, for each result
 * @returns          [counts, D]
 * @throws if there are not so many
 * @see Ramesh et al. 2022 (unCLIP), figure 7 — https://arxiv.org/abs/2204.06125
 */
export function fromFirstComponents(
  embedding: FloatArray,
  { mean, directions }: PrincipalComponents,
  counts: readonly number[],
): FloatArray {
  const width = mean.length;
  const data = new Float32Array(counts.length * width);
  const centered = Float64Array.from(embedding.data, (value, d) => value - mean[d]!);
  counts.forEach((count, i) => {
    if (!Number.isSafeInteger(count) || count < 0 || count > width)
      throw new Error(`fromFirstComponents: expected 0 to ${width} components, got ${count}`);
    const rebuilt = Float64Array.from(mean);
    for (const direction of directions.slice(0, count)) {
      const share = direction.reduce((sum, value, d) => sum + value * centered[d]!, 0);
      for (let d = 0; d < width; d++) rebuilt[d]! += share * direction[d]!;
    }
    data.set(rebuilt, i * width);
  });
  return float32([counts.length, width], data);
}

/**
 * Eigenvalues and unit eigenvectors of a symmetric matrix by Jacobi's rotations.
 *
 * @param matrix  [n, n]
 * @see Golub & Van Loan 2013, section 8.5
 */
function symmetricEigenvectors(
  matrix: Float64Array,
  n: number,
): { readonly values: Float64Array; readonly vectors: readonly Float64Array[] } {
  const a = Float64Array.from(matrix);
  // Row k is eigenvector k.
  const v = Array.from({ length: n }, (_, k) => {
    const row = new Float64Array(n);
    row[k] = 1;
    return row;
  });
  const scale = norm(a) || 1;
  const mostSweeps = 60;
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) off += a[p * n + q]! ** 2;
    if (Math.sqrt(off) <= 1e-14 * scale) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        const apq = a[p * n + q]!;
        if (Math.abs(apq) <= 1e-18 * scale) continue;
        const tau = (a[q * n + q]! - a[p * n + p]!) / (2 * apq);
        const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.sqrt(1 + tau * tau));
        const c = 1 / Math.sqrt(1 + t * t);
        const s = t * c;
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[k * n + p]!, a[k * n + q]!];
          a[k * n + p] = c * x - s * y;
          a[k * n + q] = s * x + c * y;
        }
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[p * n + k]!, a[q * n + k]!];
          a[p * n + k] = c * x - s * y;
          a[q * n + k] = s * x + c * y;
        }
        const [vp, vq] = [v[p]!, v[q]!];
        for (let k = 0; k < n; k++) {
          const [x, y] = [vp[k]!, vq[k]!];
          vp[k] = c * x - s * y;
          vq[k] = s * x + c * y;
        }
      }
    }
  }
  return { values: Float64Array.from({ length: n }, (_, k) => a[k * n + k]!), vectors: v };
}
