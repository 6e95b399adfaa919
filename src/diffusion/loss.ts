import { float32, type FloatArray, type Shape, sizeOf } from '../core/dtype.ts';
import type { RandomStream } from '../core/random.ts';
import type { Schedule } from './schedule.ts';

/** What Algorithm 1 draws for one batch; the graph computes x_t = signalScale · x_0 + noiseScale · noise from it. */
export interface TrainingDraw {
  /** [B] times in 0 … T − 1. */
  readonly t: readonly number[];
  /** [B, ...] standard normals ε, also the target of the ε-loss. */
  readonly noise: FloatArray;
  /** [B] √ᾱ_t. */
  readonly signalScale: FloatArray;
  /** [B] √(1 − ᾱ_t). */
  readonly noiseScale: FloatArray;
}

/**
 * The random part of a training step.
 *
 *     t ~ U{0 … T − 1} for each sample,   ε ~ N(0, I)
 *
 * Drawn in this order, all times before all noise, from one stream keyed by the training step
 * (`new RandomStream(seed, 'training', step)`), so that a resumed run sees the same numbers.
 *
 * @param shape   [B, ...] of the batch
 * @param stream  the stream of this training step
 * @throws if the shape has no batch axis
 * @see Ho, Jain & Abbeel 2020, Algorithm 1 — https://arxiv.org/abs/2006.11239
 */
export function drawTrainingNoise(schedule: Schedule, shape: Shape, stream: RandomStream): TrainingDraw {
  const count = shape[0];
  if (count === undefined) throw new Error('drawTrainingNoise: the shape has no batch axis');
  const t = Array.from({ length: count }, () => stream.integer(schedule.T));
  const noise = float32(shape, stream.fillNormal(new Float32Array(sizeOf(shape))));
  return {
    t,
    noise,
    signalScale: float32([count], t.map((time) => schedule.alpha(time))),
    noiseScale: float32([count], t.map((time) => schedule.sigma(time))),
  };
}

/**
 * The least mean squared error of ε̂ that is possible at time t on data N(μ, s² I).
 *
 *     E (ε − E[ε | x_t])² = ᾱ s²/(ᾱ s² + 1 − ᾱ)
 *
 * A training loop that works comes down to it; a network that outputs 0 has error 1.
 *
 * @param t  0 … T − 1
 * @param s  standard deviation of the data
 */
export function gaussianEpsFloor(schedule: Schedule, t: number, s: number): number {
  const alphaBar = schedule.alphaBar(t);
  return (alphaBar * s ** 2) / (alphaBar * s ** 2 + 1 - alphaBar);
}
