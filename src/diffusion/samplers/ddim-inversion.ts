import type { FloatArray } from '../../core/dtype.ts';
import { weightedSum } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import { checkSampler, type SamplerOptions, type SamplerState } from './sampler.ts';

/**
 * DDIM inversion: the noise from which `ddim` with η = 0 reproduces a given image.
 *
 *     x_t = α_t x̂_0(x_s) + σ_t ε̂(x_s),   s < t
 *
 * ε̂ is taken at x_s, because x_t is what is looked for; so inversion and sampling differ by a second-order term a
 * step, and the round trip comes back to first order in the steps. The denoiser cannot be asked at the clean image:
 * the first evaluation takes the image as if it were at the lowest time.
 *
 * @param x0       [B, ...] the images
 * @param options  `timesteps` is the falling list that `ddim` will be given
 * @returns        one state for each time, rising; the last is x_T
 * @see Song, Meng & Ermon 2021, section 4.3 — https://arxiv.org/abs/2010.02502
 */
export async function* ddimInversion(
  denoise: Denoiser,
  x0: FloatArray,
  options: SamplerOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  checkSampler('ddimInversion', x0, options);
  const { schedule, timesteps, streams, signal } = options;
  const rising = timesteps.toReversed();
  let xt = x0;
  for (const [step, t] of rising.entries()) {
    signal?.throwIfAborted();
    const at = rising[Math.max(step - 1, 0)]!;
    const known = await denoise(
      xt,
      streams.map(() => at),
      options,
    );
    const [alpha, sigma] = [schedule.alpha(t), schedule.sigma(t)];
    // At the lowest time the estimate of the image is the image.
    const clean = step === 0 ? xt : known.x0;
    xt = weightedSum(xt.shape, [alpha, clean.data], [sigma, known.eps.data]);
    yield { step, t, xt, x0: known.x0 };
  }
}
