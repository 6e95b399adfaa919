import { float32, type FloatArray } from '../../core/dtype.ts';
import { combine } from '../array-arithmetic.ts';
import { type Conditions, repeatRow } from '../conditions.ts';
import type { Denoised, Denoiser } from '../denoiser.ts';
import type { NoiseSchedule } from '../noise-schedule.ts';
import { fromOutput, type PredictionType } from '../parameterization.ts';
import { plainPreconditioning, type Preconditioning } from '../preconditioning.ts';

/** Options of `classifierFreeGuidance`. */
export interface ClassifierFreeOptions {
  readonly schedule: NoiseSchedule;
  /** s: 1 is off, larger follows the condition more. Ho & Salimans' w is s − 1. */
  readonly scale: number;
  /** [1, …] each: the rows that stand for "without a condition", the null label for one. Conditions without such a row stay in both predictions. */
  readonly nothing: Conditions;
  /** φ in 0 … 1: how far each sample's guided prediction is brought back to the spread of the conditional one; default 0. */
  readonly rescale?: number;
  /** What is rescaled: the network's own prediction, as diffusers does; default ε. */
  readonly asked?: PredictionType | Preconditioning;
  /** Noise levels σ/α between which guidance acts; outside them the network is asked once. Default everywhere. */
  readonly interval?: readonly [sigmaMin: number, sigmaMax: number];
}

/**
 * A denoiser that moves away from what the network predicts without the condition, or under a negative one.
 *
 *     ε̂ = ε̂(∅) + s (ε̂(c) − ε̂(∅))
 *     rescaled: ε̂ ← φ ε̂ std(ε̂(c))/std(ε̂) + (1 − φ) ε̂, the deviations over one sample
 *
 * x̂_0 is guided alike, so x_t = α x̂_0 + σ ε̂ still holds; clip or threshold around this denoiser, not inside. A learned
 * variance is the conditional one: only the mean is guided.
 *
 * @throws if scale is not a number, rescale is outside 0 … 1 or the interval is empty
 * @see Ho & Salimans 2022, eq. 6 — https://arxiv.org/abs/2207.12598; Lin et al. 2024, section 3.4 (rescale) — https://arxiv.org/abs/2305.08891;
 *   Kynkäänniemi et al. 2024 (interval) — https://arxiv.org/abs/2404.07724
 * @example
 * import { loadModel } from 'kuosan/checkpoint';
 * import { classConditions, classifierFreeGuidance, networkProcess } from 'kuosan/diffusion';
 * import { openSampler } from 'kuosan/pipelines';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 *
 * const model = await loadModel('fashion-mnist');
 * const sampler = await openSampler(createNodeExecutor(), model);
 * const { schedule } = networkProcess(model.scheduler);
 * const nothing = classConditions([model.classes!.nullClass!]);
 * const guided = classifierFreeGuidance(sampler.plainDenoiser, { schedule, scale: 3, nothing }); // a denoiser for any sampler
 */
export function classifierFreeGuidance(
  denoise: Denoiser,
  { schedule, scale, nothing, rescale = 0, asked = 'epsilon', interval = [0, Infinity] }: ClassifierFreeOptions,
): Denoiser {
  if (!Number.isFinite(scale)) throw new Error(`guidanceScale: expected a number, got ${scale}`);
  if (!(rescale >= 0 && rescale <= 1))
    throw new Error(`guidanceRescale: expected a number from 0 to 1, got ${rescale}`);
  if (!(interval[0] <= interval[1]))
    throw new Error(`guidanceInterval: expected two rising noise levels, got ${interval.join(' and ')}`);
  const { target: targetAt } = typeof asked === 'string' ? plainPreconditioning(schedule, asked) : asked;
  return async (xt, t, options) => {
    const conditional = await denoise(xt, t, options);
    const level = (time: number) => schedule.sigma(time) / schedule.alpha(time);
    const acts = t.map((time) => scale !== 1 && level(time) >= interval[0] && level(time) <= interval[1]);
    if (!acts.includes(true)) return conditional;
    const unconditional = await denoise(xt, t, {
      ...options,
      conditions: { ...options.conditions, ...repeatRow(nothing, t.length), ...options.negative },
    });
    // Where guidance does not act, only the conditional prediction counts.
    const guide = (c: FloatArray, u: FloatArray) =>
      combine(
        'classifierFreeGuidance',
        c,
        u,
        acts.map((act) => (act ? [scale, 1 - scale] : [1, 0])),
      );
    const guided = {
      ...conditional,
      x0: guide(conditional.x0, unconditional.x0),
      eps: guide(conditional.eps, unconditional.eps),
    };
    return rescale === 0 ? guided : rescaled(guided, conditional, xt, t);
  };

  function rescaled(guided: Denoised, conditional: Denoised, xt: FloatArray, t: readonly number[]): Denoised {
    const size = xt.data.length / t.length;
    const x0 = new Float32Array(xt.data.length);
    const eps = new Float32Array(xt.data.length);
    for (const [b, time] of t.entries()) {
      const [alpha, sigma] = [schedule.alpha(time), schedule.sigma(time)];
      const target = targetAt(time);
      const implied = fromOutput(target, alpha, sigma);
      const output = ({ x0: clean, eps: noise }: Denoised) =>
        Float64Array.from(
          { length: size },
          (_, i) => target[0] * clean.data[b * size + i]! + target[1] * noise.data[b * size + i]!,
        );
      const own = output(guided);
      const factor = rescale * (deviation(output(conditional)) / deviation(own)) + 1 - rescale;
      for (let i = 0; i < size; i++) {
        const [x, o] = [xt.data[b * size + i]!, factor * own[i]!];
        x0[b * size + i] = implied.x0[0] * x + implied.x0[1] * o;
        eps[b * size + i] = implied.eps[0] * x + implied.eps[1] * o;
      }
    }
    return { ...guided, x0: float32(xt.shape, x0), eps: float32(xt.shape, eps) };
  }
}

function deviation(values: Float64Array): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
}
