import type { FloatArray } from '../../core/dtype.ts';
import type { Denoiser } from '../denoiser.ts';
import { ddim } from './ddim.ts';
import type { SamplerOptions, SamplerState } from './sampler.ts';

/** Options of `eulerAncestral`. */
export interface EulerAncestralOptions extends SamplerOptions {
  /** How much of the ancestral noise is added, 0 … 1; default 1. */
  readonly eta?: number | undefined;
}

/**
 * Euler's method to a lower noise level than asked for, and noise up to it.
 *
 *     σ̃_up = η √(σ̃_s² (σ̃_t² − σ̃_s²)/σ̃_t²),  σ̃_down = √(σ̃_s² − σ̃_up²),   x_s = α_s (x̂_0 + σ̃_down ε̂ + σ̃_up z)
 *
 * α_s σ̃_up is DDIM's noise, so this is `ddim` with η, and with η = 1 it is `ddpm` with the small variance.
 *
 * @param xT  [B, ...] noise of the first time
 * @throws what `ddim` throws
 * @see Song et al. 2021, section 4.1 — https://arxiv.org/abs/2010.02502
 */
export function eulerAncestral(
  denoise: Denoiser,
  xT: FloatArray,
  { eta = 1, ...options }: EulerAncestralOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  return ddim(denoise, xT, { ...options, eta });
}
