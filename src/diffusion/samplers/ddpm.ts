import type { FloatArray } from '../../core/dtype.ts';
import { drawNoise, weightedSum } from '../array-arithmetic.ts';
import type { Denoised, Denoiser } from '../denoiser.ts';
import { posterior, reverseVariances, stepVariance, type VarianceType } from '../process.ts';
import { transitions } from '../timesteps.ts';
import { checkSampler, type SamplerOptions, type SamplerState } from './sampler.ts';

/** Options of `ddpm`. */
export interface DdpmOptions extends SamplerOptions {
  /**
   * Default fixed_small, which stays usable when steps are skipped; Ho's CIFAR-10 results have fixed_large, with all
   * steps. learned_range takes the variance from the denoiser.
   */
  readonly varianceType?: VarianceType | undefined;
}

/**
 * Ancestral sampling: each step draws from the posterior q(x_s | x_t, x_0) with x̂_0 in the place of x_0.
 *
 *     x_s = √ᾱ_s β/(1 − ᾱ_t) x̂_0 + √(ᾱ_t/ᾱ_s) (1 − ᾱ_s)/(1 − ᾱ_t) x_t + √Σ z,   β = 1 − ᾱ_t/ᾱ_s
 *
 * Equal to the paper's (x_t − β_t/√(1 − ᾱ_t) ε̂)/√α_t + σ_t z when x̂_0 is not clipped and no time is skipped; through
 * x̂_0, a denoiser that clips works as Ho's code does. With a learned variance ln Σ = f ln β + (1 − f) ln β̃, both of the
 * step really taken, so a model trained on T steps keeps its meaning on fewer. The last step adds no noise, whatever its
 * time; it is drawn all the same, so that streams advance alike in every sampler.
 *
 * @param xT  [B, ...] noise of the first time
 * @returns   one state for each time
 * @throws if the times do not fall within the schedule, there is not one stream for each sample, or the variance should
 *   be learned and the denoiser has none; the signal's reason on abort
 * @see Ho, Jain & Abbeel 2020, Algorithm 2 and eq. 7 — https://arxiv.org/abs/2006.11239; Nichol & Dhariwal 2021, eq. 15 and section 4 — https://arxiv.org/abs/2102.09672
 */
export async function* ddpm(
  denoise: Denoiser,
  xT: FloatArray,
  options: DdpmOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  checkSampler('ddpm', xT, options);
  const { schedule, timesteps, streams, signal, varianceType = 'fixed_small' } = options;
  const fixed = reverseVariances(schedule, timesteps, varianceType === 'learned_range' ? 'fixed_small' : varianceType);
  const steps = transitions(timesteps, schedule).map(({ t, s }, i) => ({
    t,
    s,
    c: posterior(schedule, t, s),
    fixed: Math.sqrt(fixed[i]!),
    beta: stepVariance(schedule, t, s),
  }));
  const z = new Float32Array(xT.data.length);
  let xt = xT;
  for (const [step, { t, s, c, fixed: std, beta }] of steps.entries()) {
    signal?.throwIfAborted();
    const asked = denoise(
      xt,
      streams.map(() => t),
      options,
    );
    drawNoise(z, streams); // While the network computes.
    const { x0, varianceFraction } = await asked;
    const last = s === schedule.clean;
    const learned = varianceType === 'learned_range' ? requireFraction(varianceFraction) : undefined;
    if (learned && !last) scaleNoise(z, learned, Math.log(beta), Math.log(c.variance));
    xt = weightedSum(xt.shape, [c.x0, x0.data], [c.xt, xt.data], [last ? 0 : learned ? 1 : std, z]);
    yield { step, t: s, xt, x0 };
  }
}

/** Gives each value the deviation that the network learned: z ← √Σ z with ln Σ = f ln β + (1 − f) ln β̃. */
function scaleNoise(z: Float32Array, fraction: Float32Array, logBeta: number, logSmall: number): void {
  for (let i = 0; i < z.length; i++) z[i]! *= Math.exp(0.5 * (fraction[i]! * logBeta + (1 - fraction[i]!) * logSmall));
}

function requireFraction(fraction: Denoised['varianceFraction']): FloatArray['data'] {
  if (!fraction)
    throw new Error(
      'ddpm: varianceType is learned_range, but the network gives no variance; use fixed_small or fixed_large',
    );
  return fraction.data;
}
