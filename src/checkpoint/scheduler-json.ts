/** diffusers' scheduler_config.json ⇄ our `SchedulerConfig`. */
import { z } from 'zod';
import { schedulerDefaults, varianceTypes, schedule, type BetaSchedule, type SchedulerConfig } from '../diffusion/index.ts';
import { parseConfig, toHuggingFace } from '../models/index.ts';
import type { JsonObject } from './json-file.ts';

/** The classes whose configuration we read: the two that diffusers' DDPMPipeline and DDIMPipeline write. */
export const schedulerClasses = ['DDPMScheduler', 'DDIMScheduler'] as const;

/** The schedules that diffusers' DDPMScheduler has a name for. */
const named = ['linear', 'scaled_linear', 'squaredcos_cap_v2', 'sigmoid'] as const satisfies readonly BetaSchedule[];
/**
 * Those whose β are written as a list: `sigmoid_alpha_bar` has no name there, and `sigmoid` none in DDIMScheduler, which DDIMPipeline makes
 * from the same file.
 */
const listed: readonly BetaSchedule[] = ['sigmoid', 'sigmoid_alpha_bar'];

/**
 * What the file may say, by the file's own names; a key that is absent has diffusers' default.
 *
 * A key that would change results and that we have not is here with the one value that changes nothing. How the times of
 * few steps are placed (spacing, offset) is each sampler's own matter here, so those may hold anything.
 */
function schemaOf(className: string) {
  const anything = z.unknown().optional();
  const { numTrainTimesteps, betaStart, betaEnd, varianceType, clipSample, clipSampleRange, rescaleBetasZeroSnr } = schedulerDefaults;
  return z.strictObject({
    num_train_timesteps: z.number().int().positive().default(numTrainTimesteps),
    beta_start: z.number().positive().default(betaStart),
    beta_end: z.number().positive().default(betaEnd),
    beta_schedule: z.enum(named).default('linear'),
    // Of fixed_small_log diffusers takes the logarithm and back: the same variance.
    variance_type: z.enum([...varianceTypes, 'fixed_small_log']).default(varianceType),
    prediction_type: z.enum(['epsilon', 'sample', 'v_prediction']).default('epsilon'),
    clip_sample: z.boolean().default(clipSample),
    clip_sample_range: z.number().positive().default(clipSampleRange),

    trained_betas: z.array(z.number().gt(0).lte(1)).max(largestT).nullable().default(null),
    rescale_betas_zero_snr: z.boolean().default(rescaleBetasZeroSnr),
    thresholding: z.literal(false).optional(),
    // Before prediction_type, diffusers 0.5 said it so.
    predict_epsilon: z.literal(true).optional(),
    // DDIM takes its last step to ᾱ = 1, as ours does; DDPM never reads the key.
    set_alpha_to_one: className === 'DDIMScheduler' ? z.literal(true).optional() : anything,

    // Of no effect without thresholding.
    dynamic_thresholding_ratio: anything,
    sample_max_value: anything,
    timestep_spacing: anything,
    steps_offset: anything,
    // Of other schedulers, which diffusers carries along when one is made from another's configuration.
    skip_prk_steps: anything,
    solver_order: anything,
    solver_type: anything,
    algorithm_type: anything,
    lower_order_final: anything,
    tensor_format: anything,
  });
}

/**
 * Our configuration from diffusers' file.
 *
 * @param where  how messages call the file
 * @throws one line that names the key, if its value would change results and is not supported
 */
