import { float32, type FloatArray, type Shape, sizeOf } from '../core/dtype.ts';
import { unknownName } from '../core/suggest.ts';
import { drawNoise, type NoiseStream, sampleSize } from './array-arithmetic.ts';
import { ddim, type DdimOptions } from './samplers/ddim.ts';
import { ddpm, type DdpmOptions } from './samplers/ddpm.ts';
import { dpm2 } from './samplers/dpm2.ts';
import { dpmpp2m } from './samplers/dpmpp-2m.ts';
import { dpmpp2mSde, type Dpmpp2mSdeOptions } from './samplers/dpmpp-2m-sde.ts';
import { euler } from './samplers/euler.ts';
import { eulerAncestral } from './samplers/euler-ancestral.ts';
import { heun, type HeunOptions } from './samplers/heun.ts';
import type { Sampler, SamplerState } from './samplers/sampler.ts';
import { unipc } from './samplers/unipc.ts';
import type { ContinuousSchedule } from './continuous-schedule.ts';
import { hasSteps, type Schedule } from './schedule.ts';
import { exponentialSigmas, karrasSigmas, sigmaRange, timesOfSigmas } from './sigmas.ts';
import { timesteps, timestepSpacings } from './timesteps.ts';

/** The options of all samplers together; a sampler reads its own and leaves the others. */
export type AnySamplerOptions = DdpmOptions & DdimOptions & HeunOptions & Dpmpp2mSdeOptions;

/** A row of `samplers`: everything that a command, a page or a message says of a sampler. */
export interface SamplerDefinition {
  readonly run: Sampler<AnySamplerOptions>;
  /** As people call it. */
  readonly title: string;
  /** One sentence on when to take it. */
  readonly hint: string;
  /** How often a step evaluates the denoiser; the step to the clean sample always once. */
  readonly evaluations: 1 | 2;
  /** The number of steps when nobody says, or the schedule's if it has fewer. */
  readonly steps: number;
  readonly spacing: TimeSpacing;
  /** Which of the options that not all have it reads. */
  readonly takes?: readonly ('eta' | 'churn')[];
  /** η when nobody says, for those that take it. */
  readonly eta?: number;
  /** Its steps add noise also when no option asks for it, so that the noise it begins with does not determine the sample. */
  readonly random?: true;
  /** It cannot begin where no signal is left (α = 0), because there its noise level is infinite. */
  readonly needsSignal?: true;
}

/** Samplers by the names of the command line; those who list them take the table as an argument, so that one more is found everywhere. */
export type SamplerTable = Readonly<Record<string, SamplerDefinition>>;

/**
 * The samplers by the names of the command line.
 *
 * ddpm: a tenth of the thousand steps of Ho et al. 2020, spread as in Nichol & Dhariwal 2021, from T − 1 to 0: on small models images of
 * 100 and of 250 steps look alike, and both look better than DDIM's, whose noise-free steps mend no errors.
 * ddim: 50 steps (Song et al. 2021, table 1: near its best for the cost), leading as in its own code: at T − 1 an ε-prediction says
 * next to nothing of x̂_0, because its error is divided by √ᾱ_T ≈ 0.
 * The others solve in noise levels and take Karras' (2022, eq. 5). Heun and DPM2 evaluate twice a step: 18 steps are EDM's 35
 * evaluations on CIFAR-10. The multistep solvers are at their best for the cost near 20 (Lu et al. 2022, section 7).
 */
export const samplers = {
  ddpm: {
    run: ddpm,
    title: 'DDPM',
    hint: 'Fresh noise at every step; best with many.',
    evaluations: 1,
    steps: 100,
    spacing: 'linspace',
    random: true,
  },
  ddim: {
    run: ddim,
    title: 'DDIM',
    hint: 'No noise at η = 0: the seed alone decides.',
    evaluations: 1,
    steps: 50,
    spacing: 'leading',
    takes: ['eta'],
    eta: 0,
  },
  euler: {
    run: euler,
    title: 'Euler',
    hint: 'The simplest solver of the reverse process.',
    evaluations: 1,
    steps: 50,
    spacing: 'karras',
  },
  'euler-ancestral': {
    run: eulerAncestral,
    title: 'Euler, ancestral',
    hint: 'Fresh noise at every step.',
    evaluations: 1,
    steps: 50,
    spacing: 'karras',
    takes: ['eta'],
    eta: 1,
    random: true,
  },
  heun: {
    run: heun,
    title: 'Heun',
    hint: 'Evaluates twice a step: of second order.',
    evaluations: 2,
    steps: 18,
    spacing: 'karras',
    takes: ['churn'],
  },
  dpm2: {
    run: dpm2,
    title: 'DPM2',
    hint: 'Evaluates twice a step: of second order.',
    evaluations: 2,
    steps: 18,
    spacing: 'karras',
    needsSignal: true,
  },
  'dpmpp-2m': {
    run: dpmpp2m,
    title: 'DPM-Solver++ (2M)',
    hint: 'Uses the step before: 20 are enough.',
    evaluations: 1,
    steps: 20,
    spacing: 'karras',
  },
  'dpmpp-2m-sde': {
    run: dpmpp2mSde,
    title: 'DPM-Solver++ (2M), SDE',
    hint: 'Uses the step before, with noise.',
    evaluations: 1,
    steps: 25,
    spacing: 'karras',
    takes: ['eta'],
    eta: 1,
    random: true,
  },
  unipc: {
    run: unipc,
    title: 'UniPC',
    hint: 'Corrects itself at every step: 20 are enough.',
    evaluations: 1,
    steps: 20,
    spacing: 'karras',
  },
} as const satisfies SamplerTable;

