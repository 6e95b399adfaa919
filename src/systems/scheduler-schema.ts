import { z } from 'zod';
import {
  betaSchedules,
  processes,
  continuousProcesses,
  predictionTypes,
  schedulerConfig,
  schedulerDefaults,
  timestepDistribution,
  varianceTypes,
  type SchedulerConfig,
  type SchedulerOptions,
  type TimestepDistribution,
} from '../diffusion/index.ts';

const positive = z.number().positive();
const { flow, edm } = processes;

/** A setting that may be left out; `schedulerConfig` fills in the default, which is said here. */
function defaulted<S extends z.ZodType>(schema: S, value: unknown): z.ZodOptional<S> {
  return schema.optional().meta({ default: value });
}

/**
 * The `scheduler` section of a run: diffusers' names in camelCase. Which of them go together is for `schedulerConfig` to check: those of a
 * discrete-time process without `process`, those of a flow or of EDM with it.
 */
export const schedulerSchema = z.strictObject({
  /** `flow` for a rectified flow, `edm` for EDM's noise levels; left out, a discrete-time process. */
  process: z.enum(continuousProcesses).optional().meta({ startsSection: true }),
  /** How β_t grows: the noise schedule of a discrete-time process. `cosine` is short for `squaredcos_cap_v2`. */
  betaSchedule: defaulted(z.enum([...betaSchedules, 'cosine']), schedulerDefaults.betaSchedule), // diffusers' DDPMScheduler
  /** T: the times of a discrete-time process. For a flow, what the network is given at pure noise. @unit times */
  numTrainTimesteps: defaulted(z.number().int().positive(), schedulerDefaults.numTrainTimesteps), // Ho et al.
  /** β_0 of `linear`, `scaled_linear` and `sigmoid`; left out, scaled by 1000/T. */
  betaStart: defaulted(positive, schedulerDefaults.betaStart), // Ho et al.
  /** β_{T−1} of the same; left out, scaled by 1000/T. */
  betaEnd: defaulted(positive, schedulerDefaults.betaEnd), // Ho et al.
  /** The β_t themselves, T of them, in place of a named schedule. */
  trainedBetas: defaulted(z.array(z.number()).nullable(), schedulerDefaults.trainedBetas),
  /** Rescales the schedule to end without any signal; needs `v_prediction` or `sample`. */
  rescaleBetasZeroSnr: defaulted(z.boolean(), schedulerDefaults.rescaleBetasZeroSnr), // Lin et al. 2024
  /** The variance of a step of DDPM; `learned_range` is predicted by the network, which has twice the output channels. */
  varianceType: defaulted(z.enum(varianceTypes), schedulerDefaults.varianceType), // diffusers' DDPMScheduler
  /** What the network predicts: ε, x_0 (`sample`) or v. */
  predictionType: defaulted(z.enum(predictionTypes), schedulerDefaults.predictionType), // Ho et al.
  /** Clips x̂_0 to ±clipSampleRange at every step of sampling. */
  clipSample: defaulted(z.boolean(), schedulerDefaults.clipSample), // diffusers' DDPMScheduler
  /** Where x̂_0 is clipped. */
  clipSampleRange: defaulted(positive, schedulerDefaults.clipSampleRange), // diffusers' DDPMScheduler
  /** Of a flow: how far training and sampling are moved towards the noise; 1 not at all, 3 for images of many pixels. */
  shift: defaulted(positive, flow.defaults.shift), // Esser et al. 2024, section 5.3.2
  /** Of EDM: the smallest noise level. */
  sigmaMin: defaulted(positive, edm.defaults.sigmaMin), // Karras et al. 2022, table 1
  /** Of EDM: the largest noise level. */
  sigmaMax: defaulted(positive, edm.defaults.sigmaMax), // Karras et al. 2022, table 1
  /** Of EDM: the standard deviation of the data's values. */
  sigmaData: defaulted(positive, edm.defaults.sigmaData), // Karras et al. 2022, table 1
});

/**
 * The scheduler of a configuration with the defaults of its process, and how the times of a batch are drawn.
 *
 * @throws if the scheduler or the distribution of times contradicts itself
 */
export function completedProcess(
  given: object,
  {
    timeSampling,
    timeMean,
    timeStd,
  }: { readonly [Key in keyof TimestepDistribution]?: TimestepDistribution[Key] | undefined },
): { readonly scheduler: SchedulerConfig; readonly times: TimestepDistribution } {
  const scheduler = schedulerConfig(given as SchedulerOptions);
  return { scheduler, times: timestepDistribution(scheduler, { timeSampling, timeMean, timeStd }) };
}
