import type { FloatArray } from '../../core/dtype.ts';
import { weightedSum } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import { logSnrHalf } from '../noise-schedule.ts';
import { transitions } from '../timesteps.ts';
import { checkSampler, type SamplerOptions, type SamplerState } from './sampler.ts';

/**
 * UniPC of order two with B(h) = e^h − 1: a multistep predictor, and a corrector that reuses the next step's evaluation,
 * which makes it of third order where it does not begin or end.
 *
 *     λ = ln(α/σ),  h = λ_s − λ_t,  φ₁ = 1 − e^{−h},  D₁ = (x̂_0,before − x̂_0)/r with r = (λ_before − λ_t)/h
 *     predictor  x_s = σ_s/σ_t x_t + α_s φ₁ (x̂_0 + D₁/2)
 *     corrector  x_s = σ_s/σ_t x_t + α_s φ₁ (x̂_0 + ρ₁ D₁ + ρ₂ (x̂_0(x_s) − x̂_0))
 *
 * where (ρ₁, ρ₂) solve ρ₁ + ρ₂ = b₁ and r ρ₁ + ρ₂ = b₂ of the paper's eq. 5; without a step before, ρ₂ = ½ alone. One
 * evaluation a step: x̂_0 at the predicted x_s corrects it and then takes part in the next prediction. The states
 * yielded are predictions; the one to the clean image is of first order.
 *
 * @param xT  [B, ...] noise of the first time
 * @see Zhao et al. 2023, algorithms 1 and 2 — https://arxiv.org/abs/2302.04867
 */
export async function* unipc(
  denoise: Denoiser,
  xT: FloatArray,
  options: SamplerOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  checkSampler('unipc', xT, options);
  const { schedule, timesteps, streams, signal } = options;
  const lambda = (t: number) => logSnrHalf(schedule, t);
  const stages = transitions(timesteps, schedule);
  const steps = stages.map(({ t, s }, i) => {
    const h = lambda(s) - lambda(t);
    const before = stages[i - 1];
    // The clean image is infinitely far in λ: the previous estimate has no information there.
    const slope = before && h !== Infinity ? h / (lambda(before.t) - lambda(t)) : 0;
    return {
      t,
      s,
      slope,
      keep: schedule.sigma(s) / schedule.sigma(t),
      data: schedule.alpha(s) * -Math.expm1(-h),
      corrector: corrector(h, before && (lambda(before.t) - lambda(t)) / h),
    };
  });
  let xt = xT;
  let previous: FloatArray | undefined;
  /** The step that led to xt: where it began, what x̂_0 was there and before, and its coefficients. */
  let taken:
    | {
        readonly from: FloatArray;
        readonly x0: FloatArray;
        readonly before: FloatArray;
        readonly by: (typeof steps)[number];
      }
    | undefined;
  for (const [step, by] of steps.entries()) {
    signal?.throwIfAborted();
    const { x0 } = await denoise(
      xt,
      streams.map(() => by.t),
      options,
    );
    if (taken) {
      const {
        from,
        x0: x0From,
        before,
        by: {
          keep,
          data,
          slope,
          corrector: { rho1, rho2 },
        },
      } = taken;
      xt = weightedSum(
        xt.shape,
        [keep, from.data],
        [data * (1 - rho1 * slope - rho2), x0From.data],
        [data * rho1 * slope, before.data],
        [data * rho2, x0.data],
      );
    }
    const before = previous ?? x0;
    const from = xt;
    xt = weightedSum(
      from.shape,
      [by.keep, from.data],
      [by.data * (1 - 0.5 * by.slope), x0.data],
      [0.5 * by.data * by.slope, before.data],
    );
    taken = { from, x0, before, by };
    previous = x0;
    yield { step, t: by.s, xt, x0 };
  }
}

/**
 * The corrector's weights for a step of h in λ after a step that began at r h (r < 0, absent at the first).
 *
 * With x = −h and B = e^x − 1: b₁ = (B/x − 1)/B, b₂ = 2 ((B/x − 1)/x − ½)/B.
 */
function corrector(h: number, r: number | undefined): { readonly rho1: number; readonly rho2: number } {
  // A step from pure noise is infinitely long, and then r is 0 or −∞ for the one after it.
  if (r === undefined || !Number.isFinite(h) || !Number.isFinite(r)) return { rho1: 0, rho2: 0.5 };
  const B = Math.expm1(-h);
  const phi2 = B / -h - 1;
  const b1 = phi2 / B;
  const b2 = (2 * (phi2 / -h - 0.5)) / B;
  const rho1 = (b1 - b2) / (1 - r);
  return { rho1, rho2: b1 - rho1 };
}
