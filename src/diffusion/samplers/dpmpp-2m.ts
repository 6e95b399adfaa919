import type { FloatArray } from '../../core/dtype.ts';
import { drawNoise, weightedSum } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import { logSnrHalf } from '../noise-schedule.ts';
import { transitions } from '../timesteps.ts';
import { checkSampler, type SamplerOptions, type SamplerState } from './sampler.ts';

/**
 * DPM-Solver++(2M): second order with one evaluation a step, by extrapolating x̂_0 from the step before.
 *
 *     λ = ln(α/σ),  h = λ_s − λ_t,  r = h_before/h,   D = (1 + 1/2r) x̂_0 − 1/2r x̂_0,before
 *     x_s = σ_s/σ_t x_t + α_s (1 − e^{−h}) D
 *
 * The first step, and the one to the clean image (h = ∞), have D = x̂_0.
 *
 * @param xT  [B, ...] noise of the first time
 * @see Lu et al. 2022, algorithm 2 — https://arxiv.org/abs/2211.01095
 */
export function dpmpp2m(
  denoise: Denoiser,
  xT: FloatArray,
  options: SamplerOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  return multistepSolver('dpmpp2m', denoise, xT, { ...options, eta: 0 });
}

/**
 * The steps of `dpmpp2m` (eta = 0) and of `dpmpp2mSde`, which are one formula.
 *
 * @param name  whose messages these are
 */
export async function* multistepSolver(
  name: string,
  denoise: Denoiser,
  xT: FloatArray,
  options: SamplerOptions & { readonly eta: number },
): AsyncGenerator<SamplerState, void, undefined> {
  checkSampler(name, xT, options);
  const { schedule, timesteps, streams, signal, eta } = options;
  if (!(eta >= 0)) throw new Error(`${name}: eta must not be negative, got ${eta}`);
  const lambda = (t: number) => logSnrHalf(schedule, t);
  const stages = transitions(timesteps, schedule);
  const steps = stages.map(({ t, s }, i) => {
    const h = lambda(s) - lambda(t);
    const before = stages[i - 1];
    // 1/2r; 0 without a step before, where h is infinite at the end, and after a step from pure noise.
    const extrapolate = before ? (h === Infinity ? 0 : h / (2 * (lambda(t) - lambda(before.t)))) : 0;
    // 0 · ∞ is NaN: without noise there is no factor.
    const decay = (k: number) => (k === 0 ? 1 : Math.exp(-k * h));
    return {
      t,
      s,
      extrapolate,
      keep: (schedule.sigma(s) / schedule.sigma(t)) * decay(eta),
      data: schedule.alpha(s) * (1 - decay(1 + eta)),
      noise: schedule.sigma(s) * Math.sqrt(1 - decay(2 * eta)),
    };
  });
  const z = new Float32Array(xT.data.length);
  let xt = xT;
  let previous: FloatArray | undefined;
  for (const [step, { t, s, extrapolate, keep, data, noise }] of steps.entries()) {
    signal?.throwIfAborted();
    const asked = denoise(
      xt,
      streams.map(() => t),
      options,
    );
    if (eta > 0) drawNoise(z, streams); // While the network computes.
    const { x0 } = await asked;
    const before = previous ?? x0;
    xt = weightedSum(
      xt.shape,
      [keep, xt.data],
      [data * (1 + extrapolate), x0.data],
      [-data * extrapolate, before.data],
      [noise, z],
    );
    previous = x0;
    yield { step, t: s, xt, x0 };
  }
}
