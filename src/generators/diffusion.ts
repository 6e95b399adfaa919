/** A generator over one model that is sampled: a diffusion network, or anything else that denoises. */
import { float32, type FloatArray } from '../core/index.ts';
import { classConditions, fullSampling, type Conditions, type Sampling } from '../diffusion/index.ts';
import {
  inpaintImage,
  imageSampler,
  varyImage,
  type ImageModel,
  type SampleOptions,
  type SampleProgress,
} from '../pipelines/index.ts';
import type { GenerateProgress, GeneratorInputs, ImageGenerator } from './image-generator.ts';
import { fullRequest, type FullRequest } from './request.ts';

/** What a request says to a model's denoiser. */
export interface RequestConditions {
  /** [count, ...] each, by the names of the model's conditions. */
  readonly conditions: Conditions;
  /** [count, ...] what guidance leads away from: negative prompts. */
  readonly negative?: Conditions;
}

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

/** SDEdit's images are both like the given one and like the data's between 0.3 and 0.6 (Meng et al. 2022, section 3). */
export const defaultStrength = 0.6;

/** Makes a generator of a model. */
export function diffusionGenerator({
  model,
  takes,
  conditions = classesOnly,
  stage = 'sample',
  notes = [],
  device,
}: DiffusionSource): DiffusionGenerator {
  const sampler = imageSampler(model);
  const run = async (request: Parameters<ImageGenerator['generate']>[0]) => {
    const full = fullRequest(request ?? {}, takes);
    return { full, given: await conditions(full, request?.signal) };
  };
  return {
    model,
    shape: model.shape,
    batchSize: model.batchSize,
    takes,
    defaults: { [stage]: fullSampling(model.process, {}, model.sampling) },
    notes,
    device,
    conditionsOf: async (request) => (await run(request)).given,
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
        signal: request.signal,
      };
      const changed = takes.image?.use === 'optional' ? full.image : undefined;
      const states = changed
        ? changedImages(model, { ...asked, strength: request.strength ?? defaultStrength }, changed, full.mask)
        : sampler.sample(asked);
      for await (const state of states) yield progressOf(stage, state);
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

function progressOf(
  stage: string,
  { stepsDone, stepsTotal, places, x0, xt, finished }: SampleProgress,
): GenerateProgress {
  return { stage, done: stepsDone, total: stepsTotal, places, preview: x0, xt, ...(finished && { finished: xt }) };
}

const classesOnly = ({ classes }: FullRequest): RequestConditions => ({
  conditions: classes ? classConditions(classes) : {},
});

/** All samples start from one image, so from the first: each has noise of its own. */
function changedImages(
  model: ImageModel,
  asked: SampleOptions & { readonly strength: number },
  images: FloatArray,
  mask: FloatArray | undefined,
): AsyncGenerator<SampleProgress, void, undefined> {
  const image = float32(
    images.shape.slice(1),
    images.data.subarray(0, images.data.length / images.shape[0]!) as Float32Array,
  );
  return mask ? inpaintImage(model, { ...asked, image, mask }) : varyImage(model, { ...asked, image });
}
