import type { FloatArray } from '../../core/dtype.ts';
import { drawNoise, weightedSum } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import { posterior } from '../process.ts';
import { transitions } from '../timesteps.ts';
import { checkSampler, type SamplerOptions, type SamplerState } from './sampler.ts';

/** Options of `ddim`. */
export interface DdimOptions extends SamplerOptions {
  /** 0 … 1: 0 is deterministic, 1 has DDPM's variance β̃; default 0. */
  readonly eta?: number | undefined;
}

/**
 * Denoising diffusion implicit models: a family of samplers with the marginals of DDPM and any amount of noise up to its own.
 *
 *     x_s = √ᾱ_s x̂_0 + √(1 − ᾱ_s − c²) ε̂ + c z,   c = η √((1 − ᾱ_s)/(1 − ᾱ_t)) √(1 − ᾱ_t/ᾱ_s)
 *
 * With η = 0 it is Euler's method for the probability-flow ODE in (x/α, σ/α), and nothing is drawn from the streams.
 * With η > 0 every step draws, the last one too, though its c is 0; η = 1 is `ddpm` with fixed_small on the same list and noise.
 * The paper's "σ̂", DDPM with the variance β, is `ddpm` with fixed_large.
 *
 * @param xT  [B, ...] standard normals
 * @returns   one state for each time
 * @throws if eta is outside 0 … 1, the times do not fall within the schedule or there is not one stream for each sample; the signal's reason on abort
 * @see Song, Meng & Ermon 2021, eq. 12 and 16 — https://arxiv.org/abs/2010.02502
 */
export async function* ddim(
  denoise: Denoiser,
  xT: FloatArray,
  options: DdimOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  checkSampler('ddim', xT, options);
  const { schedule, timesteps, streams, signal, eta = 0 } = options;
  if (!(eta >= 0 && eta <= 1)) throw new Error(`ddim: eta must lie in 0 … 1, got ${eta}`);
  const steps = transitions(timesteps, schedule).map(({ t, s }) => {
    const c = eta * Math.sqrt(posterior(schedule, t, s).variance);
    // Never below 0 in exact arithmetic, since β̃ ≤ σ_s²; rounding may fall short of it by an ulp.
    return { t, s, alpha: schedule.alpha(s), direction: Math.sqrt(Math.max(0, schedule.sigma(s) ** 2 - c * c)), c };
  });
  const z = new Float32Array(xT.data.length);
  let xt = xT;
  for (const [step, { t, s, alpha, direction, c }] of steps.entries()) {
    signal?.throwIfAborted();
    const asked = denoise(
      xt,
      streams.map(() => t),
      options,
    );
    if (eta > 0) drawNoise(z, streams); // While the network computes.
    const { x0, eps } = await asked;
    xt = weightedSum(xt.shape, [alpha, x0.data], [direction, eps.data], [c, z]);
    yield { step, t: s, xt, x0 };
  }
}