/** The name of a sampler. */
export type SamplerName = keyof typeof samplers;

/** All of them, in the order of the table. */
export const samplerNames = Object.keys(samplers) as [SamplerName, ...SamplerName[]];

/** A sampler with its name. */
export interface NamedSampler extends SamplerDefinition {
  readonly name: string;
}

/** The rows of a table with their names, those that fit. */
export function samplersWhich(
  fits: (sampler: NamedSampler) => boolean = () => true,
  table: SamplerTable = samplers,
): NamedSampler[] {
  return Object.entries(table)
    .map(([name, row]) => ({ name, ...row }))
    .filter(fits);
}

/**
 * The sampler of a name.
 *
 * @throws if there is none of that name, listing those there are
 */
export function samplerNamed(name: string, table: SamplerTable = samplers): NamedSampler {
  if (!Object.hasOwn(table, name)) throw new Error(unknownName('sampler', name, Object.keys(table)));
  return { name, ...table[name]! };
}

/** How often a sampler evaluates the denoiser in so many steps. */
export function evaluationsOf({ evaluations }: Pick<SamplerDefinition, 'evaluations'>, steps: number): number {
  return evaluations * (steps - 1) + 1;
}

/** Ways to choose a sampler's times: of a schedule's T steps, or by noise level. */
export const timeSpacings = [...timestepSpacings, 'karras', 'exponential'] as const;
/** One of `timeSpacings`. */
export type TimeSpacing = (typeof timeSpacings)[number];

/**
 * The times at which a sampler runs on a schedule.
 *
 * @param steps    how many; default the sampler's own number, or T if that is less
 * @param spacing  default the sampler's own, or a continuous schedule's: its `times`
 * @returns        falling times in 0 … T − 1; integers but for `karras` and `exponential`, which lie between steps
 * @throws if steps is not an integer in 1 … T, the spacing goes by noise level and the last time has no signal, it picks steps and
 *   the schedule has none, or the sampler cannot begin where the list does
 */
export function samplerTimesteps(
  sampler: SamplerDefinition & { readonly name?: string },
  schedule: Schedule | ContinuousSchedule,
  { steps, spacing }: { readonly steps?: number | undefined; readonly spacing?: TimeSpacing | undefined } = {},
): readonly number[] {
  const times = listedTimes(sampler, schedule, { steps, spacing });
  if (sampler.needsSignal && schedule.alpha(times[0]!) === 0) {
    const others = samplersWhich(({ needsSignal }) => !needsSignal).map(({ name }) => name);
    throw new Error(
      `${sampler.name ?? sampler.title}: at time ${times[0]!} no signal is left (alpha is 0), and its noise level is infinite; take ${others.slice(0, -1).join(', ')} or ${others.at(-1)!}, with the trailing spacing where the schedule has steps, or begin at an earlier time`,
    );
  }
  return times;
}

function listedTimes(
  sampler: SamplerDefinition,
  schedule: Schedule | ContinuousSchedule,
  { steps, spacing }: { readonly steps?: number | undefined; readonly spacing?: TimeSpacing | undefined },
): readonly number[] {
  const byLevel = (count: number, by: 'karras' | 'exponential') =>
    timesOfSigmas(schedule, (by === 'karras' ? karrasSigmas : exponentialSigmas)(count, sigmaRange(schedule)));
  if (!hasSteps(schedule)) {
    const count = steps ?? sampler.steps;
    if (spacing === undefined) return schedule.times(count);
    if (spacing === 'karras' || spacing === 'exponential') return byLevel(count, spacing);
    throw new Error(
      `spacing ${spacing}: picks some of a schedule's steps, and this one is continuous; take karras or exponential, or leave it out`,
    );
  }
  const { T } = schedule;
  const [count, by] = [steps ?? Math.min(sampler.steps, T), spacing ?? sampler.spacing];
  if (by !== 'karras' && by !== 'exponential') return timesteps(T, count, { spacing: by });
  if (!Number.isSafeInteger(count) || count < 1 || count > T)
    throw new Error(
      `timesteps: the number of steps must be an integer in 1 … ${T}, got ${count}; the schedule has ${T}`,
    );
  return byLevel(count, by);
}

/**
 * Noise to begin from, sample b from stream b.
 *
 * @param shape    [B, ...]
 * @param streams  [B]; pass the same streams to the sampler, which continues where this stopped
 * @param std      its standard deviation, the schedule's `priorStd` at the first time; default 1
 * @returns        [B, ...]
 * @throws if B is not the number of streams
 */
export function initialNoise(shape: Shape, streams: readonly NoiseStream[], std = 1): FloatArray {
  const noise = float32(shape, new Float32Array(sizeOf(shape)));
  sampleSize('initialNoise', noise, streams.length, 'random streams');
  drawNoise(noise.data, streams);
  if (std !== 1)
    noise.data.forEach((z, i) => {
      noise.data[i] = std * z;
    });
  return noise;
}

/**
 * Runs a sampler to its end.
 *
 * @returns [B, ...] the finished images
 */
export async function drainSampler(states: AsyncIterable<SamplerState>): Promise<FloatArray> {
  let last: SamplerState | undefined;
  for await (const state of states) last = state;
  if (last === undefined) throw new Error('drainSampler: the sampler took no step');
  return last.xt;
}
