/** Discrete-time diffusion in Python: diffusers' DDPMScheduler and the solvers of its kind. */
import { z } from 'zod';
import {
  schedule,
  schedulerDefaults,
  varianceTypes,
  type BetaSchedule,
  type StepSchedulerConfig,
} from '../../diffusion/index.ts';
import type { JsonObject } from '../../formats/json-object.ts';
import { parseConfig } from '../../models/config.ts';
import { anyFloat, anything, type PlainPipeline, type SchedulerFile, solverKeys } from './scheduler-file.ts';
import { unclipSchedulerClass, unclipSchedulerFromJson } from './unclip.ts';

/** The schedules that diffusers' DDPMScheduler has a name for. */
const named = ['linear', 'scaled_linear', 'squaredcos_cap_v2', 'sigmoid'] as const satisfies readonly BetaSchedule[];
/**
 * Those whose β are written as a list: `sigmoid_alpha_bar` has no name there, and `sigmoid` none in DDIMScheduler, which DDIMPipeline makes
 * from the same file.
 */
const listed: readonly BetaSchedule[] = ['sigmoid', 'sigmoid_alpha_bar'];

/** What a class has where its file says nothing, if not what DDPMScheduler has. */
type OwnDefaults = Partial<Pick<StepSchedulerConfig, 'betaStart' | 'betaEnd' | 'clipSample'>>;

const unclipped: OwnDefaults = { clipSample: false };
/** Those of latent diffusion. */
const latent: OwnDefaults = { ...unclipped, betaStart: 0.00085, betaEnd: 0.012 };

/**
 * The classes of diffusers for a discrete-time process. They differ in the reverse step, which is chosen at sampling time; a
 * model that was saved with one of them is the model of any other.
 */
const stepClasses = {
  DDPMScheduler: {},
  DDIMScheduler: {},
  PNDMScheduler: unclipped,
  LMSDiscreteScheduler: unclipped,
  EulerDiscreteScheduler: unclipped,
  EulerAncestralDiscreteScheduler: unclipped,
  HeunDiscreteScheduler: latent,
  KDPM2DiscreteScheduler: latent,
  KDPM2AncestralDiscreteScheduler: latent,
  DPMSolverMultistepScheduler: unclipped,
  DPMSolverSinglestepScheduler: unclipped,
  DEISMultistepScheduler: unclipped,
  UniPCMultistepScheduler: unclipped,
} as const satisfies Record<string, OwnDefaults>;

/** A damaged number must not allocate a schedule of gigabytes. */
const largestT = 1_000_000;

/**
 * What the file of a discrete-time process may say, by the file's own names; a key that is absent has diffusers' default.
 *
 * A key that would change results and that we have not is here with the one value that changes nothing. How the times of
 * few steps are placed (spacing, offset) is each sampler's own matter here, so those may hold anything.
 */
function stepSchema(className: keyof typeof stepClasses) {
  const { numTrainTimesteps, betaStart, betaEnd, varianceType, clipSample, clipSampleRange, rescaleBetasZeroSnr } = {
    ...schedulerDefaults,
    ...stepClasses[className],
  };
  return z.strictObject({
    // diffusers carries all keys along when one scheduler is made from another's configuration.
    ...solverKeys,
    num_train_timesteps: z.number().int().positive().default(numTrainTimesteps),
    beta_start: z.number().positive().default(betaStart),
    beta_end: z.number().positive().default(betaEnd),
    beta_schedule: z.enum(named).default('linear'),
    // Of fixed_small_log diffusers takes the logarithm and back: the same variance.
    variance_type: z
      .enum([...varianceTypes, 'fixed_small_log'])
      .nullable()
      .default(varianceType),
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
    dynamic_thresholding_ratio: anyFloat,
    sample_max_value: anyFloat,
    timestep_spacing: anything,
    steps_offset: anything,
    // Times between the steps, or noise levels for times; a flow in the place of the steps.
    timestep_type: z.literal('discrete').optional(),
    use_flow_sigmas: z.literal(false).optional(),
    flow_shift: anything,
    time_shift_type: anything,
    use_dynamic_shifting: anything,
    shift_terminal: anything,

    tensor_format: anything,
  });
}

