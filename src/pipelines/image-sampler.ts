/** Images from a denoiser, whatever it is made of: batches, random numbers and progress. */
import { firstNotFinite, float32, RandomStream, type FloatArray, type Shape } from '../core/index.ts';
import {
  checkConditions,
  fullSampling,
  hasSteps,
  initialNoise,
  rowsOf,
  samplerNamed,
  samplerTimesteps,
  takeRows,
  type AnySamplerOptions,
  type ConditionInput,
  type Conditions,
  type Denoiser,
  type DenoiseOptions,
  type Guidance,
  type NetworkProcess,
  type SamplerChoice,
  type SamplerDefinition,
  type SamplerState,
  type Sampling,
} from '../diffusion/index.ts';

/** The extents of one image: channels, height, width. */
export type ImageShape = readonly [channels: number, height: number, width: number];

/**
 * The extents of samples that are images.
 *
 * @throws if they are something else
 */
export function imageShapeOf(sample: Shape): ImageShape {
  if (sample.length !== 3)
    throw new Error(`sample: a sample of this model is [${sample.join(', ')}], and an image is [C, H, W]`);
  return sample as ImageShape;
}

/** A sample of all that there are: number `index` of a seed is always the same. */
export interface SampleId {
  readonly seed: number;
  readonly index: number;
}

