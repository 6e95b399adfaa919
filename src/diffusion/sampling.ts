/** How a model is sampled: one place for what is taken when nobody says. */
import type { DynamicThresholdOptions } from './guidance/thresholding.ts';
import type { NetworkProcess } from './processes/process-definition.ts';
import { evaluationsOf, type SamplerName, samplerNamed, type TimeSpacing } from './samplers.ts';
import { hasSteps } from './schedule.ts';

/** What is done to a denoiser before it is sampled. */
export interface Guidance {
  /** Classifier-free guidance in diffusers' convention: 1 is off; default 1. */
  readonly guidanceScale?: number | undefined;
  /** φ of the rescaled guidance; default 0. */
  readonly guidanceRescale?: number | undefined;
  /** Noise levels σ/α between which guidance acts; default everywhere. */
  readonly guidanceInterval?: readonly [number, number] | undefined;
  /** Imagen's thresholding of x̂_0, in the place of clipping. */
  readonly dynamicThresholding?: DynamicThresholdOptions | undefined;
}

/** Which sampler walks back, and where it stops over. */
export interface SamplerChoice {
  /** A name of `samplers`; default the model's own. */
  readonly sampler?: SamplerName | undefined;
  /** Steps of the reverse process; default the sampler's own, for the model's own sampler about 25 evaluations. */
  readonly steps?: number | undefined;
  /** How the times of the steps are placed; default the sampler's own way. */
  readonly spacing?: TimeSpacing | undefined;
  /** η of the samplers that have it: how much noise their steps add. */
  readonly eta?: number | undefined;
  /** Heun's S_churn. */
  readonly churn?: number | undefined;
}

/** How to sample; what is left out is the model's own. */
export interface Sampling extends Guidance, SamplerChoice {}

/** Evaluations of the network for a sample when nobody says: beyond, the multistep solvers gain little (Lu et al. 2022, section 7). */
export const defaultEvaluations = 25;

/**
 * How a model is sampled, with the sampler and the number of steps filled in: the same in library, command line and page.
 *
 * A sampler that is named has its own number of steps. One that is not is the model's own, of its folder or else of its
 * process, in about 25 evaluations.
 *
 * @param asked  what a person says
 * @param said   what the model's folder says
 * @throws if there is no sampler of that name
 */
export function fullSampling(
  process: Pick<NetworkProcess, 'schedule' | 'defaultSampler'>,
  asked: Sampling = {},
  said: Sampling = {},
): Sampling & { readonly sampler: SamplerName; readonly steps: number } {
  // What the folder says of steps, spacing and noise belongs to its sampler.
  const isNamed = asked.sampler !== undefined && asked.sampler !== said.sampler;
  const { sampler: own, steps: ownSteps, spacing, eta, churn, ...guidance } = said;
  const ofSampler = isNamed ? {} : { spacing, eta, churn };
  const sampler = asked.sampler ?? own ?? process.defaultSampler;
  const row = samplerNamed(sampler);
  const usual = isNamed
    ? row.steps
    : (ownSteps ?? (asked.sampler === undefined ? stepsWithin(row, defaultEvaluations) : row.steps));
  const most = hasSteps(process.schedule) ? process.schedule.T : Infinity;
  return {
    ...defined({ ...guidance, ...ofSampler }),
    ...defined(asked),
    sampler,
    steps: asked.steps ?? Math.min(usual, most),
  };
}

/** The most steps that stay within so many evaluations. */
function stepsWithin(row: Parameters<typeof evaluationsOf>[0], evaluations: number): number {
  let steps = 1;
  while (evaluationsOf(row, steps + 1) <= evaluations) steps++;
  return steps;
}

function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
