/** The processes, one row each: everything that asks what a process is asks its row. */
import { quoteJson } from '../formats/quote.ts';
import type { TimestepDistribution } from './time-sampling.ts';
import { discreteTime, type StepSchedulerConfig, type StepSchedulerOptions } from './processes/discrete-time.ts';
import { edm, type EdmSchedulerConfig } from './processes/edm.ts';
import { type NetworkProcess, oneOf, type ProcessDefinition } from './processes/process-definition.ts';
import { type FlowSchedulerConfig, rectifiedFlow } from './processes/rectified-flow.ts';

/** The continuous-time processes, by the name in `scheduler.process`. */
export const continuousProcesses = ['flow', 'edm'] as const;
/** A name of every process; discrete-time diffusion is the one that configurations do not name. */
export type ProcessName = 'discrete' | (typeof continuousProcesses)[number];

/** What a checkpoint's scheduler_config.json says, in diffusers' names in camelCase. */
export type SchedulerConfig = StepSchedulerConfig | FlowSchedulerConfig | EdmSchedulerConfig;

/** A configuration as a person writes it. */
export type SchedulerOptions =
  | StepSchedulerOptions
  | (Pick<FlowSchedulerConfig, 'process'> & Partial<FlowSchedulerConfig>)
  | (Pick<EdmSchedulerConfig, 'process'> & Partial<EdmSchedulerConfig>);

/** The processes. */
export const processes = { discrete: discreteTime, flow: rectifiedFlow, edm } as const satisfies Readonly<
  Record<ProcessName, unknown>
>;

/** The name of a configuration's process. */
export function processNameOf({ process = undefined }: Pick<SchedulerConfig, 'process'>): ProcessName {
  return process ?? 'discrete';
}

/** The row of a configuration's process. */
export function processOf(config: Pick<SchedulerConfig, 'process'>): ProcessDefinition<SchedulerConfig> {
  // A row is given configurations with its own name only.
  return processes[processNameOf(config)] as unknown as ProcessDefinition<SchedulerConfig>;
}

/**
 * The full configuration with the defaults filled in.
 *
 * A betaStart or betaEnd left out is scaled by 1000/T as `linearSchedule` does and stands in the result as a number,
 * so the saved file means the same to diffusers, which does not scale.
 *
 * @throws on an unknown field or name, or a value outside its range
 * @example
 * import { schedulerConfig } from 'kuosan/diffusion';
 *
 * const cosine = schedulerConfig({ betaSchedule: 'cosine', predictionType: 'v_prediction' });
 * const flow = schedulerConfig({ process: 'flow', shift: 3 });
 * console.log(cosine.betaSchedule, flow.numTrainTimesteps); // squaredcos_cap_v2 1000
 */
export function schedulerConfig(options?: StepSchedulerOptions): StepSchedulerConfig;
export function schedulerConfig(options: SchedulerOptions): SchedulerConfig;
export function schedulerConfig(options: SchedulerOptions = {}): SchedulerConfig {
  // A file can hold any type.
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw new Error(`scheduler: expected an object, got ${quoteJson(options)}`);
  if (options.process !== undefined) oneOf('process', options.process, continuousProcesses);
  return processOf(options).complete(options);
}

/**
 * A network in the process of a configuration.
 *
 * @throws whatever the schedule refuses
 * @example
 * import { networkProcess, schedulerConfig } from 'kuosan/diffusion';
 *
 * const { schedule, preconditioning } = networkProcess(schedulerConfig({ process: 'edm' }));
 * console.log(schedule.sigma(80), preconditioning.predicts); // 80 edm
 */
export function networkProcess(config: SchedulerConfig): NetworkProcess {
  return processOf(config).network(config);
}

/** A configuration in a few words: `cosine schedule, T = 1000, predicts v`. */
export function describeProcess(config: SchedulerConfig): string {
  return processOf(config).describe(config);
}

/**
 * The timestep distribution of a process, with its defaults: uniform for discrete time; logit-normal for a flow, shifted with
 * its shift, which multiplies σ/α; for EDM log-normally.
 *
 * @throws if the distribution does not fit the process
 * @see Esser et al. 2024, section 3.1 and table 1: mean 0, deviation 1 — https://arxiv.org/abs/2403.03206; Karras et al. 2022, table 1: P_mean −1.2, P_std 1.2 — https://arxiv.org/abs/2206.00364
 */
export function timestepDistribution(
  scheduler: SchedulerConfig,
  asked: { readonly [Key in keyof TimestepDistribution]?: TimestepDistribution[Key] | undefined } = {},
): TimestepDistribution {
  const times = processOf(scheduler).trainingTimes(scheduler);
  const { timeSampling = times.default, timeMean, timeStd } = asked;
  if (timeSampling !== 'log_normal' && (timeMean !== undefined || timeStd !== undefined))
    throw new Error(
      `${timeMean === undefined ? 'timeStd' : 'timeMean'}: belongs to timeSampling log_normal, got ${timeSampling}`,
    );
  const refused = times.refused[timeSampling];
  if (refused !== undefined) throw new Error(refused);
  if (timeSampling !== 'log_normal') return { timeSampling };
  return { timeSampling, timeMean: timeMean ?? times.logNormal?.mean, timeStd: timeStd ?? times.logNormal?.std };
}
