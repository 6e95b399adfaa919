import type { FloatArray } from '../../core/dtype.ts';
import { drawNoise, weightedSum } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import { transitions } from '../timesteps.ts';
import { checkSampler, noiseLevel, type SamplerOptions, type SamplerState } from './sampler.ts';

/** Options of `heun`. */
export interface HeunOptions extends SamplerOptions {
  /** S_churn: how much noise is added over all steps, in units of the noise level; default 0, deterministic. */
  readonly churn?: number | undefined;
  /** S_tmin and S_tmax: noise is added at levels between them only; default everywhere. */
  readonly churnRange?: readonly [sigmaMin: number, sigmaMax: number] | undefined;
  /** S_noise: the standard deviation of what is added; default 1. */
  readonly churnNoise?: number | undefined;
}

/**
 * Heun's method for the probability-flow ODE in noise levels, of second order, with EDM's churn.
 *
 *     γ = min(S_churn/N, √2 − 1),  σ̂ = (1 + γ) σ̃_t,  ŷ = x_t/α_t + S_noise √(σ̂² − σ̃_t²) z
 *     ε̂₁ at (ŷ, σ̂),  y' = ŷ + (σ̃_s − σ̂) ε̂₁,  ε̂₂ at (y', σ̃_s),   x_s = α_s (ŷ + (σ̃_s − σ̂)(ε̂₁ + ε̂₂)/2)
 *
 * with σ̃ = σ/α. The step to the clean image is Euler's, so N steps ask the denoiser 2N − 1 times.
 *
 * Where the list begins without any signal (α = 0), as a flow's does, noise levels begin at infinity; then the ODE is solved on the straight
 * line that every schedule is up to a scale: y = x/(α + σ), τ = σ/(α + σ), dy/dτ = ε̂ − x̂_0.
 *
 * @param xT  [B, ...] noise of the first time
 * @throws if an option is out of its range, or there is churn where the list begins without signal
 * @see Karras, Aittala, Aila & Laine 2022, algorithms 1 and 2 — https://arxiv.org/abs/2206.00364
 */
export async function* heun(
  denoise: Denoiser,
  xT: FloatArray,
  options: HeunOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  checkSampler('heun', xT, options);
  const { schedule, timesteps, streams, signal, churn = 0, churnRange = [0, Infinity], churnNoise = 1 } = options;
  if (!(churn >= 0)) throw new Error(`heun: churn must not be negative, got ${churn}`);
  if (!(churnNoise >= 0)) throw new Error(`heun: churnNoise must not be negative, got ${churnNoise}`);
  if (schedule.alpha(timesteps[0]!) === 0) {
    if (churn > 0)
      throw new Error(
        `heun: churn adds noise to a level, and at time ${timesteps[0]} the level is infinite; leave it at 0, or begin at an earlier time`,
      );
    yield* heunOnLine(denoise, xT, options);
    return;
  }
  const level = noiseLevel('heun', schedule);
  // A list may begin below a last time that has no signal, as a flow's has.
  const highest = schedule.alpha(schedule.last) === 0 ? Infinity : level(schedule.last);
  const steps = transitions(timesteps, schedule).map(({ t, s }) => {
    const from = level(t);
    const gamma =
      from >= churnRange[0] && from <= churnRange[1] ? Math.min(churn / timesteps.length, Math.SQRT2 - 1) : 0;
    // A discrete-time schedule ends somewhere: no network was trained beyond.
    const raised = Math.min(from * (1 + gamma), highest);
    const churned = raised > from ? schedule.time(1, raised) : t;
    return {
      t: churned,
      s,
      added: churnNoise * Math.sqrt(raised ** 2 - from ** 2),
      alphaFrom: schedule.alpha(t),
      alpha: schedule.alpha(churned),
      alphaTo: schedule.alpha(s),
      step: level(s) - raised,
    };
  });
  const z = new Float32Array(xT.data.length);
  let xt = xT;
  for (const [step, { t, s, added, alphaFrom, alpha, alphaTo, step: h }] of steps.entries()) {
    signal?.throwIfAborted();
    if (churn > 0) drawNoise(z, streams);
    // x_s = α_s (x_t/α_t + noise + h ε̂): the factors of its parts.
    const [kept, noise, slope] = [alphaTo / alphaFrom, alphaTo * added, alphaTo * h];
    const here = added > 0 ? weightedSum(xt.shape, [alpha / alphaFrom, xt.data], [alpha * added, z]) : xt;
    const first = await denoise(
      here,
      streams.map(() => t),
      options,
    );
    let { x0 } = first;
    let next = weightedSum(xt.shape, [kept, xt.data], [noise, z], [slope, first.eps.data]);
    if (s !== schedule.clean) {
      signal?.throwIfAborted();
      const second = await denoise(
        next,
        streams.map(() => s),
        options,
      );
      next = weightedSum(
        xt.shape,
        [kept, xt.data],
        [noise, z],
        [slope / 2, first.eps.data],
        [slope / 2, second.eps.data],
      );
      x0 = second.x0;
    }
    xt = next;
    yield { step, t: s, xt, x0 };
  }
}

/** Heun's method in y and τ: x_s = c_s (x_t/c_t + (τ_s − τ_t)(u₁ + u₂)/2), c = α + σ, u = ε̂ − x̂_0. */
async function* heunOnLine(
  denoise: Denoiser,
  xT: FloatArray,
  options: SamplerOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  const { schedule, timesteps, streams, signal } = options;
  const scale = (t: number) => schedule.alpha(t) + schedule.sigma(t);
  const steps = transitions(timesteps, schedule).map(({ t, s }) => ({
    t,
    s,
    kept: scale(s) / scale(t),
    slope: scale(s) * (schedule.sigma(s) / scale(s) - schedule.sigma(t) / scale(t)),
  }));
  let xt = xT;
  for (const [step, { t, s, kept, slope }] of steps.entries()) {
    signal?.throwIfAborted();
    const first = await denoise(
      xt,
      streams.map(() => t),
      options,
    );
    let { x0 } = first;
    let next = weightedSum(xt.shape, [kept, xt.data], [slope, first.eps.data], [-slope, x0.data]);
    if (s !== schedule.clean) {
      signal?.throwIfAborted();
      const second = await denoise(
        next,
        streams.map(() => s),
        options,
      );
      // The second half of the slope takes the place of the first's: x_s + h/2 (u₂ − u₁).
      const half = weightedSum(xt.shape, [1, next.data], [-slope / 2, first.eps.data], [slope / 2, x0.data]);
      next = weightedSum(xt.shape, [1, half.data], [slope / 2, second.eps.data], [-slope / 2, second.x0.data]);
      x0 = second.x0;
    }
    xt = next;
    yield { step, t: s, xt, x0 };
  }
}
