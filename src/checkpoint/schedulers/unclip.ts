/** diffusers' UnCLIPScheduler: DDPM's steps on the cosine schedule, as DALL·E 2's pipelines there call it. */
import { z } from 'zod';
import { schedulerDefaults, type SchedulerConfig, type StepSchedulerConfig } from '../../diffusion/index.ts';
import type { JsonObject } from '../../formats/json-object.ts';
import { parseConfig } from '../../models/config.ts';

/** The class's name. */
export const unclipSchedulerClass = 'UnCLIPScheduler';

/** A damaged number must not allocate a schedule of gigabytes. */
const largestT = 1_000_000;

/** What the file may say; a key that is absent has diffusers' default. */
export const unclipSchedulerSchema = z.strictObject({
  num_train_timesteps: z.number().int().positive().max(largestT).default(1000),
  // Of fixed_small_log diffusers takes the logarithm and back: the same variance.
  variance_type: z.enum(['fixed_small_log', 'learned_range']).default('fixed_small_log'),
  clip_sample: z.boolean().default(true),
  clip_sample_range: z.number().positive().default(1),
  prediction_type: z.enum(['epsilon', 'sample']).default('epsilon'),
  beta_schedule: z.literal('squaredcos_cap_v2').default('squaredcos_cap_v2'),
});

/**
 * How UnCLIPScheduler steps when nobody says: DDPM's ancestral steps, at times from T − 1 to 0 both ends among them.
 */
export const unclipSampling = { sampler: 'ddpm', spacing: 'linspace' } as const;

/** Our configuration from the file. */
export function unclipSchedulerFromJson(json: JsonObject, where: string): StepSchedulerConfig {
  const file = parseConfig(unclipSchedulerSchema, json, where);
  return {
    ...schedulerDefaults,
    betaSchedule: file.beta_schedule,
    numTrainTimesteps: file.num_train_timesteps,
    varianceType: file.variance_type === 'learned_range' ? 'learned_range' : 'fixed_small',
    predictionType: file.prediction_type,
    clipSample: file.clip_sample,
    clipSampleRange: file.clip_sample_range,
  };
}

/**
 * The file of our configuration.
 *
 * @param what  how the message calls the process
 * @throws if diffusers' class has no word for it: it has the cosine schedule, ε or x_0, fixed_small or learned_range
 */
export function unclipSchedulerToJson(config: SchedulerConfig, what = 'scheduler'): JsonObject {
  const refused = (key: string, value: unknown, expected: string) =>
    new Error(
      `${what}: diffusers' ${unclipSchedulerClass} has no ${key} ${JSON.stringify(value)}; expected ${expected}`,
    );
  if (!('betaSchedule' in config)) throw refused('process', config.process, 'a discrete-time process');
  const { betaSchedule, trainedBetas, rescaleBetasZeroSnr, varianceType, predictionType } = config;
  if (betaSchedule !== 'squaredcos_cap_v2' || trainedBetas !== null)
    throw refused('betaSchedule', trainedBetas === null ? betaSchedule : 'of its own', 'cosine');
  if (rescaleBetasZeroSnr) throw refused('rescaleBetasZeroSnr', true, 'false');
  if (predictionType !== 'epsilon' && predictionType !== 'sample')
    throw refused('predictionType', predictionType, 'epsilon or sample');
  if (varianceType !== 'fixed_small' && varianceType !== 'learned_range')
    throw refused('varianceType', varianceType, 'fixed_small or learned_range');
  return {
    numTrainTimesteps: config.numTrainTimesteps,
    varianceType: varianceType === 'learned_range' ? varianceType : 'fixed_small_log',
    clipSample: config.clipSample,
    clipSampleRange: config.clipSampleRange,
    predictionType,
    betaSchedule,
  };
}
