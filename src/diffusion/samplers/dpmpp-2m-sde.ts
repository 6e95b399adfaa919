import type { FloatArray } from '../../core/dtype.ts';
import type { Denoiser } from '../denoiser.ts';
import { multistepSolver } from './dpmpp-2m.ts';
import type { SamplerOptions, SamplerState } from './sampler.ts';

/** Options of `dpmpp2mSde`. */
export interface Dpmpp2mSdeOptions extends SamplerOptions {
  /** How stochastic: 0 is `dpmpp2m`, 1 the reverse SDE; default 1. */
  readonly eta?: number | undefined;
}

/**
 * SDE-DPM-Solver++(2M), the midpoint form.
 *
 *     x_s = σ_s/σ_t e^{−ηh} x_t + α_s (1 − e^{−(1+η)h}) D + σ_s √(1 − e^{−2ηh}) z
 *
 * with λ, h and D as in `dpmpp2m`.
 *
 * @param xT  [B, ...] noise of the first time
 * @throws if eta is negative
 * @see Lu et al. 2022, eq. 18 — https://arxiv.org/abs/2211.01095
 */
export function dpmpp2mSde(
  denoise: Denoiser,
  xT: FloatArray,
  { eta = 1, ...options }: Dpmpp2mSdeOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  return multistepSolver('dpmpp2mSde', denoise, xT, { ...options, eta });
}
