import type { FloatArray } from '../../core/dtype.ts';
import { combine } from '../array-arithmetic.ts';
import type { Denoiser } from '../denoiser.ts';
import { isContinuous } from '../continuous-schedule.ts';
import type { NoiseSchedule } from '../noise-schedule.ts';
import { initialNoise } from '../samplers.ts';
import type { Sampler, SamplerOptions, SamplerState } from '../samplers/sampler.ts';

/** Options of `imageToImage`, besides those of its sampler. */
export interface ImageToImageOptions {
  /** How far back towards the noise the image is taken: 0 leaves it as it is, 1 forgets it. */
  readonly strength: number;
}

/**
 * The times that are left of a list when an image is taken back only a part of the way: the time at that part of the
 * schedule, and those of the list that lie below it.
 *
 * @param strength  0 … 1, a share of the schedule's time; on a discrete-time schedule a whole step of it, on a continuous one its `timeAt`
 * @returns         the list itself at 1, nothing at 0
 * @throws if strength is outside 0 … 1
 */
export function timesFromStrength(
  schedule: NoiseSchedule,
  times: readonly number[],
  strength: number,
): readonly number[] {
  if (!(strength >= 0 && strength <= 1)) throw new Error(`strength: expected a number from 0 to 1, got ${strength}`);
  if (strength === 1) return times;
  const { clean, last } = schedule;
  const share = strength * (last - clean);
  const start = isContinuous(schedule) ? schedule.timeAt(strength) : clean + (clean < 0 ? Math.round(share) : share);
  return start === clean ? [] : [start, ...times.filter((t) => t < start)];
}

/**
 * SDEdit: denoises a noisy version of an image, which keeps its coarse structure while the model adds detail.
 *
 *     x_t = α_t x_0 + σ_t ε  at t = strength · T, and the sampler from there
 *
 * At strength 0 the one state is the image itself; at 1 it is forgotten, and the sampler begins with the noise alone,
 * as ever.
 *
 * @param run      any sampler
 * @param x0       [B, ...] the images
 * @param options  the sampler's own, with its whole list of `timesteps`, and `strength`
 * @returns        the sampler's states
 * @throws if strength is outside 0 … 1, and what the sampler throws
 * @see Meng et al. 2022 (SDEdit), algorithm 1 — https://arxiv.org/abs/2108.01073
 */
export async function* imageToImage<Options extends SamplerOptions>(
  run: Sampler<Options>,
  denoise: Denoiser,
  x0: FloatArray,
  options: Options & ImageToImageOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  const { schedule, streams, strength } = options;
  const timesteps = timesFromStrength(schedule, options.timesteps, strength);
  const [first] = timesteps;
  if (first === undefined) {
    yield { step: 0, t: schedule.clean, xt: x0, x0 };
    return;
  }
  const xt =
    strength === 1
      ? initialNoise(x0.shape, streams, schedule.priorStd(first))
      : combine(
          'imageToImage',
          x0,
          initialNoise(x0.shape, streams),
          streams.map(() => [schedule.alpha(first), schedule.sigma(first)]),
        );
  yield* run(denoise, xt, { ...options, timesteps });
}
