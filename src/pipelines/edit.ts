/** Images from images: image to image, in-painting, and the way between two of them. */
import { float32, type FloatArray, type Shape } from '../core/index.ts';
import {
  imageToImage,
  initialNoise,
  repaint,
  repaintPath,
  repeatRow,
  slerp,
  takeRows,
  timesFromStrength,
  type Conditions,
  type RepaintJumps,
  type SamplerChoice,
} from '../diffusion/index.ts';
import {
  chosenSampler,
  sampleBatches,
  imageShapeOf,
  mostSteps,
  sampleStreams,
  type SampleRequest,
  type ImageModel,
  type SampleOptions,
  type SampleProgress,
} from './image-sampler.ts';

/** Options of `varyImage`. */
export interface VaryOptions extends SampleOptions {
  /** [C, H, W] in [−1, 1], or [count, C, H, W], one for each. */
  readonly image: FloatArray;
  /** 0 leaves the image as it is, 1 forgets it. */
  readonly strength: number;
}

/**
 * Generates `count` images from a noisy version of one: see `imageToImage`.
 *
 * @throws if the image has not the model's shape, or strength is outside 0 … 1
 */
export async function* varyImage(
  model: ImageModel,
  options: VaryOptions,
): AsyncGenerator<SampleProgress, void, undefined> {
  const { strength } = options;
  const chosen = chosenSampler(model, options);
  checkImage('varyImage', model, options.image, options.count);
  const stepsOfBatch = Math.max(1, timesFromStrength(model.process.schedule, chosen.timesteps, strength).length);
  yield* sampleBatches(model, { ...options, ...chosen.sampling }, stepsOfBatch, ({ denoise, places, streams, given }) =>
    imageToImage(chosen.run, denoise, imagesAt(options.image, model.shape, places), {
      ...chosen.options,
      ...given,
      streams,
      strength,
    }),
  );
}

/** Options of `inpaintImage`. */
export interface InpaintOptions extends SampleRequest, RepaintJumps, Pick<SamplerChoice, 'steps' | 'spacing'> {
  /** [C, H, W] in [−1, 1], or [count, C, H, W], one for each. */
  readonly image: FloatArray;
  /** [1, H, W] or [C, H, W]: 1 inpaints, 0 keeps the image. */
  readonly mask: FloatArray;
}

/** Steps of RePaint: as many as of ddpm; its own 250 (section 5) take two and a half times as long. */
const repaintSteps = 100;

/**
 * Paints the part under the mask, `count` times: see `repaint`.
 *
 * @throws if image or mask do not have the model's shape
 */
export async function* inpaintImage(
  model: ImageModel,
  options: InpaintOptions,
): AsyncGenerator<SampleProgress, void, undefined> {
  const { image, mask, jumpLength, resamples, steps = Math.min(repaintSteps, mostSteps(model)), spacing } = options;
  const { schedule } = model.process;
  const { timesteps, sampling } = chosenSampler(model, { ...options, sampler: 'ddpm', steps, spacing });
  checkImage('inpaintImage', model, image, options.count);
  const [, height, width] = imageShapeOf(model.shape);
  if (mask.shape.length !== 3 || mask.shape[1] !== height || mask.shape[2] !== width)
    throw new Error(`inpaintImage: the mask is [${mask.shape.join(', ')}], expected [1, ${height}, ${width}]`);
  yield* sampleBatches(
    model,
    { ...options, ...sampling },
    repaintPath(timesteps.length, { jumpLength, resamples }).length - 1,
    ({ denoise, shape, places, streams, given }) =>
      repaint(denoise, initialNoise(shape, streams, schedule.priorStd(timesteps[0]!)), {
        ...given,
        schedule,
        timesteps,
        streams,
        known: imagesAt(image, model.shape, places),
        mask: repeated(mask, shape[0]!),
        jumpLength,
        resamples,
      }),
  );
}

/** Which images lie at the ends, and how many between. */
export interface InterpolateOptions extends Omit<
  SampleOptions,
  'seed' | 'count' | 'first' | 'ids' | 'conditions' | 'negative'
> {
  /** Two seeds or more; image 0 of each is an end. */
  readonly seeds: readonly number[];
  /** Images from one seed to the next, both ends among them; at least 2. */
  readonly frames: number;
  /** [1, ...] what all samples are conditioned on. */
  readonly conditions?: Conditions | undefined;
}

/**
 * Images on the way from seed to seed: slerp of the noises they begin as. The sampler should add no noise of its own, so
 * that near noises give near images.
 *
 * The images of a stretch, then those of the next; where two stretches meet the image comes once.
 *
 * @throws if there is one seed, or fewer than two frames
 */
export async function* interpolateSeeds(
  model: ImageModel,
  { seeds, frames, conditions = {}, ...options }: InterpolateOptions,
): AsyncGenerator<SampleProgress, void, undefined> {
  if (seeds.length < 2) throw new Error(`interpolateSeeds: there are two seeds or more, got ${seeds.length}`);
  if (!Number.isSafeInteger(frames) || frames < 2)
    throw new Error(`interpolateSeeds: frames is an integer of 2 or more, got ${frames}`);
  const chosen = chosenSampler(model, options);
  const one = [1, ...model.shape];
  const ends = seeds.map((seed) =>
    initialNoise(one, sampleStreams(seed, [0]), model.process.schedule.priorStd(chosen.timesteps[0]!)),
  );
  const count = interpolatedCount(seeds.length, frames);
  const noiseOf = (index: number) => {
    const stretch = Math.min(Math.floor(index / (frames - 1)), ends.length - 2);
    return slerp(ends[stretch]!, ends[stretch + 1]!, (index - stretch * (frames - 1)) / (frames - 1)).data;
  };
  const asked: SampleRequest = {
    ...options,
    ...chosen.sampling,
    seed: seeds[0]!,
    count,
    conditions: repeatRow(conditions, count),
  };
  yield* sampleBatches(model, asked, chosen.timesteps.length, ({ denoise, shape, indices, streams, given }) => {
    const xT = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
    for (const [b, index] of indices.entries()) xT.set(noiseOf(index), b * (xT.length / indices.length));
    return chosen.run(denoise, float32(shape, xT), { ...chosen.options, ...given, streams });
  });
}

/** How many images `interpolateSeeds` generates. */
export function interpolatedCount(seeds: number, frames: number): number {
  return (seeds - 1) * (frames - 1) + 1;
}

function checkImage(name: string, { shape }: ImageModel, image: FloatArray, count: number): void {
  if (image.shape.join() !== shape.join() && image.shape.join() !== [count, ...shape].join())
    throw new Error(`${name}: the image is [${image.shape.join(', ')}], the model's are [${shape.join(', ')}]`);
}

/** The images of some places of a request: one for all, or each its own. */
function imagesAt(image: FloatArray, shape: Shape, places: readonly number[]): FloatArray {
  return image.shape.length === shape.length ? repeated(image, places.length) : takeRows(image, places);
}

/** One image as a batch of itself: [C, H, W] → [count, C, H, W]. */
export function repeated({ shape, data }: FloatArray, count: number): FloatArray {
  const all = new Float32Array(count * data.length);
  for (let b = 0; b < count; b++) all.set(data, b * data.length);
  return float32([count, ...shape], all);
}
