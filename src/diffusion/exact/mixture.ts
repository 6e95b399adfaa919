import { float32, type FloatArray } from '../../core/dtype.ts';
import { sampleSize } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import type { NoiseSchedule } from '../noise-schedule.ts';

/** One of the Gaussians of a mixture: N(mean, std² I) with a share of the whole. */
export interface MixtureComponent {
  /** [D] flat, one sample's values. */
  readonly mean: ArrayLike<number>;
  /** 0 is a single point. */
  readonly std: number;
  /** Relative to the others'; default 1. */
  readonly weight?: number;
}

/**
 * The exact denoiser of a mixture of Gaussians: no network could do better.
 *
 *     p(k | x_t) ∝ w_k N(x_t; α μ_k, (α² s_k² + σ²) I)
 *     E[x_0 | x_t] = Σ_k p(k | x_t) (μ_k + α s_k²/(α² s_k² + σ²) (x_t − α μ_k)),   E[ε | x_t] = (x_t − α E[x_0 | x_t])/σ
 *
 * Unlike a single Gaussian's it is not affine: it has to decide which component an image comes from, as networks do.
 *
 * @throws if there is no component, their sizes differ, or a std is negative or a weight not positive
 */
export function mixtureDenoiser(schedule: NoiseSchedule, components: readonly MixtureComponent[]): Denoiser {
  const D = components[0]?.mean.length;
  if (D === undefined) throw new Error('mixtureDenoiser: there is no component');
  for (const [k, { mean, std, weight = 1 }] of components.entries()) {
    if (mean.length !== D)
      throw new Error(`mixtureDenoiser: component ${k} has ${mean.length} values, the first has ${D}`);
    if (!(std >= 0)) throw new Error(`mixtureDenoiser: std must not be negative, got ${std} (component ${k})`);
    if (!(weight > 0)) throw new Error(`mixtureDenoiser: weight must be positive, got ${weight} (component ${k})`);
  }
  const squares = components.map(({ mean }) => dot(mean, mean));
  return async (xt, t) => {
    const size = sampleSize('mixtureDenoiser', xt, t.length, 'times');
    if (size !== D) throw new Error(`mixtureDenoiser: samples have ${size} values, the components ${D}`);
    const x0 = new Float32Array(xt.data.length);
    const eps = new Float32Array(xt.data.length);
    const logits = new Float64Array(components.length);
    for (const [b, time] of t.entries()) {
      const [alpha, sigma] = [schedule.alpha(time), schedule.sigma(time)];
      const x = xt.data.subarray(b * size, (b + 1) * size);
      const square = dot(x, x);
      for (const [k, { mean, std, weight = 1 }] of components.entries()) {
        const variance = alpha ** 2 * std ** 2 + sigma ** 2;
        const distance = square - 2 * alpha * dot(x, mean) + alpha ** 2 * squares[k]!;
        logits[k] = Math.log(weight) - distance / (2 * variance) - (D / 2) * Math.log(variance);
      }
      const estimate = new Float64Array(size);
      for (const [k, p] of softmax(logits).entries()) {
        if (p === 0) continue;
        const { mean, std } = components[k]!;
        const gain = (alpha * std ** 2) / (alpha ** 2 * std ** 2 + sigma ** 2);
        for (let i = 0; i < size; i++) estimate[i]! += p * (mean[i]! + gain * (x[i]! - alpha * mean[i]!));
      }
      for (let i = 0; i < size; i++) {
        x0[b * size + i] = estimate[i]!;
        eps[b * size + i] = (x[i]! - alpha * estimate[i]!) / sigma;
      }
    }
    return { x0: float32(xt.shape, x0), eps: float32(xt.shape, eps) };
  };
}

/**
 * The exact denoiser of a finite data set: the reverse process without any network.
 *
 *     E[x_0 | x_t] = Σ_i softmax_i(−‖x_t − α x_i‖² / 2σ²) x_i
 *
 * DDPM says that q(x_{t−1} | x_t) cannot be estimated easily because it needs the entire data set; here it is, computed.
 * Sampled to the end it returns images of the data set. Its loss is the irreducible loss on that data: a
 * network that reaches it has memorized.
 *
 * @param images  [N, ...]; they are not copied
 * @throws if there are none
 * @see Karras et al. 2022, appendix B.3 — https://arxiv.org/abs/2206.00364
 */
export function datasetDenoiser(schedule: NoiseSchedule, images: FloatArray): Denoiser {
  const N = images.shape[0] ?? 0;
  if (N === 0) throw new Error('datasetDenoiser: there are no images');
  const size = sampleSize('datasetDenoiser', images, N, 'images');
  return mixtureDenoiser(
    schedule,
    Array.from({ length: N }, (_, i) => ({ mean: images.data.subarray(i * size, (i + 1) * size), std: 0 })),
  );
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** e^{x_k} / Σ e^{x_j}, in place. */
function softmax(x: Float64Array): Float64Array {
  let largest = -Infinity;
  for (const value of x) largest = Math.max(largest, value);
  let total = 0;
  for (const [k, value] of x.entries()) total += x[k] = Math.exp(value - largest);
  for (const k of x.keys()) x[k]! /= total;
  return x;
}
