import { float32, type FloatArray, type Shape, sizeOf } from '../core/dtype.ts';
import type { RandomStream } from '../core/random.ts';
import { objectiveDefaults, type Objective } from './objective.ts';
import type { TimestepDistribution } from './time-sampling.ts';
import type { ContinuousSchedule } from './continuous-schedule.ts';
import { hasSteps, type Schedule } from './schedule.ts';

/** What Algorithm 1 draws for one batch, of which x_t = α x_0 + σ ε is made. */
export interface TrainingDraw {
  /** [B] times of the schedule. */
  readonly t: readonly number[];
  /** [B, ...] the noise ε: standard normals, with an offset a channel added where the objective has one. */
  readonly noise: FloatArray;
  /** [B] α, √ᾱ_t. */
  readonly signalScale: FloatArray;
  /** [B] σ, √(1 − ᾱ_t). */
  readonly noiseScale: FloatArray;
  /** [B] what the loss counts for: 1/(T p_t) where times were drawn with probabilities p_t, else 1. */
  readonly importance: FloatArray;
}

/**
 * The random part of a training step.
 *
 *     uniform     t ~ U{0 … T − 1} for each sample; on a continuous schedule U(0, last]
 *     stratified  t_b = ⌊T (b + u_b)/B⌋, u_b ~ U[0, 1): the same marginal distribution, less variance in the batch's loss
 *     importance  t ~ p on the T steps, uniform as long as there is no p
 *     log_normal  ln(σ/α) ~ N(timeMean, timeStd²): EDM's noise levels, and for a flow, where σ/α = t/(1 − t), logit-normal times
 *     ε ~ N(0, I), plus offsetNoise · N(0, 1) for each sample and channel
 *
 * Drawn in this order, all times before all noise, from one stream keyed by the training step
 * (`new RandomStream(seed, 'training', step)`), so that a resumed run sees the same numbers.
 *
 * @param shape      [B, ...] of the batch; with offset noise [B, C, ...]
 * @param stream     the stream of this training step
 * @param objective  what differs from plain DDPM
 * @param p          [T] probabilities of the times, for importance sampling: `LossHistory` has them
 * @throws if the shape has no batch axis, or no channels where the offset needs them
 * @see Ho, Jain & Abbeel 2020, Algorithm 1 — https://arxiv.org/abs/2006.11239; Guttenberg 2023 (offset noise); Karras et al. 2022, table 1 — https://arxiv.org/abs/2206.00364; Esser et al. 2024, section 3.1 — https://arxiv.org/abs/2403.03206
 */
export function drawTrainingNoise(
  schedule: Schedule | ContinuousSchedule,
  shape: Shape,
  stream: RandomStream,
  { offsetNoise, ...distribution }: Pick<Objective, 'offsetNoise'> & TimestepDistribution = objectiveDefaults,
  p?: Float64Array,
): TrainingDraw {
  const [count, channels] = shape;
  if (count === undefined) throw new Error('drawTrainingNoise: the shape has no batch axis');
  const t = drawTimes(schedule, count, stream, distribution, p);
  const noise = float32(shape, stream.fillNormal(new Float32Array(sizeOf(shape))));
  if (offsetNoise > 0) {
    if (channels === undefined)
      throw new Error(
        `drawTrainingNoise: offset noise is one number a channel, and [${shape.join(', ')}] has no channels`,
      );
    const offsets = stream.fillNormal(new Float32Array(count * channels));
    const plane = noise.data.length / offsets.length;
    const data = noise.data as Float32Array;
    for (const [i, offset] of offsets.entries())
      for (let k = i * plane; k < (i + 1) * plane; k++) data[k] = data[k]! + offsetNoise * offset;
  }
  return {
    t,
    noise,
    signalScale: float32(
      [count],
      t.map((time) => schedule.alpha(time)),
    ),
    noiseScale: float32(
      [count],
      t.map((time) => schedule.sigma(time)),
    ),
    importance: float32(
      [count],
      t.map((time) => (p ? 1 / (p.length * p[time]!) : 1)),
    ),
  };
}

function drawTimes(
  schedule: Schedule | ContinuousSchedule,
  count: number,
  stream: RandomStream,
  { timeSampling, timeMean = 0, timeStd = 1 }: TimestepDistribution,
  p?: Float64Array,
): readonly number[] {
  const each = (draw: (b: number) => number) => Array.from({ length: count }, (_, b) => draw(b));
  const uniform = () => (hasSteps(schedule) ? stream.integer(schedule.T) : schedule.last * (1 - stream.uniform()));
  const part = (b: number) => (b + stream.uniform()) / count;
  switch (timeSampling) {
    case 'log_normal':
      return Array.from(stream.fillNormal(new Float64Array(count)), (z) =>
        schedule.time(1, Math.exp(timeMean + timeStd * z)),
      );
    case 'importance':
      return each(() => (p ? timeAt(p, stream.uniform()) : uniform()));
    case 'uniform':
      return each(uniform);
    // The noisiest part first where times are continuous: 0, the clean image, must not be hit.
    case 'stratified':
      return each((b) => (hasSteps(schedule) ? Math.floor(schedule.T * part(b)) : schedule.last * (1 - part(b))));
  }
}

/** The first time at which the sum of the probabilities goes beyond u in 0 … 1. */
function timeAt(p: Float64Array, u: number): number {
  let t = 0;
  for (let sum = p[0]!; sum <= u && t < p.length - 1; sum += p[++t]!);
  return t;
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
export function gaussianIrreducibleLoss(schedule: Schedule, t: number, s: number): number {
  const alphaBar = schedule.alphaBar(t);
  return (alphaBar * s ** 2) / (alphaBar * s ** 2 + 1 - alphaBar);
}
