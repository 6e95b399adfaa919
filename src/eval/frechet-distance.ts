import { pivotedCholesky, traceOfRoot } from './linear-algebra.ts';
import type { FeatureMoments } from './moments.ts';

/**
 * The squared Fréchet distance between two Gaussians with the moments of two sets of features:
 *
 *     ‖μ₁ − μ₂‖² + Tr(Σ₁) + Tr(Σ₂) − 2 Tr((Σ₁Σ₂)^½)
 *
 * With Σ₁ = R₁ᵀ R₁ and Σ₂ = R₂ᵀ R₂ the last trace is the sum of the singular values of R₁ R₂ᵀ: nothing imaginary appears, and
 * covariances without full rank, of two images or more, need no correction.
 *
 * It is biased upward by about 1/N; compare only numbers of the same N and the same features.
 *
 * @throws if the features have not the same dimension
 * @see Dowson & Landau 1982 — https://doi.org/10.1016/0047-259X(82)90077-X; Heusel et al. 2017, eq. 6 — https://arxiv.org/abs/1706.08500
 */
export function frechetDistance(a: FeatureMoments, b: FeatureMoments): number {
  if (a.dim !== b.dim)
    throw new Error(
      `frechetDistance: features of ${a.dim} and of ${b.dim} dimensions cannot be compared; extract both with one network`,
    );
  const n = a.dim;
  let distance = 0;
  for (let i = 0; i < n; i++) {
    distance += (a.mean[i]! - b.mean[i]!) ** 2 + a.covariance[i * n + i]! + b.covariance[i * n + i]!;
  }
  return distance - 2 * traceOfRoot(pivotedCholesky(a.covariance, n), pivotedCholesky(b.covariance, n), n);
}
