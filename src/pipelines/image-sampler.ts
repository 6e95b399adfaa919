/** Images from a denoiser, whatever it is made of: batches, random numbers and progress. */
import { float32, RandomStream, type FloatArray } from '../core/index.ts';
import {
  hasSteps,
  initialNoise,
  samplerNamed,
  samplerTimesteps,
  type AnySamplerOptions,
  type Conditioning,
  type Denoiser,
  type DynamicThresholdOptions,
  type NetworkProcess,
  type SamplerDefinition,
  type SamplerState,
  type TimeSpacing,
} from '../diffusion/index.ts';
import type { ImageShape } from './ddpm.ts';

/** What is done to a denoiser before it is sampled. */
export interface GuidanceOptions {
  /** Classifier-free guidance in diffusers' convention: 1 is off; default 1. */
  readonly guidanceScale?: number | undefined;
  /** φ of the rescaled guidance; default 0. */
  readonly guidanceRescale?: number | undefined;
  /** Noise levels σ/α between which guidance acts; default everywhere. */
  readonly guidanceInterval?: readonly [number, number] | undefined;
  /** Imagen's thresholding of x̂_0, in the place of clipping. */
  readonly dynamicThresholding?: DynamicThresholdOptions | undefined;
}

/** Which images to generate. */
export interface SampleRequest extends GuidanceOptions {
  readonly seed: number;
  readonly count: number;
  /** The number of the first image; image i of a seed is always the same. */
  readonly first?: number | undefined;
  /** [count] classes, for a network that takes them. */
  readonly classLabels?: readonly number[] | undefined;
  /** [count, C', H, W] the images that a network sees next to x_t, for one that takes them: of low resolution, say, enlarged. */
  readonly condImages?: FloatArray | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Which sampler walks back, and where it stops over. */
export interface SamplerChoice {
  /** A name of `samplers`; default the model's own: ddpm (Algorithm 2), for a flow euler, for EDM heun. */
  readonly sampler?: string | undefined;
  /** Steps of the reverse process; default the sampler's own. */
  readonly steps?: number | undefined;
  /** How the times of the steps are placed; default the sampler's own way. */
  readonly spacing?: TimeSpacing | undefined;
  /** η of the samplers that have it: how much noise their steps add. */
  readonly eta?: number | undefined;
  /** Heun's S_churn. */
  readonly churn?: number | undefined;
}

/** Which images to generate, and how. */
export interface SampleOptions extends SampleRequest, SamplerChoice {}

/** One random stream per image, keyed by its index: first the initial noise, then the sampler's noise. */
export function sampleStreams(seed: number, indices: readonly number[]): RandomStream[] {
  return indices.map((index) => new RandomStream(seed, 'sample', index));
}

/** A batch of images on its way, after each step. */
export interface SampleProgress extends SamplerState {
  /** Which images these are. */
  readonly indices: readonly number[];
  /** Whether they have arrived. */
  readonly finished: boolean;
  /** Steps done and to do, over all batches. */
  readonly stepsDone: number;
  readonly stepsTotal: number;
}

/** What images are sampled from: a compiled network, or an exact denoiser. */
export interface ImageModel {
  /** What is done to images, and what the model is asked of it. */
  readonly diffusion: NetworkProcess;
  readonly imageShape: ImageShape;
  /** Images computed together. */
  readonly batchSize: number;
  readonly takesClasses: boolean;
  /** The channels of the image that it sees next to x_t; 0 for most. */
  readonly condChannels: number;
  /**
   * The denoiser as sampled from, with x̂_0 held to the range of images if the model wants it.
   *
   * @throws if the model cannot be guided and should be
   */
  denoiser(options?: GuidanceOptions): Denoiser;
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
      const { run, timesteps, options } = chosenSampler(model, asked);
      yield* sampleBatches(model, asked, timesteps.length, ({ denoise, shape, streams, cond }) =>
        run(denoise, initialNoise(shape, streams, model.diffusion.schedule.priorStd(timesteps[0]!)), {
          ...options,
          streams,
          ...(cond && { cond }),
          signal: asked.signal,
        }),
      );
    },
  };
}

