import type { FloatArray } from '../../core/dtype.ts';
import { weightedSum } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import { checkSampler, type SamplerOptions, type SamplerState } from './sampler.ts';

/**
 * Where a step multiplies the noise by more than this, the denoiser is evaluated at the time at which the step ends.
 */
const largestGrowth = 2;

/**
 * DDIM inversion: the noise from which `ddim` with η = 0 reproduces a given image.
 *
 *     x_t = α_t (x_s − σ_s ε̂) / α_s + σ_t ε̂,   s < t
 *
 * This is the step of `ddim` from t to s, solved for x_t. It needs ε̂(x_t, t), and x_t is the unknown; so it takes
 * ε̂(x_s, s), and the round trip is exact to first order in the steps. Where σ/α more than doubles in a step, as in the
 * first ones, it takes ε̂(x_s, t): the error of a network that predicts x_0 is divided by σ at the time of evaluation
 * and multiplied by σ_t. The first step begins with the clean image, at α = 1 and σ = 0, where no denoiser can be
 * evaluated.
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
  let xt = x0;
  let before = { t: timesteps.at(-1)!, alpha: 1, sigma: 0 };
  for (const [step, t] of timesteps.toReversed().entries()) {
    signal?.throwIfAborted();
    const [alpha, sigma] = [schedule.alpha(t), schedule.sigma(t)];
    const ratio = alpha / before.alpha;
    const time = sigma * before.alpha > largestGrowth * before.sigma * alpha ? t : before.t;
    const known = await denoise(
      xt,
      streams.map(() => time),
      options,
    );
    xt = weightedSum(xt.shape, [ratio, xt.data], [sigma - ratio * before.sigma, known.eps.data]);
    before = { t, alpha, sigma };
    yield { step, t, xt, x0: known.x0 };
  }
}
