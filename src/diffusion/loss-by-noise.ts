import { float32, type FloatArray } from '../core/dtype.ts';
import { RandomStream } from '../core/random.ts';
import { sampleSize } from './array-arithmetic.ts';
import type { Conditions } from './conditions.ts';
import type { Denoiser } from './denoiser.ts';
import type { NoiseSchedule } from './noise-schedule.ts';
import { type Target, targetOf } from './parameterization.ts';

/** Options of `denoisingLossByNoise`. */
export interface LossByNoiseOptions {
  /** The times to look at, each above the clean image's. */
  readonly times: readonly number[];
  /** Noisy images for each time; default 256. */
  readonly draws?: number;
  /** Noisy images denoised together; default 16. */
  readonly batchSize?: number;
  /** The numbers of two denoisers with one seed are of the same noisy images, so that their difference is more certain than either. */
  readonly seed: number;
  /** What the error is measured of: x_0 and ε in these proportions, as a network is asked for them; default ε. */
  readonly target?: (t: number) => Target;
  /** What the images at the given places of the data are conditioned on; default nothing. */
  readonly conditions?: (places: readonly number[]) => Conditions | undefined;
  /** Called after every batch. */
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** An estimate of the loss at one time. */
export interface LossAtTime {
  readonly t: number;
  /** The mean over the draws and all values of an image of (ε − ε̂)², or the squared error of another target. */
  readonly loss: number;
  /** The standard error of that mean. */
  readonly standardError: number;
}

/**
 * The mean squared error of ε̂, or of another target, at each noise level, by Monte Carlo over a data set: what L_simple is made of.
 *
 *     x_0 ~ data,  ε ~ N(0, I),  x_t = α x_0 + σ ε,   mean of (ε − ε̂(x_t, t))²
 *
 * With `datasetDenoiser` it is the irreducible loss: no network has less on that data at that time, and one that comes near it
 * where little noise is left has memorized.
 *
 * @param data  [N, ...] clean images
 * @throws if there is no data or no draw; the signal's reason on abort
 * @see Ho, Jain & Abbeel 2020, eq. 14 — https://arxiv.org/abs/2006.11239
 */
export async function denoisingLossByNoise(
  denoise: Denoiser,
  data: FloatArray,
  schedule: NoiseSchedule,
  {
    times,
    draws = 256,
    batchSize = 16,
    seed,
    target = () => targetOf.epsilon(0, 1),
    conditions,
    onProgress,
    signal,
  }: LossByNoiseOptions,
): Promise<LossAtTime[]> {
  const N = data.shape[0] ?? 0;
  if (N === 0) throw new Error('denoisingLossByNoise: there are no images');
  if (!Number.isSafeInteger(draws) || draws < 2)
    throw new Error(`denoisingLossByNoise: a mean with its error needs an integer of 2 or more draws, got ${draws}`);
  const size = sampleSize('denoisingLossByNoise', data, N, 'images');
  const found: LossAtTime[] = [];
  for (const [level, t] of times.entries()) {
    const [alpha, sigma, [onX0, onEps]] = [schedule.alpha(t), schedule.sigma(t), target(t)];
    const losses = new Float64Array(draws);
    for (let start = 0; start < draws; start += batchSize) {
      signal?.throwIfAborted();
      const count = Math.min(batchSize, draws - start);
      const places: number[] = [];
      const eps = new Float32Array(count * size);
      const xt = new Float32Array(count * size);
      for (let b = 0; b < count; b++) {
        // Keyed by the draw: a time more or another batch size changes no other number.
        const stream = new RandomStream(seed, `loss at ${t}`, start + b);
        const place = stream.integer(N);
        places.push(place);
        stream.fillNormal(eps, b * size, (b + 1) * size);
        for (let i = 0; i < size; i++)
          xt[b * size + i] = alpha * data.data[place * size + i]! + sigma * eps[b * size + i]!;
      }
      const said = await denoise(float32([count, ...data.shape.slice(1)], xt), Array<number>(count).fill(t), {
        conditions: conditions?.(places),
        signal,
      });
      for (let b = 0; b < count; b++) {
        let sum = 0;
        const x0 = places[b]! * size - b * size;
        for (let i = b * size; i < (b + 1) * size; i++)
          sum += (onX0 * (data.data[x0 + i]! - said.x0.data[i]!) + onEps * (eps[i]! - said.eps.data[i]!)) ** 2;
        losses[start + b] = sum / size;
      }
      onProgress?.(level * draws + start + count, times.length * draws);
    }
    const loss = losses.reduce((sum, x) => sum + x, 0) / draws;
    const variance = losses.reduce((sum, x) => sum + (x - loss) ** 2, 0) / (draws - 1);
    found.push({ t, loss, standardError: Math.sqrt(variance / draws) });
  }
  return found;
}
