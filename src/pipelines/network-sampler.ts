/** A network made ready to be sampled. */
import { float32, sizeOf, type Executor, type FloatArray, type Shape } from '../core/index.ts';
import {
  checkConditions,
  classifierFreeGuidance,
  clipping,
  dynamicThresholding,
  fromPrediction,
  networkProcess,
  padRows,
  type Conditions,
  type Denoiser,
  type Guidance,
  type Predict,
  type Prediction,
  type Sampling,
  type SchedulerConfig,
} from '../diffusion/index.ts';
import type { DenoisingNetwork } from '../models/index.ts';
import { checkNetwork, denoiserProgram, denoisingNetwork } from './denoising-loss.ts';
import { imageSampler, type ImageSampler } from './image-sampler.ts';
import { overWeights, type ProgramWeights } from './program-weights.ts';

/** What is sampled: the network, its noise, and where its weights are. */
export interface SamplerSource {
  /** Channels that it takes beyond those that it predicts are an image that it is conditioned on; see `denoisingNetwork`. */
  readonly network: DenoisingNetwork;
  readonly scheduler: SchedulerConfig;
  readonly weights: ProgramWeights;
  /** [1, ...] the rows that stand for "without a condition", for models trained with conditions dropped: `classConditions([nullLabel])`. Guidance needs them. */
  readonly nothing?: Conditions | undefined;
  /** How the model is sampled when nobody says; see `fullSampling`. */
  readonly sampling?: Sampling | undefined;
  /** Samples computed together, default 16. Fixed whatever the count, so that a sample has the same bytes at any count. */
  readonly batchSize?: number;
}

/**
 * Compiles a network for sampling.
 *
 * @param executor  where it runs; it has to outlive the sampler
 * @throws if weights of the network are missing, in the values given or in the store, or it cannot denoise
 * @example
 * import { loadModel } from 'kuosan/checkpoint';
 * import { openSampler, sampleImages } from 'kuosan/pipelines';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 *
 * const executor = createNodeExecutor();
 * const sampler = await openSampler(executor, { ...(await loadModel('noto-32')), batchSize: 2 });
 * const images = await sampleImages(sampler, { seed: 0, count: 2, sampler: 'dpmpp-2m', steps: 4 });
 * console.log(images.shape); // [ 2, 3, 32, 32 ]
 * await executor.dispose();
 */
export async function openSampler(
  executor: Executor,
  { network: given, scheduler, weights, nothing = {}, sampling, batchSize = 16 }: SamplerSource,
): Promise<ImageSampler> {
  const process = networkProcess(scheduler);
  const network = denoisingNetwork(given, process.varianceType);
  checkNetwork(network);
  const { store, program } = overWeights(weights, (prefix) => denoiserProgram(network, batchSize, prefix));
  const executable = await executor.compile(program());
  const { schedule, preconditioning, clip } = process;

  const predict: Predict = async (xt, t, conditions = {}) => {
    checkConditions('denoiser', network.conditions, conditions, t.length);
    const out = await executable.run(store, {
      sample: padRows(xt, batchSize),
      timestep: padRows(float32([t.length], t), batchSize),
      ...Object.fromEntries(Object.entries(conditions).map(([name, rows]) => [name, padRows(rows, batchSize)])),
    });
    return predictionOf(out['out_sample']! as FloatArray, xt.shape);
  };
  // What is guided is the network's own prediction; the bounds of images are put around the result.
  const plainDenoiser = fromPrediction(predict, schedule, preconditioning);

  function denoiser({
    guidanceScale = 1,
    guidanceRescale,
    guidanceInterval,
    dynamicThresholding: threshold,
  }: Guidance = {}): Denoiser {
    if (guidanceScale === 1 && !threshold) return fromPrediction(predict, schedule, preconditioning, { clip });
    let denoise = plainDenoiser;
    if (guidanceScale !== 1) {
      if (network.conditions.length === 0)
        throw new Error('guidanceScale: this model is unconditional, so it cannot be guided; leave the scale at 1');
      if (Object.keys(nothing).length === 0)
        throw new Error(
          'guidanceScale: this model was trained without label dropout (objective.labelDropout), so it cannot be guided; leave the scale at 1',
        );
      denoise = classifierFreeGuidance(denoise, {
        schedule,
        scale: guidanceScale,
        asked: preconditioning,
        nothing,
        ...(guidanceRescale !== undefined && { rescale: guidanceRescale }),
        ...(guidanceInterval && { interval: guidanceInterval }),
      });
    }
    if (threshold) return dynamicThresholding(denoise, schedule, threshold);
    return clip === undefined ? denoise : clipping(denoise, schedule, clip);
  }

  return imageSampler({
    process,
    shape: network.sample,
    batchSize,
    conditions: network.conditions,
    sampling,
    denoiser,
    plainDenoiser,
    dispose: () => executable.dispose(),
  });
}

/**
 * The network's output for the samples asked for, the padding left out.
 *
 * @param output  [batchSize, C, ...], or 2C channels if it learns the variance
 * @param shape   [B, C, ...] with B ≤ batchSize
 */
function predictionOf(output: FloatArray, shape: Shape): Prediction {
  const [count = 0, channels = 1] = shape;
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