/** The most steps that a model can be sampled in: those of its schedule, or any number. */
export function mostSteps({ diffusion: { schedule } }: Pick<ImageModel, 'diffusion'>): number {
  return hasSteps(schedule) ? schedule.T : Infinity;
}

/**
 * A sampler by name with its times on the model's schedule.
 *
 * @throws if there is none of that name, or the steps do not fit the schedule
 */
export function chosenSampler(
  { diffusion: { schedule, varianceType, defaultSampler } }: Pick<ImageModel, 'diffusion'>,
  { sampler = defaultSampler, steps, spacing, eta, churn }: SamplerChoice,
): {
  readonly run: SamplerDefinition['run'];
  readonly timesteps: readonly number[];
  readonly options: Omit<AnySamplerOptions, 'streams'>;
} {
  const definition = samplerNamed(sampler);
  const timesteps = samplerTimesteps(definition, schedule, { steps, spacing });
  return { run: definition.run, timesteps, options: { schedule, timesteps, varianceType, eta, churn } };
}

/** Images that are sampled together. */
export interface SampleBatch {
  /** Which images these are. */
  readonly indices: readonly number[];
  readonly denoise: Denoiser;
  /** [B, C, H, W] */
  readonly shape: readonly number[];
  /** [B] fresh streams. */
  readonly streams: readonly RandomStream[];
  readonly cond: Conditioning | undefined;
}

/**
 * Runs a sampling function on every batch of the requested images.
 *
 * @param stepsOfBatch  states that it yields for a batch
 * @throws if the model needs classes or an image next to the noise and has not got them
 */
export async function* sampleBatches(
  model: ImageModel,
  asked: SampleRequest,
  stepsOfBatch: number,
  draw: (batch: SampleBatch) => AsyncIterable<SamplerState>,
): AsyncGenerator<SampleProgress, void, undefined> {
  const { seed, count, first = 0, classLabels, condImages } = asked;
  const { batchSize, imageShape } = model;
  const denoise = model.denoiser(asked);
  if (model.takesClasses && !classLabels) throw new Error('sample: this model needs a class for each image');
  checkCondImages(model, condImages, count);
  const stepsTotal = stepsOfBatch * Math.ceil(count / batchSize);
  let stepsDone = 0;
  for (let start = 0; start < count; start += batchSize) {
    const places = Array.from({ length: Math.min(batchSize, count - start) }, (_, i) => start + i);
    const indices = places.map((place) => first + place);
    const cond: Conditioning | undefined =
      classLabels || condImages
        ? {
            ...(classLabels && { classLabels: places.map((place) => classLabels[place]!) }),
            ...(condImages && { image: rows(condImages, places[0]!, places.length) }),
          }
        : undefined;
    for await (const state of draw({
      indices,
      denoise,
      shape: [places.length, ...imageShape],
      streams: sampleStreams(seed, indices),
      cond,
    }))
      yield {
        ...state,
        indices,
        finished: state.t === model.diffusion.schedule.clean,
        stepsDone: ++stepsDone,
        stepsTotal,
      };
  }
}

function checkCondImages(
  { condChannels, imageShape: [, height, width] }: ImageModel,
  images: FloatArray | undefined,
  count: number,
): void {
  if (condChannels === 0 && images)
    throw new Error('sample: this model is not conditioned on an image, so condImages means nothing to it');
  if (condChannels > 0 && !images)
    throw new Error(
      `sample: this model is conditioned on an image of ${condChannels} ${condChannels === 1 ? 'channel' : 'channels'}; give it as condImages`,
    );
  const expected = [count, condChannels, height, width];
  if (images && images.shape.join() !== expected.join())
    throw new Error(`sample: condImages is [${images.shape.join(', ')}], expected [${expected.join(', ')}]`);
}

/** Some samples of a batch, which share its memory. */
function rows({ shape, data }: FloatArray, start: number, count: number): FloatArray {
  const size = data.length / shape[0]!;
  return float32([count, ...shape.slice(1)], data.subarray(start * size, (start + count) * size) as Float32Array);
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
