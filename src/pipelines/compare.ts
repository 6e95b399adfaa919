/** Samplers side by side on one model: their samples from the same noise, and the distance to the converged samples. */
import type { FloatArray } from '../core/index.ts';
import {
  samplerNamed,
  samplerTimesteps,
  type Denoiser,
  type SamplerName,
  type TimeSpacing,
} from '../diffusion/index.ts';
import {
  sampleImages,
  mostSteps,
  imageSampler,
  type SampleRequest,
  type ImageModel,
  type SampleProgress,
} from './image-sampler.ts';

/** Which samplers to compare, and on what. */
export interface CompareOptions extends Omit<SampleRequest, 'first'> {
  readonly samplers: readonly SamplerName[];
  readonly steps: readonly number[];
  /** How the times of all of them are placed; default each sampler's own way. */
  readonly spacing?: TimeSpacing | undefined;
  /** Steps of the converged image; default 200. */
  readonly referenceSteps?: number | undefined;
  /** [N, C, H, W] images of the data, for the distance of each sample to the nearest. */
  readonly data?: FloatArray | undefined;
  readonly onStep?: (progress: SampleProgress, what: string) => void;
}

/** The samples of one sampler at one number of steps. */
export interface ComparedCell {
  readonly sampler: string;
  readonly steps: number;
  /** [count, C, H, W] */
  readonly images: FloatArray;
  /** How often the denoiser is asked for an image. */
  readonly evaluations: number;
  /** The mean over the images of the RMS difference to the converged one; null for samplers that add noise, which converge to none. */
  readonly toReference: number | null;
  /** The mean over the images of the RMS difference to the nearest image of the data; null without data. */
  readonly toData: number | null;
}

/** The samplers side by side. */
export interface SamplerComparison {
  readonly reference: ComparedCell;
  /** Sampler by sampler, in the order given. */
  readonly cells: readonly ComparedCell[];
}

/** Of second order with one evaluation a step: at 200 steps it is as good as converged, for half of what Heun asks. */
const referenceSampler: SamplerName = 'dpmpp-2m';
const referenceSteps = 200;

/**
 * Generates the same images with each sampler in each number of steps.
 *
 * All samplers begin with the same noise, so those that add none go to one image: the end of the probability-flow ODE.
 * How far they are from it is their error, and needs no data and no judge.
 *
 * @throws before sampling if there is no such sampler, or more steps than times of the schedule
 */
export async function compareSamplers(
  model: ImageModel,
  { samplers, steps, spacing, referenceSteps: wanted = referenceSteps, data, onStep, ...options }: CompareOptions,
): Promise<SamplerComparison> {
  const pairs = samplers.flatMap((sampler) => steps.map((count) => ({ sampler, steps: count })));
  const ofReference = { sampler: referenceSampler, steps: Math.min(wanted, mostSteps(model)) };
  for (const { sampler, steps: count } of [...pairs, ofReference])
    samplerTimesteps(samplerNamed(sampler), model.process.schedule, { steps: count, spacing });
  const draw = async (
    { sampler, steps: count }: { readonly sampler: SamplerName; readonly steps: number },
    reference?: FloatArray,
  ): Promise<ComparedCell> => {
    let asked = 0;
    const counted = imageSampler({
      ...model,
      denoiser: (guidance) =>
        counting(model.denoiser(guidance), (samples) => {
          asked += samples;
        }),
    });
    const images = await sampleImages(counted, { ...options, sampler, steps: count, spacing }, (progress) =>
      onStep?.(progress, `${sampler}, ${count} steps`),
    );
    return {
      sampler,
      steps: count,
      images,
      evaluations: asked / options.count,
      toReference: reference && !samplerNamed(sampler).random ? meanDistance(images, (b) => [row(reference, b)]) : null,
      toData: data ? meanDistance(images, () => Array.from({ length: data.shape[0]! }, (_, i) => row(data, i))) : null,
    };
  };
  const reference = await draw(ofReference);
  const cells: ComparedCell[] = [];
  for (const pair of pairs) cells.push(await draw(pair, reference.images));
  return { reference, cells };
}

function counting(denoise: Denoiser, count: (samples: number) => void): Denoiser {
  return (xt, t, options) => (count(t.length), denoise(xt, t, options));
}

const row = ({ shape, data }: FloatArray, b: number): Float32Array => {
  const size = data.length / shape[0]!;
  return data.subarray(b * size, (b + 1) * size) as Float32Array;
};

/** The mean over the images of the RMS difference to the nearest of some others. */
function meanDistance(images: FloatArray, others: (b: number) => readonly Float32Array[]): number {
  const count = images.shape[0]!;
  let sum = 0;
  for (let b = 0; b < count; b++) {
    const x = row(images, b);
    let least = Infinity;
    for (const other of others(b)) {
      let square = 0;
      for (let i = 0; i < x.length; i++) square += (x[i]! - other[i]!) ** 2;
      least = Math.min(least, square);
    }
    sum += Math.sqrt(least / x.length);
  }
  return sum / count;
}
