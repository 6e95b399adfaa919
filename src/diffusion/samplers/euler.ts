import type { FloatArray } from '../../core/dtype.ts';
import type { Denoiser } from '../denoiser.ts';
import { ddim } from './ddim.ts';
import type { SamplerOptions, SamplerState } from './sampler.ts';

/**
 * Euler's method for the probability-flow ODE in noise levels, dy/dσ̃ = ε̂ with y = x/α and σ̃ = σ/α.
 *
 *     x_s = α_s x̂_0 + σ_s ε̂
 *
 * In these coordinates a step of Euler and a step of DDIM without noise are the same map, and on the straight schedule
 * it is also x_s = x_t + (s − t)(ε̂ − x̂_0), Euler's method for a flow. So there is one implementation, `ddim`; what
 * differs is the list of times people use it with.
 *
 * @param xT  [B, ...] noise of the first time
 * @throws what `ddim` throws
 * @see Karras et al. 2022, section 3 — https://arxiv.org/abs/2206.00364; Song, Meng & Ermon 2021, section 4.3 — https://arxiv.org/abs/2010.02502
 */
export function euler(
  denoise: Denoiser,
  xT: FloatArray,
  options: SamplerOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  return ddim(denoise, xT, { ...options, eta: 0 });
}
