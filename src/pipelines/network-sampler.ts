/** A network made ready to generate images. */
import {
  float32,
  freeze,
  sizeOf,
  type Executor,
  type FloatArray,
  type HostArrays,
  type Shape,
  type Store,
} from '../core/index.ts';
import {
  classifierFreeGuidance,
  clipping,
  dynamicThresholding,
  fromPrediction,
  networkProcess,
  type Denoiser,
  type Predict,
  type Prediction,
  type SchedulerConfig,
} from '../diffusion/index.ts';
import type { UNet2DModel } from '../models/index.ts';
import { checkNetwork, denoiserProgram, int64, type ImageShape } from './ddpm.ts';
import { imageSampler, type GuidanceOptions, type ImageSampler } from './image-sampler.ts';

/** What images are sampled from: the network, its noise, and where its weights are. */
export interface SamplerSource {
  readonly unet: UNet2DModel;
  readonly scheduler: SchedulerConfig;
  /** Channels that the network takes beyond these are an image that it sees next to x_t (`cond.image`). */
  readonly imageShape: ImageShape;
  /** Values to build in as constants (fast, standalone), or a store that holds them under `prefix` (shared with training). */
  readonly weights: HostArrays | { readonly store: Store; readonly prefix: string };
  /** The class that stands for "any", for models trained with hidden classes; guidance needs it. */
  readonly nullClass?: number | null;
  /** Images computed together, default 16. Fixed whatever the count, so that an image has the same bytes at any count. */
  readonly batchSize?: number;
}

/**
 * Compiles a network for generating images.
 *
 * @param executor  where it runs; it has to outlive the sampler
 * @throws if weights of the network are missing, in the values given or in the store, or it takes something else than times from 0,
 *   class labels and an image next to x_t
 */
export async function openSampler(
  executor: Executor,
  { unet, scheduler, imageShape, weights, nullClass = null, batchSize = 16 }: SamplerSource,
): Promise<ImageSampler> {
  checkNetwork(unet, imageShape[0]);
  const shared = 'store' in weights ? weights : undefined;
  const network = denoiserProgram(unet, batchSize, imageShape, shared?.prefix);
  const executable = await executor.compile(shared ? network : freeze(network, weights as HostArrays));
  const diffusion = networkProcess(scheduler);
  const { schedule, preconditioning, clip } = diffusion;
  const { inChannels } = unet.config;
  const [channels, height, width] = imageShape;
  const condChannels = inChannels - channels;

  const predict: Predict = async (xt, t, cond) => {
    const count = t.length;
    const whole = count === batchSize && condChannels === 0;
    const sample = whole ? xt.data : new Float32Array(batchSize * inChannels * height * width);
    if (!whole) place(sample, xt, count, inChannels * height * width, 0);
    if (condChannels > 0)
      place(
        sample,
        condImage(cond?.image, [count, condChannels, height, width]),
        count,
        inChannels * height * width,
        channels * height * width,
      );
    const timestep = new Float32Array(batchSize);
    timestep.set(t);
    const labels = new Float32Array(batchSize);
    labels.set(cond?.classLabels ?? []);
    const out = await executable.run(shared?.store ?? null, {
      sample: float32([batchSize, inChannels, height, width], sample),
      timestep: float32([batchSize], timestep),
      ...(unet.classInput && { class_labels: int64(labels) }),
    });
    return predictionOf(out['out_sample']! as FloatArray, xt.shape);
  };
  // What is guided is the network's own word; the bounds of images are put around the result.
  const plainDenoiser = fromPrediction(predict, schedule, preconditioning);

  function denoiser({
    guidanceScale = 1,
    guidanceRescale,
    guidanceInterval,
    dynamicThresholding: threshold,
  }: GuidanceOptions = {}): Denoiser {
    if (guidanceScale === 1 && !threshold) return fromPrediction(predict, schedule, preconditioning, { clip });
    let denoise = plainDenoiser;
    if (guidanceScale !== 1) {
      if (!unet.classInput)
        throw new Error('guidanceScale: this model takes no classes, so there is nothing to guide towards');
      if (nullClass === null)
        throw new Error(
          'guidanceScale: this model was trained without hidden classes (objective.labelDropout), so it cannot be guided; leave the scale at 1',
        );
      denoise = classifierFreeGuidance(denoise, {
        schedule,
        scale: guidanceScale,
        asked: preconditioning,
        uncond: (count) => ({ classLabels: Array<number>(count).fill(nullClass) }),
        ...(guidanceRescale !== undefined && { rescale: guidanceRescale }),
        ...(guidanceInterval && { interval: guidanceInterval }),
      });
    }
    if (threshold) return dynamicThresholding(denoise, schedule, threshold);
    return clip === undefined ? denoise : clipping(denoise, schedule, clip);
  }

  return imageSampler({
    diffusion,
    imageShape,
    batchSize,
    condChannels,
    takesClasses: unet.classInput !== null,
    denoiser,
    plainDenoiser,
    dispose: () => executable.dispose(),
  });
}

/** @throws if the image next to x_t is missing or of another size */
function condImage(image: FloatArray | undefined, expected: Shape): FloatArray {
  if (!image)
    throw new Error(
      `denoiser: this network is conditioned on an image, and cond.image is missing; it is [${expected.join(', ')}]`,
    );
  if (image.shape.join() !== expected.join())
    throw new Error(`denoiser: cond.image is [${image.shape.join(', ')}], expected [${expected.join(', ')}]`);
  return image;
}

/** Writes each sample of a batch into rows of a larger one, from a place in them on. */
function place(into: Float32Array, { data }: FloatArray, count: number, stride: number, offset: number): void {
  const size = data.length / count;
  for (let b = 0; b < count; b++) into.set(data.subarray(b * size, (b + 1) * size), b * stride + offset);
}

/**
 * The network's output for the samples asked for, the padding left out.
 *
 * @param output  [batchSize, C, H, W], or 2C channels if it learns the variance
 * @param shape   [B, C, H, W] with B ≤ batchSize
 */
function predictionOf(output: FloatArray, shape: Shape): Prediction {
  const [count, channels] = shape as readonly [number, number];
  const size = sizeOf(shape.slice(1));
  const stride = sizeOf(output.shape.slice(1));
  const half = (first: number) => {
    if (stride === size) return float32(shape, output.data.subarray(0, count * size) as Float32Array);
    const data = new Float32Array(count * size);
    for (let b = 0; b < count; b++)
      data.set(output.data.subarray(b * stride + first * size, b * stride + (first + 1) * size), b * size);
    return float32(shape, data);
  };
  return { output: half(0), ...(output.shape[1] === 2 * channels && { variance: half(1) }) };
}