/** Which images to generate. */
export interface SampleRequest extends Guidance {
  readonly seed: number;
  readonly count: number;
  /** The number of the first image; image i of a seed is always the same. */
  readonly first?: number | undefined;
  /** [count] samples of several seeds together, in the place of `seed` and `first`: each is what it would be alone. */
  readonly ids?: readonly SampleId[] | undefined;
  /** What the random numbers are for: each stage of a cascade has a purpose of its own; default `sample`. */
  readonly purpose?: string | undefined;
  /** [count, ...] what the samples are conditioned on, exactly what the model takes: `classConditions([3, 7])` for classes. */
  readonly conditions?: Conditions | undefined;
  /** [count, ...] what guidance leads away from, for conditions of the model: a negative prompt. */
  readonly negative?: Conditions | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Which images to generate, and how. */
export interface SampleOptions extends SampleRequest, SamplerChoice {
  /** [...] or [count, ...] the noise that samples begin as, of the deviation of the first time, in the place of what their streams draw. */
  readonly noise?: FloatArray | undefined;
}

/** What random numbers of samples are for, when nobody says. */
const samplePurpose = 'sample';

/** The random numbers of images by their number: first the noise they begin as, then what a sampler draws. */
export function sampleStreams(
  seed: number,
  indices: readonly number[],
  purpose: string = samplePurpose,
): RandomStream[] {
  return indices.map((index) => new RandomStream(seed, purpose, index));
}

/** A batch of images on its way, after each step. */
export interface SampleProgress extends SamplerState {
  /** Which images these are. */
  readonly indices: readonly number[];
  /** Their places in the request, from 0. */
  readonly places: readonly number[];
  /** Whether they have arrived. */
  readonly finished: boolean;
  /** Steps done and to do, over all batches. */
  readonly stepsDone: number;
  readonly stepsTotal: number;
}

/** What images are sampled from: a compiled network, or an exact denoiser. */
export interface ImageModel {
  /** What is done to images, and what the model is asked of it. */
  readonly process: NetworkProcess;
  /** The extents of one sample: [C, H, W] for images. */
  readonly shape: Shape;
  /** Images computed together. */
  readonly batchSize: number;
  /** What it is conditioned on. */
  readonly conditions: readonly ConditionInput[];
  /** How it is sampled when nobody says, where its folder does. */
  readonly sampling?: Sampling | undefined;
  /**
   * The denoiser as sampled from, with x̂_0 held to the range of images if the model wants it.
   *
   * @throws if the model cannot be guided and should be
   */
  denoiser(options?: Guidance): Denoiser;
  /** The denoiser as trained: what it says, neither clipped nor guided. */
  readonly plainDenoiser: Denoiser;
  dispose(): Promise<void>;
}

/** A model ready to generate images. */
export interface ImageSampler extends ImageModel {
  /**
   * Generates images, a batch at a time.
   *
   * @throws the signal's reason if it aborts between two steps; an unknown sampler or too many steps before the first
   */
  sample(options: SampleOptions): AsyncGenerator<SampleProgress, void, undefined>;
}

/** A model with its samplers. */
export function imageSampler(model: ImageModel): ImageSampler {
  return {
    ...model,
    async *sample(asked) {
      const { run, timesteps, options, sampling } = chosenSampler(model, asked);
      const { noise, count } = asked;
      if (noise) checkNoise(model, noise, count);
      yield* sampleBatches(
        model,
        { ...asked, ...sampling },
        timesteps.length,
        ({ denoise, shape, places, streams, given }) => {
          const drawn = initialNoise(shape, streams, model.process.schedule.priorStd(timesteps[0]!));
          return run(denoise, noise ? noiseAt(noise, model.shape, places) : drawn, { ...options, ...given, streams });
        },
      );
    },
  };
}

function checkNoise({ shape }: Pick<ImageModel, 'shape'>, noise: FloatArray, count: number): void {
  if (noise.shape.join() !== shape.join() && noise.shape.join() !== [count, ...shape].join())
    throw new Error(
      `sample: the noise is [${noise.shape.join(', ')}], expected [${shape.join(', ')}] for all, or [${[count, ...shape].join(', ')}]`,
    );
}

/** The noise of some places of a request. */
function noiseAt(noise: FloatArray, shape: Shape, places: readonly number[]): FloatArray {
  const isForAll = noise.shape.length === shape.length;
  return takeRows(isForAll ? float32([1, ...shape], noise.data) : noise, isForAll ? places.map(() => 0) : places);
}

/** The most steps that a model can be sampled in: those of its schedule, or any number. */
export function mostSteps({ process: { schedule } }: Pick<ImageModel, 'process'>): number {
  return hasSteps(schedule) ? schedule.T : Infinity;
}

/**
 * A sampler by name with its times on the model's schedule.
 *
 * @throws if there is none of that name, or the steps do not fit the schedule
 */
export function chosenSampler(
  { process, sampling: said }: Pick<ImageModel, 'process' | 'sampling'>,
  asked: Sampling,
): {
  readonly run: SamplerDefinition['run'];
  readonly timesteps: readonly number[];
  readonly options: Omit<AnySamplerOptions, 'streams'>;
  /** All of it, guidance too. */
  readonly sampling: Sampling;
} {
  const { schedule, varianceType } = process;
  const { sampler, steps, spacing, eta, churn, ...guidance } = fullSampling(process, samplingOf(asked), said);
  const definition = samplerNamed(sampler);
  const timesteps = samplerTimesteps(definition, schedule, { steps, spacing });
  return {
    run: definition.run,
    timesteps,
    options: { schedule, timesteps, varianceType, eta, churn },
    sampling: { sampler, steps, spacing, eta, churn, ...guidance },
  };
}

/** What a request says of sampling, without the rest of it. */
function samplingOf({
  sampler,
  steps,
  spacing,
  eta,
  churn,
  guidanceScale,
  guidanceRescale,
  guidanceInterval,
  dynamicThresholding,
}: Sampling): Sampling {
  return { sampler, steps, spacing, eta, churn, guidanceScale, guidanceRescale, guidanceInterval, dynamicThresholding };
}

/** Images that are sampled together. */
export interface SampleBatch {
  /** Which images these are. */
  readonly indices: readonly number[];
  /** Their places in the request, from 0. */
  readonly places: readonly number[];
  readonly denoise: Denoiser;
  /** [B, C, H, W] */
  readonly shape: readonly number[];
  /** [B] fresh streams. */
  readonly streams: readonly RandomStream[];
  /** What its denoiser is given besides x_t and t. */
  readonly given: DenoiseOptions;
}

/**
 * Runs a sampling function on every batch of the requested images.
 *
 * @param stepsOfBatch  states that it yields for a batch
 * @throws if the conditions are not those of the model, one row for each sample, or a sample is not finite any more
 */
export async function* sampleBatches(
  model: ImageModel,
  asked: SampleRequest,
  stepsOfBatch: number,
  draw: (batch: SampleBatch) => AsyncIterable<SamplerState>,
): AsyncGenerator<SampleProgress, void, undefined> {
  const { seed, count, first = 0, purpose, conditions = {}, negative = {}, signal } = asked;
  const { batchSize, shape } = model;
  const ids = asked.ids ?? Array.from({ length: count }, (_, i) => ({ seed, index: first + i }));
  if (ids.length !== count) throw new Error(`sample: ids are ${ids.length}, and count is ${count}`);
  const denoise = model.denoiser(asked);
  checkConditions('sample', model.conditions, conditions, count);
  checkConditions(
    'sample',
    model.conditions.filter(({ name }) => name in negative),
    negative,
    count,
  );
  const stepsTotal = stepsOfBatch * Math.ceil(count / batchSize);
  let stepsDone = 0;
  for (let start = 0; start < count; start += batchSize) {
    const places = Array.from({ length: Math.min(batchSize, count - start) }, (_, i) => start + i);
    const batch: SampleBatch = {
      indices: places.map((place) => ids[place]!.index),
      places,
      denoise,
      shape: [places.length, ...shape],
      streams: places.flatMap((place) => sampleStreams(ids[place]!.seed, [ids[place]!.index], purpose)),
      given: { conditions: rowsOf(conditions, places), negative: rowsOf(negative, places), signal },
    };
    const before = stepsDone;
    for await (const state of draw(batch)) {
      stepsDone++;
      checkFinite(state.xt, batch.indices, `step ${stepsDone - before} of ${stepsOfBatch}`);
      yield {
        ...state,
        indices: batch.indices,
        places,
        finished: state.t === model.process.schedule.clean,
        stepsDone,
        stepsTotal,
      };
    }
  }
}

/** @throws if a value is not finite: written as an image it would be black, and nobody would know */
function checkFinite({ data }: FloatArray, indices: readonly number[], when: string): void {
  const place = firstNotFinite(data);
  if (place < 0) return;
  const image = indices[Math.floor((place * indices.length) / data.length)];
  throw new Error(
    `sample: image ${image} holds ${data[place]} after ${when}; take an earlier checkpoint, another sampler, or a guidance scale nearer to 1`,
  );
}

/** Generates all images and returns them together: [count, C, H, W] in [−1, 1]. */
export function sampleImages(
  sampler: ImageSampler,
  options: SampleOptions,
  onStep?: (progress: SampleProgress) => void,
): Promise<FloatArray> {
  return finishedImages(sampler.sample(options), onStep);
}

/**
 * The finished images of a sampling run, together.
 *
 * @returns [count, C, H, W]
 * @throws if nothing was sampled
 */
export async function finishedImages(
  drawing: AsyncIterable<SampleProgress>,
  onStep?: (progress: SampleProgress) => void,
): Promise<FloatArray> {
  const finished: FloatArray[] = [];
  for await (const progress of drawing) {
    onStep?.(progress);
    if (progress.finished) finished.push(progress.xt);
  }
  if (finished.length === 0) throw new Error('sample: count must be at least 1');
  const data = new Float32Array(finished.reduce((total, batch) => total + batch.data.length, 0));
  let at = 0;
  let count = 0;
  for (const batch of finished) {
    data.set(batch.data, at);
    at += batch.data.length;
    count += batch.shape[0]!;
  }
  return float32([count, ...finished[0]!.shape.slice(1)], data);
}