export function schedulerFromJson(json: JsonObject, where: string): SchedulerConfig {
  const className = json['_class_name'] ?? 'DDPMScheduler';
  if (!(schedulerClasses as readonly unknown[]).includes(className)) throw new Error(`${where}: scheduler ${JSON.stringify(className)} is not supported; one of ${schedulerClasses.join(', ')}`);
  const own = Object.fromEntries(Object.entries(json).filter(([key]) => !key.startsWith('_')));
  const file = parseConfig(schemaOf(className as string), own, where);
  const config: SchedulerConfig = {
    ...scheduleOf(file),
    numTrainTimesteps: file.num_train_timesteps,
    betaStart: file.beta_start,
    betaEnd: file.beta_end,
    rescaleBetasZeroSnr: file.rescale_betas_zero_snr,
    varianceType: file.variance_type === 'fixed_small_log' ? 'fixed_small' : file.variance_type,
    predictionType: file.prediction_type,
    clipSample: file.clip_sample,
    clipSampleRange: file.clip_sample_range,
  };
  if (config.numTrainTimesteps > largestT) throw new Error(`${where}.num_train_timesteps: expected at most ${largestT}, got ${config.numTrainTimesteps}`);
  try {
    schedule(config);
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
  return config;
}

/** A list that is a schedule with a name here was written from it: the name comes back. */
function scheduleOf({ beta_schedule: name, trained_betas: betas, num_train_timesteps: numTrainTimesteps, beta_start: betaStart, beta_end: betaEnd }: { readonly beta_schedule: BetaSchedule; readonly trained_betas: readonly number[] | null; readonly num_train_timesteps: number; readonly beta_start: number; readonly beta_end: number }): Pick<SchedulerConfig, 'betaSchedule' | 'trainedBetas'> {
  if (betas === null || betas.length !== numTrainTimesteps) return { betaSchedule: name, trainedBetas: betas };
  for (const betaSchedule of listed) {
    const own = schedule({ betaSchedule, numTrainTimesteps, betaStart, betaEnd }).betas;
    if (betas.every((beta, t) => beta === own[t])) return { betaSchedule, trainedBetas: null };
  }
  return { betaSchedule: name, trainedBetas: betas };
}

/**
 * How diffusers places the times of few steps (with all T they are the same).
 *
 *     learned_range    linspace: from T − 1, where the noise is, to 0
 *     fixed_small      trailing: from T − 1 down in equal parts, which DDIMScheduler takes for granted
 *     fixed_large      leading: down to 0, also in equal parts; trailing where T − 1 is without signal
 *
 * DDPMScheduler adds no noise at time 0 only: a list that ends before it ends in a picture with the noise of a whole step, unless the
 * variance is fixed_small, which is 0 there.
 */
function spacingOf({ varianceType, rescaleBetasZeroSnr }: SchedulerConfig): 'leading' | 'trailing' | 'linspace' {
  if (varianceType === 'learned_range') return 'linspace';
  return varianceType === 'fixed_small' || rescaleBetasZeroSnr ? 'trailing' : 'leading';
}

/** A damaged number must not allocate a schedule of gigabytes. */
const largestT = 1_000_000;

/**
 * diffusers' file, class DDPMScheduler. Every key of the class is written, so that the file means the same to every version of diffusers,
 * whatever its defaults.
 */
export function schedulerToJson(config: SchedulerConfig): JsonObject {
  return toHuggingFace('DDPMScheduler', {
    numTrainTimesteps: config.numTrainTimesteps,
    betaStart: config.betaStart,
    betaEnd: config.betaEnd,
    betaSchedule: (named as readonly string[]).includes(config.betaSchedule) ? config.betaSchedule : 'linear',
    trainedBetas: listed.includes(config.betaSchedule) ? [...schedule({ ...config, rescaleBetasZeroSnr: false }).betas] : config.trainedBetas,
    varianceType: config.varianceType,
    clipSample: config.clipSample,
    clipSampleRange: config.clipSampleRange,
    predictionType: config.predictionType,
    thresholding: false,
    dynamicThresholdingRatio: 0.995,
    sampleMaxValue: 1,
    timestepSpacing: spacingOf(config),
    stepsOffset: 0,
    rescaleBetasZeroSnr: config.rescaleBetasZeroSnr,
  });
}
