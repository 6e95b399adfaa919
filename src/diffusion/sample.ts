import { float32, type FloatArray, type Shape, sizeOf } from '../core/dtype.ts';
import { drawNoise, type NoiseStream, sampleSize } from './batch.ts';
import { ddim, type DdimOptions } from './samplers/ddim.ts';
import { ddpm, type DdpmOptions } from './samplers/ddpm.ts';
import type { Sampler, SamplerState } from './samplers/sampler.ts';
import { timesteps, type TimestepSpacing } from './timesteps.ts';

/** The options of all samplers together; a sampler reads its own and leaves the others. */
export type AnySamplerOptions = DdpmOptions & DdimOptions;

/** A sampler and the times it is run at when nobody says. */
export interface SamplerDefinition {
  readonly run: Sampler<AnySamplerOptions>;
  /** The number of steps; absent, all of the schedule's. */
  readonly steps?: number;
  readonly spacing: TimestepSpacing;
}

/**
 * The samplers by the names of the command line.
 *
 * ddpm: all T steps (Ho et al. 2020); fewer are spread as in Nichol & Dhariwal 2021, from T − 1 to 0.
 * ddim: 50 steps (Song et al. 2021, table 1: near its best for the cost), leading as in its own code: at T − 1 an ε-prediction says
 * next to nothing of x̂_0, because its error is divided by √ᾱ_T ≈ 0.
 */
export const samplers = {
  ddpm: { run: ddpm, spacing: 'linspace' },
  ddim: { run: ddim, steps: 50, spacing: 'leading' },
} as const satisfies Record<string, SamplerDefinition>;

/** The name of a sampler. */
export type SamplerName = keyof typeof samplers;

/**
 * The sampler of a name.
 *
 * @throws if there is none of that name, listing those there are
 */
export function samplerNamed(name: string): SamplerDefinition {
  if (!Object.hasOwn(samplers, name)) throw new Error(`unknown sampler "${name}"; one of ${Object.keys(samplers).join(', ')}`);
  return samplers[name as SamplerName];
}

/**
 * The times at which a sampler runs on a schedule of T steps.
 *
 * @param steps  how many; default the sampler's own number, or T if that is less
 * @throws if steps is not an integer in 1 … T
 */
export function samplerTimesteps(sampler: SamplerDefinition, T: number, steps: number = Math.min(sampler.steps ?? T, T)): readonly number[] {
  return timesteps(T, steps, { spacing: sampler.spacing });
}

/**
 * Standard normals to begin from, sample b from stream b.
 *
 * @param shape    [B, ...]
 * @param streams  [B]; hand the same ones to the sampler, which draws on from where this stopped
 * @returns        [B, ...]
 * @throws if B is not the number of streams
 */
export function initialNoise(shape: Shape, streams: readonly NoiseStream[]): FloatArray {
  const noise = float32(shape, new Float32Array(sizeOf(shape)));
  sampleSize('initialNoise', noise, streams.length, 'random streams');
  drawNoise(noise.data, streams);
  return noise;
}

/**
 * Runs a sampler to its end.
 *
 * @returns [B, ...] the finished pictures
 */
export async function drainSampler(states: AsyncIterable<SamplerState>): Promise<FloatArray> {
  let last: SamplerState | undefined;
  for await (const state of states) last = state;
  if (last === undefined) throw new Error('drainSampler: the sampler took no step');
  return last.xt;
}
