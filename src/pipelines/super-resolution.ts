/**
 * Super-resolution: the network is conditioned on an image of low resolution, enlarged and concatenated with x_t.
 *
 * @see Saharia et al. 2021 (SR3), section 2.4 — https://arxiv.org/abs/2104.07636
 */
import { float32, RandomStream, resizeMatrix, type FloatArray } from '../core/index.ts';
import { imageName, type Conditions, type Schedule, type SuperResolution } from '../diffusion/index.ts';
import { textConditionNames } from '../models/index.ts';
import type { Examples } from './denoising-task.ts';
import { resized } from './resized-images.ts';

/**
 * Images with a pixel for each factor × factor block, its mean: [B, C, H, W] → [B, C, H/factor, W/factor].
 *
 * @throws if the factor does not divide both sides
 */
export function shrink(images: FloatArray, factor: number): FloatArray {
  const [height, width] = images.shape.slice(-2) as [number, number];
  if (height % factor !== 0 || width % factor !== 0)
    throw new Error(`shrink: images of ${height}×${width} have no whole number of blocks of ${factor}×${factor}`);
  const means = (from: number) =>
    float32(
      [from / factor, from],
      Float32Array.from({ length: (from / factor) * from }, (_, i) =>
        Math.floor((i % from) / factor) === Math.floor(i / from) ? 1 / factor : 0,
      ),
    );
  return resized(images, means(height), means(width));
}

/**
 * By what is written down. PyTorch's cubic kernel with antialias is another one (slope −0.5 in the place of −0.75),
 * also where nothing is shrunk.
 */
const resizeOptions = {
  bilinear: { mode: 'bilinear' },
  bilinear_align_corners: { mode: 'bilinear', alignCorners: true },
  bicubic: { mode: 'bicubic' },
  bicubic_antialias: { mode: 'bicubic', antialias: true },
} as const satisfies Readonly<Record<SuperResolution['upsampling'], Parameters<typeof resizeMatrix>[2]>>;

/** Images `factor` times as high and wide, as PyTorch's `interpolate` makes them: [B, C, h, w] → [B, C, factor h, factor w]. */
export function enlarge(
  images: FloatArray,
  { factor, upsampling }: Pick<SuperResolution, 'factor' | 'upsampling'>,
): FloatArray {
  const [height, width] = images.shape.slice(-2) as [number, number];
  const options = resizeOptions[upsampling];
  return resized(images, resizeMatrix(height, factor * height, options), resizeMatrix(width, factor * width, options));
}

/**
 * The conditioning images of a super-resolution network: shrunk, then enlarged again.
 *
 * With a stream, normals of deviation s ~ U[0, noiseAugmentation), one s for each image, are added, so that the network does not
 * rely on the finest details of the conditioning image. Noise-free conditioning is part of training, and is used for sampling.
 * With a second stream half of the images are blurred before they are enlarged, by a Gaussian of deviation U[0, blur) pixels.
 *
 * @param images  [B, C, H, W] in [−1, 1]
 * @returns         [B, C, H, W]
 * @see Ho et al. 2022 (cascaded diffusion), section 4.2 — https://arxiv.org/abs/2106.15282
 */
export function lowResolution(
  images: FloatArray,
  options: SuperResolution,
  stream?: RandomStream,
  blurStream?: RandomStream,
): FloatArray {
  const { blur = 0 } = options;
  const small = shrink(images, options.factor);
  const seen = enlarge(blurStream && blur > 0 ? blurred(small, blur, blurStream) : small, options);
  if (!stream || options.noiseAugmentation === 0) return seen;
  const size = seen.data.length / seen.shape[0]!;
  const deviations = Array.from({ length: seen.shape[0]! }, () => options.noiseAugmentation * stream.uniform());
  const z = stream.fillNormal(new Float32Array(seen.data.length));
  return float32(
    seen.shape,
    seen.data.map((x, i) => x + deviations[Math.floor(i / size)]! * z[i]!),
  );
}

/** Half of the images blurred, each by a Gaussian of its own deviation below `largest`; the edge goes on beyond itself. */
function blurred(images: FloatArray, largest: number, random: RandomStream): FloatArray {
  const [count = 0, ...rest] = images.shape;
  const [height, width] = rest.slice(-2) as [number, number];
  const size = images.data.length / count;
  const data = new Float32Array(images.data);
  for (let b = 0; b < count; b++) {
    const [isBlurred, deviation] = [random.uniform() < 0.5, largest * random.uniform()];
    if (!isBlurred || deviation === 0) continue;
    const image = float32([1, ...rest], images.data.subarray(b * size, (b + 1) * size) as Float32Array);
    data.set(resized(image, gaussianMatrix(height, deviation), gaussianMatrix(width, deviation)).data, b * size);
  }
  return float32(images.shape, data);
}

