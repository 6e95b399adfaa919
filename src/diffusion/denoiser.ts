import { float32, type FloatArray, type HostArray } from '../core/dtype.ts';
import { checkSameShape, sampleSize } from './batch.ts';
import { epsFromX0, type PredictionType, predictionTypes, x0FromEps } from './parameterization.ts';
import type { Schedule } from './schedule.ts';

/** What a picture is conditioned on; each entry has one row for each sample of the batch. */
export interface Conditioning {
  /** [B] class indices. */
  readonly classLabels?: readonly number[];
  /** [B, L, D] a sequence to attend to. */
  readonly encoderHiddenStates?: FloatArray;
  /** [B, L] bool, true where the sequence has a token. */
  readonly encoderAttentionMask?: HostArray;
  /** [B, D] one vector for each sample. */
  readonly pooled?: FloatArray;
  /** [B, C, H, W] a picture the network sees beside x_t, concatenated on the channel axis. */
  readonly image?: FloatArray;
}

/** What else a denoiser is told. */
export interface DenoiseOptions {
  readonly cond?: Conditioning | undefined;
  /** [B, ...] the x̂_0 of the step before, for self-conditioning; absent at the first step. */
  readonly x0Prev?: FloatArray | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a denoiser knows about a noisy batch. x_t = α x0 + σ eps, unless x0 was clipped and eps was not re-derived. */
export interface Denoised {
  /** [B, ...] x̂_0 ≈ E[x_0 | x_t]. */
  readonly x0: FloatArray;
  /** [B, ...] ε̂ ≈ E[ε | x_t]. */
  readonly eps: FloatArray;
  /** [B, ...] the variance of the reverse step, from networks that learn it. */
  readonly variance?: FloatArray;
}

/**
 * Estimates the clean picture and the noise from a noisy batch.
 *
 * Guidance is a denoiser that wraps a denoiser; an exact denoiser (a Gaussian, a finite data set) is another.
 *
 * @param xt  [B, ...]
 * @param t   [B] a time for each sample, in the schedule's own domain (0 … T − 1)
 */
export type Denoiser = (xt: FloatArray, t: readonly number[], options: DenoiseOptions) => Promise<Denoised>;

/** A network: from x_t [B, ...], times [B] and conditioning to its prediction [B, ...]. */
export type Predict = (xt: FloatArray, t: readonly number[], cond: Conditioning | undefined, signal: AbortSignal | undefined) => Promise<FloatArray>;

/** Options of `fromPrediction`. */
export interface PredictionOptions {
  /** x̂_0 is held to ±clip; absent, it is not. Pictures in [−1, 1] want 1, as in Ho's Algorithm 2. */
  readonly clip?: number | undefined;
  /**
   * Whether ε̂ is computed again from the clipped x̂_0, so that x_t = α x̂_0 + σ ε̂ still holds; default true, as OpenAI's
   * code and GLIDE do. False keeps the network's ε̂, as diffusers does by default (`use_clipped_model_output=False`).
   * It matters only where x̂_0 clips, and only to samplers that use ε̂ (DDIM; DDPM does not).
   */
  readonly rederiveEps?: boolean;
}

/**
 * The denoiser of a network that predicts ε.
 *
 *     x̂_0 = clip((x_t − σ ε̂)/α),   ε̂ = (x_t − α x̂_0)/σ where x̂_0 was clipped
 *
 * @param predict         the network
 * @param schedule        maps t to α and σ
 * @param predictionType  what the network's output is
 * @throws if the prediction type is unknown or clip is not positive; when run, if the output has not the shape of the input
 * @see Ho, Jain & Abbeel 2020, eq. 15 — https://arxiv.org/abs/2006.11239
 */
export function fromPrediction(predict: Predict, schedule: Schedule, predictionType: PredictionType, { clip, rederiveEps = true }: PredictionOptions = {}): Denoiser {
  if (!predictionTypes.includes(predictionType)) throw new Error(`unknown predictionType "${String(predictionType)}"; one of ${predictionTypes.join(', ')}`);
  if (clip !== undefined && !(clip > 0)) throw new Error(`fromPrediction: clip must be positive, got ${clip}`);
  return async (xt, t, { cond, signal }) => {
    const size = sampleSize('fromPrediction', xt, t.length, 'times');
    const output = await predict(xt, t, cond, signal);
    checkSameShape('fromPrediction', 'the prediction', output, xt);
    const x0 = new Float32Array(xt.data.length);
    const eps = new Float32Array(output.data);
    for (const [b, time] of t.entries()) {
      const alpha = schedule.alpha(time);
      const sigma = schedule.sigma(time);
      for (let i = b * size; i < (b + 1) * size; i++) {
        const x = xt.data[i]!;
        const estimate = x0FromEps(x, eps[i]!, alpha, sigma);
        x0[i] = estimate;
        if (clip === undefined || (estimate >= -clip && estimate <= clip)) continue;
        // min and max pass NaN on, so a network that has diverged stays visible.
        const clipped = Math.min(Math.max(estimate, -clip), clip);
        x0[i] = clipped;
        if (rederiveEps) eps[i] = epsFromX0(x, clipped, alpha, sigma);
      }
    }
    return { x0: float32(xt.shape, x0), eps: float32(xt.shape, eps) };
  };
}
