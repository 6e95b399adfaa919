import type { FloatArray } from '../../core/dtype.ts';
import { type NoiseStream, sampleSize } from '../array-arithmetic.ts';
import type { DenoiseOptions, Denoiser } from '../denoiser.ts';
import type { NoiseSchedule } from '../noise-schedule.ts';
import { checkTimes } from '../timesteps.ts';

/** What every sampler needs to know. Its signal is looked at before every step; an abort throws the signal's reason. */
export interface SamplerOptions extends DenoiseOptions {
  readonly schedule: NoiseSchedule;
  /** The falling times at which the denoiser is asked; after the last comes the clean image. */
  readonly timesteps: readonly number[];
  /** [B] one stream for each sample, so that a sample does not depend on the batch. */
  readonly streams: readonly NoiseStream[];
}

/** Where a sampler stands after a step. */
export interface SamplerState {
  /** The step just taken, from 0. */
  readonly step: number;
  /** The time xt has now reached: the next entry of the list; the schedule's `clean` after the last step. */
  readonly t: number;
  /** [B, ...] the sample at time t; the finished image after the last step. A new array at every step. */
  readonly xt: FloatArray;
  /** [B, ...] the clean image as estimated in this step. */
  readonly x0: FloatArray;
}

/**
 * An algorithm that turns noise into images: a pure generator of its states, one for each of its timesteps.
 *
 * @param denoise  estimates x_0 and ε
 * @param xT       [B, ...] where to begin: noise at the first timestep; it is not written to
 */
export type Sampler<Options extends SamplerOptions = SamplerOptions> = (
  denoise: Denoiser,
  xT: FloatArray,
  options: Options,
) => AsyncGenerator<SamplerState, void, undefined>;

/** Checks what all samplers are given. @throws if the streams or times do not fit */
export function checkSampler(name: string, xT: FloatArray, { schedule, timesteps, streams }: SamplerOptions): void {
  checkTimes(name, timesteps, schedule);
  sampleSize(name, xT, streams.length, 'random streams');
}

/**
 * σ/α at a time, the noise level in which k-diffusion's samplers think.
 *
 * @returns a function that throws where there is no signal (α = 0), since there the level is infinite
 */
export function noiseLevel(name: string, schedule: NoiseSchedule): (t: number) => number {
  return (t) => {
    const alpha = schedule.alpha(t);
    if (alpha === 0)
      throw new Error(
        `${name}: at time ${t} no signal is left (alpha is 0), and its noise level is infinite; take a sampler that starts without signal, with the trailing spacing where the schedule has steps, or begin at an earlier time`,
      );
    return schedule.sigma(t) / alpha;
  };
}
