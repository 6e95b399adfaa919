import { float32, type FloatArray } from '../core/dtype.ts';
import { checkSameShape, sampleSize } from './array-arithmetic.ts';
import type { Conditions } from './conditions.ts';
import type { NoiseSchedule } from './noise-schedule.ts';
import { epsFromX0, type FromOutput, fromOutput, type PredictionType } from './parameterization.ts';
import { type Preconditioning, plainPreconditioning } from './preconditioning.ts';

/** What a denoiser is given besides x_t and t. */
export interface DenoiseOptions {
  /** One row of each for each sample of the batch; absent, there are none. */
  readonly conditions?: Conditions | undefined;
  /** What guidance leads away from, one row for each sample: a negative prompt. Where a name is absent, the model's own row for "without a condition". */
  readonly negative?: Conditions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a denoiser knows about a noisy batch. x_t = α x0 + σ eps, unless x0 was clipped and eps was not re-derived. */
export interface Denoised {
  /** [B, ...] x̂_0 ≈ E[x_0 | x_t]. */
  readonly x0: FloatArray;
  /** [B, ...] ε̂ ≈ E[ε | x_t]. */
  readonly eps: FloatArray;
  /** [B, ...] from networks that learn the variance: where ln Σ lies between ln β̃ (0) and ln β (1) of the step taken. */
  readonly varianceFraction?: FloatArray;
}

/**
 * Estimates the clean image and the noise from a noisy batch.
 *
 * Guidance is a denoiser that wraps a denoiser; an exact denoiser (a Gaussian, a finite data set) is another.
 *
 * @param xt  [B, ...]
 * @param t   [B] a time for each sample, in the schedule's own domain (0 … T − 1)
 */
export type Denoiser = (xt: FloatArray, t: readonly number[], options: DenoiseOptions) => Promise<Denoised>;

/** What a network says about a noisy batch. */
export interface Prediction {
  /** [B, ...] ε̂, x̂_0, v̂ or û. */
  readonly output: FloatArray;
  /** [B, ...] the second half of the channels of a network that learns the variance, about −1 … 1. */
  readonly variance?: FloatArray;
}

/** A network: from x_t [B, ...], times [B] and conditions to its prediction [B, ...], alone or with its variance. */
export type Predict = (
  xt: FloatArray,
  t: readonly number[],
  conditions: Conditions | undefined,
  signal: AbortSignal | undefined,
) => Promise<FloatArray | Prediction>;

/** Options of `fromPrediction`. */
export interface PredictionOptions {
  /** x̂_0 is held to ±clip; absent, it is not. Images in [−1, 1] want 1, as in Ho's Algorithm 2. */
  readonly clip?: number | undefined;
  /**
   * Whether ε̂ is computed again from the clipped x̂_0, so that x_t = α x̂_0 + σ ε̂ still holds; default true, as OpenAI's
   * code and GLIDE do. False keeps the network's ε̂, as diffusers does by default (`use_clipped_model_output=False`).
   * It matters only where x̂_0 clips, and only to samplers that use ε̂ (DDIM; DDPM does not).
   */
  readonly rederiveEps?: boolean;
}

/**
 * The denoiser of a network.
 *
 *     ε:  x̂_0 = (x_t − σ ε̂)/α        v:  x̂_0 = α x_t − σ v̂,  ε̂ = α v̂ + σ x_t
 *     then x̂_0 is clipped, and ε̂ = (x_t − α x̂_0)/σ where it was
 *
 * @param predict   the network
 * @param schedule  maps t to α and σ
 * @param asked     what the network's output is, or for one that sees x_t scaled and t in its own way, how it takes part
 * @throws if the prediction type is unknown or clip is not positive; when run, if the output has not the shape of the
 *   input, or ε is predicted at a time without any signal (α = 0), where it says nothing of x_0
 * @see Ho, Jain & Abbeel 2020, eq. 15 — https://arxiv.org/abs/2006.11239; Salimans & Ho 2022, section 4 — https://arxiv.org/abs/2202.00512
 */
export function fromPrediction(
  predict: Predict,
  schedule: NoiseSchedule,
  asked: PredictionType | Preconditioning,
  { clip, rederiveEps = true }: PredictionOptions = {},
): Denoiser {
  if (clip !== undefined && !(clip > 0)) throw new Error(`fromPrediction: clip must be positive, got ${clip}`);
  const {
    inputScale,
    networkTime,
    target: targetAt,
  } = typeof asked === 'string' ? plainPreconditioning(schedule, asked) : asked;
  return async (xt, t, { conditions, signal }) => {
    const size = sampleSize('fromPrediction', xt, t.length, 'times');
    const scales = t.map(inputScale);
    const seen = scales.every((scale) => scale === 1)
      ? xt
      : float32(
          xt.shape,
          Float32Array.from(xt.data, (x, i) => scales[Math.floor(i / size)]! * x),
        );
    const said = await predict(seen, t.map(networkTime), conditions, signal);
    const { output, variance }: Prediction = 'output' in said ? said : { output: said };
    checkSameShape('fromPrediction', 'the prediction', output, xt);
    const x0 = new Float32Array(xt.data.length);
    const eps = new Float32Array(xt.data.length);
    for (const [b, time] of t.entries()) {
      const alpha = schedule.alpha(time);
      const sigma = schedule.sigma(time);
      const target = targetAt(time);
      if (alpha === 0 && target[0] === 0)
        throw new Error(
          `fromPrediction: at time ${time} there is no signal left, and ε-prediction has no information about x_0; start at an earlier time or predict v`,
        );
      const of = ({ data }: FloatArray) => data.subarray(b * size, (b + 1) * size);
      const own = {
        xt: of(xt),
        x0: x0.subarray(b * size, (b + 1) * size),
        eps: eps.subarray(b * size, (b + 1) * size),
      };
      imply(fromOutput(target, alpha, sigma), of(output), own);
      if (clip !== undefined) clipX0(own, clip, alpha, sigma, rederiveEps);
    }
    return {
      x0: float32(xt.shape, x0),
      eps: float32(xt.shape, eps),
      ...(variance && { varianceFraction: fractionOf(variance, xt) }),
    };
  };
}

/** The values of one sample of a batch. */
export interface DenoisedSample {
  readonly xt: Float32Array;
  readonly x0: Float32Array;
  readonly eps: Float32Array;
}

/** Writes what an output implies. */
function imply({ x0: [a, b], eps: [c, d] }: FromOutput, output: Float32Array, { xt, x0, eps }: DenoisedSample): void {
  for (let i = 0; i < xt.length; i++) {
    const [x, o] = [xt[i]!, output[i]!];
    x0[i] = a * x + b * o;
    eps[i] = c * x + d * o;
  }
}

/**
 * Holds x̂_0 to ±range in place, and lets ε̂ follow where it was outside.
 *
 * @param rederive  whether ε̂ follows; default true
 */
export function clipX0(
  { xt, x0, eps }: DenoisedSample,
  range: number,
  alpha: number,
  sigma: number,
  rederive = true,
): void {
  for (let i = 0; i < x0.length; i++) {
    const estimate = x0[i]!;
    if (estimate >= -range && estimate <= range) continue;
    // min and max pass NaN on, so a network that has diverged stays visible.
    const held = Math.min(Math.max(estimate, -range), range);
    x0[i] = held;
    if (rederive) eps[i] = epsFromX0(xt[i]!, held, alpha, sigma);
  }
}

/**
 * (v̂ + 1)/2, the interpolation between ln β̃ and ln β that the network learned.
 *
 * @see Nichol & Dhariwal 2021, eq. 15 — https://arxiv.org/abs/2102.09672
 */
function fractionOf(variance: FloatArray, xt: FloatArray): FloatArray {
  checkSameShape('fromPrediction', 'the variance', variance, xt);
  return float32(
    xt.shape,
    variance.data.map((v) => (v + 1) / 2),
  );
}
