/** The noise that a step of Algorithm 2 has added. */
import { float32, type FloatArray } from '../../core/index.ts';
import {
  posterior,
  posteriorMean,
  stepVariance,
  type NoiseSchedule,
  type Posterior,
  type VarianceType,
} from '../../diffusion/index.ts';
import type { LaneFrame } from './lane.ts';

/** What line 4 did with a state. */
export interface StepNoise {
  readonly coefficients: Posterior;
  /** The deviation σ_t of each value: one number for all of them, or as a network says that has learned it. */
  readonly sigma: number | Float32Array;
  /** [1, ...] z, found again from what the step has come to; zero in the last step, which adds none. */
  readonly z: FloatArray;
}

/** z = (x_s − mean of q(x_s | x_t, x̂_0)) / σ_t. */
export function stepNoise(
  schedule: NoiseSchedule,
  varianceType: VarianceType,
  { t, s, xt, x0, xs, varianceFraction }: LaneFrame,
): StepNoise {
  const coefficients = posterior(schedule, t, s);
  const sigma = deviations();
  const mean = posteriorMean(schedule, x0, xt, t, s).data;
  const z = xs.data.map((x, i) => {
    const own = typeof sigma === 'number' ? sigma : sigma[i]!;
    return own === 0 ? 0 : (x - mean[i]!) / own;
  });
  return { coefficients, sigma, z: float32(xs.shape, z) };

  function deviations(): StepNoise['sigma'] {
    if (s === schedule.clean) return 0;
    const beta = stepVariance(schedule, t, s);
    if (varianceType !== 'learned_range')
      return Math.sqrt(varianceType === 'fixed_large' ? beta : coefficients.variance);
    // Nichol & Dhariwal 2021, eq. 15.
    const [large, small] = [Math.log(beta), Math.log(coefficients.variance)];
    return Float32Array.from(varianceFraction!.data, (f) => Math.exp(0.5 * (f * large + (1 - f) * small)));
  }
}
