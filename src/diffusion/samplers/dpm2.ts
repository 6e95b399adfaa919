import type { FloatArray } from '../../core/dtype.ts';
import { weightedSum } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import { transitions } from '../timesteps.ts';
import { checkSampler, noiseLevel, type SamplerOptions, type SamplerState } from './sampler.ts';

/**
 * The midpoint method for the probability-flow ODE in noise levels, with the midpoint in ln σ̃; of second order.
 *
 *     σ̃_m = √(σ̃_t σ̃_s),  y_m = x_t/α_t + (σ̃_m − σ̃_t) ε̂(x_t),   x_s = α_s (x_t/α_t + (σ̃_s − σ̃_t) ε̂(α_m y_m))
 *
 * with σ̃ = σ/α. The step to the clean image is Euler's, so N steps ask the denoiser 2N − 1 times.
 *
 * @param xT  [B, ...] noise of the first time
 * @throws if the list begins where no signal is left (α = 0)
 * @see Karras et al. 2022, section 3 — https://arxiv.org/abs/2206.00364; Lu et al. 2022, DPM-Solver-2 — https://arxiv.org/abs/2206.00927
 */
export async function* dpm2(
  denoise: Denoiser,
  xT: FloatArray,
  options: SamplerOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  checkSampler('dpm2', xT, options);
  const { schedule, timesteps, streams, signal } = options;
  const level = noiseLevel('dpm2', schedule);
  const steps = transitions(timesteps, schedule).map(({ t, s }) => {
    const last = s === schedule.clean;
    const middle = last ? t : schedule.time(1, Math.sqrt(level(t) * level(s)));
    return {
      t,
      s,
      middle,
      last,
      alpha: schedule.alpha(t),
      alphaMiddle: schedule.alpha(middle),
      alphaTo: schedule.alpha(s),
      half: level(middle) - level(t),
      h: level(s) - level(t),
    };
  });
  let xt = xT;
  for (const [step, { t, s, middle, last, alpha, alphaMiddle, alphaTo, half, h }] of steps.entries()) {
    signal?.throwIfAborted();
    let { x0, eps } = await denoise(
      xt,
      streams.map(() => t),
      options,
    );
    if (!last) {
      signal?.throwIfAborted();
      const between = weightedSum(xt.shape, [alphaMiddle / alpha, xt.data], [alphaMiddle * half, eps.data]);
      ({ x0, eps } = await denoise(
        between,
        streams.map(() => middle),
        options,
      ));
    }
    xt = weightedSum(xt.shape, [alphaTo / alpha, xt.data], [alphaTo * h, eps.data]);
    yield { step, t: s, xt, x0 };
  }
}