/** A class of `stepClasses` as a reader of its files. */
const reader = (className: keyof typeof stepClasses) => ({
  read(json: JsonObject, where: string): StepSchedulerConfig {
    const file = parseConfig(stepSchema(className), json, where);
    if (file.num_train_timesteps > largestT)
      throw new Error(`${where}.num_train_timesteps: expected at most ${largestT}, got ${file.num_train_timesteps}`);
    return {
      ...scheduleOf(file),
      numTrainTimesteps: file.num_train_timesteps,
      betaStart: file.beta_start,
      betaEnd: file.beta_end,
      rescaleBetasZeroSnr: file.rescale_betas_zero_snr,
      // Solvers that add no noise of their own have null.
      varianceType: file.variance_type === 'fixed_small_log' ? 'fixed_small' : (file.variance_type ?? 'fixed_small'),
      predictionType: file.prediction_type,
      clipSample: file.clip_sample,
      clipSampleRange: file.clip_sample_range,
    };
  },
});

/** Discrete-time diffusion as diffusers has it. */
export const discreteTimeFile: SchedulerFile<StepSchedulerConfig> = {
  className: 'DDPMScheduler',
  reads: {
    ...Object.fromEntries(
      (Object.keys(stepClasses) as (keyof typeof stepClasses)[]).map((className) => [className, reader(className)]),
    ),
    [unclipSchedulerClass]: { read: unclipSchedulerFromJson },
  },
  schema: () => stepSchema('DDPMScheduler'),
  write: (config) => ({
    numTrainTimesteps: config.numTrainTimesteps,
    betaStart: config.betaStart,
    betaEnd: config.betaEnd,
    betaSchedule: (named as readonly string[]).includes(config.betaSchedule) ? config.betaSchedule : 'linear',
    trainedBetas: listed.includes(config.betaSchedule)
      ? [...schedule({ ...config, rescaleBetasZeroSnr: false }).betas]
      : config.trainedBetas,
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
  }),
  cardText({ numTrainTimesteps: T, betaSchedule, trainedBetas, rescaleBetasZeroSnr, predictionType, varianceType }) {
    const named = trainedBetas ? 'a schedule of its own' : `schedule ${betaSchedule}`;
    return `${T} steps, ${named}${rescaleBetasZeroSnr ? ' rescaled to end without signal' : ''}, prediction ${predictionType}, variance ${varianceType}`;
  },
  // DDIMPipeline makes a DDIMScheduler from the same file, which takes a learned variance for more channels of the image.
  pipelines: ({ varianceType }) =>
    varianceType === 'learned_range' ? ['DDPMPipeline'] : ['DDPMPipeline', 'DDIMPipeline'],
  python: ({ numTrainTimesteps: T }) => ({
    // Our DDIM takes ε̂ from the clipped x̂_0, as its authors' code does; there it is an option.
    pipelineOptions: (pipeline: PlainPipeline) =>
      pipeline === 'DDPMPipeline'
        ? `num_inference_steps=${T}`
        : `num_inference_steps=${evenSteps(T)}, use_clipped_model_output=True`,
    setTimes: `scheduler.set_timesteps(${T})`,
    networkInput: 'x',
    initialScale: '',
  }),
};

/** Fifty steps or the next fewer that divide T: diffusers' DDIM takes ⌊T/N⌋ for the distance of its times, whatever they are. */
function evenSteps(T: number): number {
  let steps = Math.min(50, T);
  while (T % steps !== 0) steps--;
  return steps;
}

/** A list that is a schedule with a name here was written from it: the name comes back. */
function scheduleOf({
  beta_schedule: name,
  trained_betas: betas,
  num_train_timesteps: numTrainTimesteps,
  beta_start: betaStart,
  beta_end: betaEnd,
}: {
  readonly beta_schedule: BetaSchedule;
  readonly trained_betas: readonly number[] | null;
  readonly num_train_timesteps: number;
  readonly beta_start: number;
  readonly beta_end: number;
}): Pick<StepSchedulerConfig, 'betaSchedule' | 'trainedBetas'> {
  if (betas === null || betas.length !== numTrainTimesteps) return { betaSchedule: name, trainedBetas: betas };
  for (const betaSchedule of listed) {
    // The ends are of no effect next to a list, and may be anything.
    if (betaSchedule === 'sigmoid' && !(betaStart < 1 && betaEnd < 1)) continue;
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
 *     fixed_large      leading: down to 0, also in equal parts; linspace where T − 1 is without signal and has to be among them
 *
 * DDPMScheduler adds no noise at time 0 only: a list that ends before it ends in an image with the noise of a whole step, unless the
 * variance is fixed_small, which is 0 there.
 */
function spacingOf({ varianceType, rescaleBetasZeroSnr }: StepSchedulerConfig): 'leading' | 'trailing' | 'linspace' {
  if (varianceType === 'fixed_small') return 'trailing';
  return varianceType === 'learned_range' || rescaleBetasZeroSnr ? 'linspace' : 'leading';
}
