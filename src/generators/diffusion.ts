/** A generator over one model that is sampled: a diffusion network, or anything else that denoises. */
import type { FloatArray } from '../core/index.ts';
import { classConditions, fullSampling, type RepaintJumps, type Sampling } from '../diffusion/index.ts';
import {
  chosenSampler,
  inpaintImage,
  imageSampler,
  varyImage,
  type ImageModel,
  type SampleOptions,
  type SampleProgress,
} from '../pipelines/index.ts';
import type { GenerateProgress, GeneratorInputs, ImageGenerator, RequestConditions } from './image-generator.ts';
import { fullRequest, type FullRequest } from './request.ts';

/** What a diffusion generator is made of. */
export interface DiffusionSource {
  readonly model: ImageModel;
  readonly takes: GeneratorInputs;
  /** What it is asked for, as its conditions; may run an encoder. Default: classes by number. */
  readonly conditions?: (
    request: FullRequest,
    signal: AbortSignal | undefined,
  ) => RequestConditions | Promise<RequestConditions>;
  /** The name of the stage, and what its random numbers are for; default `sample`. */
  readonly stage?: string;
  readonly notes?: readonly string[];
  readonly device: string;
}

/** A generator whose model can be looked into: other samplers, losses, likelihoods. */
export interface DiffusionGenerator extends ImageGenerator {
  readonly model: ImageModel;
  /** What the model is conditioned on for a request. */
  conditionsOf(request: Parameters<ImageGenerator['generate']>[0]): Promise<RequestConditions>;
}

/** The stage of a generator that has one. */
export const samplingStage = 'sample';

/** SDEdit's images are both like the given one and like the data's between 0.3 and 0.6 (Meng et al. 2022, section 3). */
export const defaultStrength = 0.6;

/** Makes a generator of a model. */
export function diffusionGenerator({
  model,
  takes,
  conditions = classesOnly,
  stage = samplingStage,
  notes = [],
  device,
}: DiffusionSource): DiffusionGenerator {
  const sampler = imageSampler(model);
  const run = async (request: Parameters<ImageGenerator['generate']>[0]) => {
    const full = fullRequest(request ?? {}, takes);
    return { full, given: await conditions(full, request?.signal) };
  };
  const conditionsOf = async (request: Parameters<ImageGenerator['generate']>[0]) => (await run(request)).given;
  return {
    model,
    conditionsOf,
    first: { stage, model, conditionsOf },
    shape: model.shape,
    batchSize: model.batchSize,
    takes,
    defaults: { [stage]: fullSampling(model.process, {}, model.sampling) },
    notes,
    device,
    check(request = {}) {
      fullRequest(request, takes);
      const { sampling } = chosenSampler(model, samplingOf(request.sampling, stage));
      model.denoiser(sampling);
      return { [stage]: sampling };
    },
    async *generate(request = {}) {
      const { full, given } = await run(request);
      const asked: SampleOptions = {
        ...samplingOf(request.sampling, stage),
        seed: full.ids[0]!.seed,
        count: full.count,
        ids: full.ids,
        purpose: stage,
        conditions: given.conditions,
        negative: given.negative,
        noise: request.noise,
        signal: request.signal,
      };
      const changed = takes.image?.use === 'optional' ? full.image : undefined;
      const states = changed
        ? changedImages(model, { ...asked, strength: request.strength ?? defaultStrength }, changed, {
            mask: full.mask,
            ...request.jumps,
          })
        : sampler.sample(asked);
      yield* samplingProgress(stage, states, Math.ceil(full.count / model.batchSize));
    },
    dispose: () => model.dispose(),
  };
}

/** How a stage is to be sampled. */
export function samplingOf(
  asked: (Sampling & { readonly stages?: Readonly<Record<string, Sampling>> }) | undefined,
  stage: string,
  isFirst = true,
): Sampling {
  const { stages, ...first } = asked ?? {};
  return { ...(isFirst && first), ...stages?.[stage] };
}

/** The states of a sampler as a generator tells them. */
export async function* samplingProgress(
  stage: string,
  states: AsyncIterable<SampleProgress>,
  batches: number,
): AsyncGenerator<GenerateProgress, void, undefined> {
  for await (const { step, stepsDone, stepsTotal, places, t, x0, xt, finished } of states) {
    const progress = { stage, done: stepsDone, total: stepsTotal, step, steps: stepsTotal / batches, t, places };
    yield { ...progress, preview: x0, xt, ...(finished && { finished: xt }) };
  }
}

const classesOnly = ({ classes }: FullRequest): RequestConditions => ({
  conditions: classes ? classConditions(classes) : {},
});

function changedImages(
  model: ImageModel,
  asked: SampleOptions & { readonly strength: number },
  image: FloatArray,
  { mask, ...jumps }: RepaintJumps & { readonly mask: FloatArray | undefined },
): AsyncGenerator<SampleProgress, void, undefined> {
  return mask ? inpaintImage(model, { ...asked, ...jumps, image, mask }) : varyImage(model, { ...asked, image });
}
