/** One way from noise to an image, with everything that it passes. */
import type { FloatArray } from '../../core/index.ts';
import { initialNoise, type Conditions, type Denoiser, type SamplerName } from '../../diffusion/index.ts';
import { chosenSampler, sampleStreams, type ImageModel } from '../../pipelines/index.ts';

/** What is known after a step. */
export interface LaneFrame {
  /** The time at which the denoiser was asked, and the one that the step has come to; −1 is the clean image. */
  readonly t: number;
  readonly s: number;
  /** [1, ...] what the denoiser was shown, and what it said of it. */
  readonly xt: FloatArray;
  readonly x0: FloatArray;
  readonly eps: FloatArray;
  /** [1, ...] between the bounds of the variance, of a network that learns it. */
  readonly varianceFraction?: FloatArray | undefined;
  /** [1, ...] what the step made of it. */
  readonly xs: FloatArray;
  readonly step: number;
  readonly steps: number;
}

/** How a lane is sampled. */
export interface LaneOptions {
  readonly sampler: SamplerName;
  readonly steps: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** [1, ...] what the model is conditioned on; default nothing. */
  readonly conditions?: Conditions;
  /** What the random numbers are for: the model's stage; default `sample`. */
  readonly purpose?: string;
}

/**
 * Samples one image, and shows each step: the model's own sampler with an eye on what its denoiser is asked.
 *
 * @throws the signal's reason on abort
 */
export async function* sampleLane(
  model: ImageModel,
  { sampler, steps: asked, seed, signal, conditions = {}, purpose }: LaneOptions,
): AsyncGenerator<LaneFrame, void, undefined> {
  const { run, timesteps, options, sampling } = chosenSampler(model, { sampler, steps: asked });
  const streams = sampleStreams(seed, [0], purpose);
  const xT = initialNoise([1, ...model.shape], streams, model.process.schedule.priorStd(timesteps[0]!));
  const inner = model.denoiser(sampling);
  let last: Pick<LaneFrame, 't' | 'xt' | 'x0' | 'eps' | 'varianceFraction'> | undefined;
  const watched: Denoiser = async (xt, t, given) => {
    const said = await inner(xt, t, given);
    last = { t: t[0]!, xt, x0: said.x0, eps: said.eps, varianceFraction: said.varianceFraction };
    return said;
  };
  for await (const { step, t, xt } of run(watched, xT, { ...options, conditions, streams, signal })) {
    yield { ...last!, s: t, xs: xt, step, steps: timesteps.length };
    // The exact denoiser never waits for a worker; the page has to be drawn all the same.
    await new Promise((resolve) => {
      setTimeout(resolve);
    });
  }
}