/** [length, length] what each blurred pixel of a line takes from the others: a Gaussian, rows adding up to 1. */
function gaussianMatrix(length: number, deviation: number): FloatArray {
  const matrix = new Float32Array(length * length);
  const reach = Math.ceil(3 * deviation);
  const taps = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-((k - reach) ** 2) / (2 * deviation ** 2)));
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  for (let i = 0; i < length; i++)
    for (const [k, tap] of taps.entries())
      matrix[i * length + Math.min(length - 1, Math.max(0, i + k - reach))]! += tap / total;
  return float32([length, length], matrix);
}

/** Examples that are conditioned on their own low resolution too, with noise that is a function of (seed, number of the batch). */
export function lowResolutionExamples(examples: Examples, options: SuperResolution, seed: number): Examples {
  return {
    async batch(number, size) {
      const { x0, conditions } = await examples.batch(number, size);
      if (!x0) throw new Error('lowResolutionExamples: the examples have no images');
      return {
        x0,
        conditions: {
          ...conditions,
          [imageName]: lowResolution(
            x0,
            options,
            new RandomStream(seed, 'condition noise', number),
            new RandomStream(seed, 'condition blur', number),
          ),
        },
      };
    },
  };
}

/** Super-resolution that is conditioned on the noise level of the image of low resolution. */
export interface NoisedSuperResolution extends Pick<SuperResolution, 'factor' | 'upsampling'> {
  /** Levels in training are drawn uniformly from 0 up to this share of the forward process. */
  readonly maxNoiseLevel: number;
}

/**
 * Noise-conditioning augmentation: images of low resolution with the noise of the forward process at a level s, and the level
 * as a condition.
 *
 *     α_s x + σ_s z
 *
 * @param enlarged  [B, C, H, W]
 * @param levels    [B] shares of the forward process, 0 … 1; 0 leaves an image as it is
 * @param streams   [B] what z is drawn from
 * @see Saharia et al. 2022 (Imagen), section 2.3 — https://arxiv.org/abs/2205.11487
 */
export function noisedImages(
  enlarged: FloatArray,
  levels: readonly number[],
  schedule: Schedule,
  streams: readonly RandomStream[],
): Conditions {
  const [count = 0, ...rest] = enlarged.shape;
  const size = enlarged.data.length / count;
  const data = new Float32Array(enlarged.data.length);
  const times = levels.map((level) => Math.round(level * (schedule.T - 1)));
  for (let b = 0; b < count; b++) {
    const z = streams[b]!.fillNormal(new Float32Array(size));
    const isClean = levels[b] === 0;
    const [signal, noise] = isClean ? [1, 0] : [schedule.alpha(times[b]!), schedule.sigma(times[b]!)];
    for (let i = 0; i < size; i++) data[b * size + i] = signal * enlarged.data[b * size + i]! + noise * z[i]!;
  }
  return {
    [imageName]: float32([count, ...rest], data),
    [textConditionNames.noiseLevel]: float32([count], Float32Array.from(times)),
  };
}

/** Examples that are conditioned on their own low resolution with noise at a level of its own for each image, a function of (seed, number of the batch). */
export function noisedLowResolutionExamples(
  examples: Examples,
  { maxNoiseLevel, ...enlarging }: NoisedSuperResolution,
  schedule: Schedule,
  seed: number,
): Examples {
  return {
    async batch(number, size) {
      const { x0, conditions } = await examples.batch(number, size);
      if (!x0) throw new Error('noisedLowResolutionExamples: the examples have no images');
      const random = new RandomStream(seed, 'noise level', number);
      const levels = Array.from({ length: size }, () => maxNoiseLevel * random.uniform());
      const streams = levels.map((_, b) => new RandomStream(seed, 'noise augmentation', number * size + b));
      const low = enlarge(shrink(x0, enlarging.factor), enlarging);
      return { x0, conditions: { ...conditions, ...noisedImages(low, levels, schedule, streams) } };
    },
  };
}

/** Examples of which a window of each image is shown, where it lies a function of (seed, number of the batch). */
export function croppedExamples(
  examples: Examples,
  [height, width]: readonly [number, number],
  seed: number,
): Examples {
  return {
    async batch(number, size) {
      const { x0, conditions } = await examples.batch(number, size);
      if (!x0) throw new Error('croppedExamples: the examples have no images');
      const [count = 0, channels = 0, fullHeight = 0, fullWidth = 0] = x0.shape;
      const data = new Float32Array(count * channels * height * width);
      for (let b = 0; b < count; b++) {
        const random = new RandomStream(seed, 'random crop', number * size + b);
        const [top, left] = [random.integer(fullHeight - height + 1), random.integer(fullWidth - width + 1)];
        for (let line = 0; line < channels * height; line++) {
          const [c, y] = [Math.floor(line / height), line % height];
          const from = ((b * channels + c) * fullHeight + top + y) * fullWidth + left;
          data.set(x0.data.subarray(from, from + width) as Float32Array, (b * channels * height + line) * width);
        }
      }
      return { x0: float32([count, channels, height, width], data), ...(conditions && { conditions }) };
    },
  };
}
