/** diffusers' scheduler_config.json ⇄ our `SchedulerConfig`. */
import { z } from 'zod';
import {
  continuousDefaults,
  networkProcess,
  schedulerConfig,
  schedulerDefaults,
  varianceTypes,
  schedule,
  type BetaSchedule,
  type EdmSchedulerConfig,
  type FlowSchedulerConfig,
  type SchedulerConfig,
  type StepSchedulerConfig,
} from '../diffusion/index.ts';
import { quoteJson } from '../formats/quote.ts';
import { parseConfig, toHuggingFace } from '../models/index.ts';
import { type JsonObject } from '../formats/json-object.ts';

/** The schedules that diffusers' DDPMScheduler has a name for. */
const named = ['linear', 'scaled_linear', 'squaredcos_cap_v2', 'sigmoid'] as const satisfies readonly BetaSchedule[];
/**
 * Those whose β are written as a list: `sigmoid_alpha_bar` has no name there, and `sigmoid` none in DDIMScheduler, which DDIMPipeline makes
 * from the same file.
 */
const listed: readonly BetaSchedule[] = ['sigmoid', 'sigmoid_alpha_bar'];

/** How a class of diffusers writes a configuration of ours. */
interface FileFormat<Config extends SchedulerConfig> {
  /** What the file may say. */
  schema(): z.ZodType;
  /** @throws one line that names the key, if its value would change results and is not supported */
  read(file: JsonObject, where: string): Config;
  /** Every key of the class, so that the file means the same to every version of diffusers, whatever its defaults. */
  write(config: Config): JsonObject;
}

const anything = z.unknown().optional();
/** Anything, which is written as a float where it is a number. */
const anyFloat = z.union([z.number(), z.unknown()]).optional();

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

/** Keys of solvers: their order, how they end, how they place their times. */
const solverKeys = Object.fromEntries(
  [
    'skip_prk_steps',
    'solver_order',
    'solver_type',
    'solver_p',
    'algorithm_type',
    'lower_order_final',
    'euler_at_final',
    'predict_x0',
    'disable_corrector',
    'use_karras_sigmas',
    'use_exponential_sigmas',
    'use_beta_sigmas',
    'use_lu_lambdas',
    'interpolation_type',
    'sigma_min',
    'sigma_max',
    'final_sigmas_type',
    'lambda_min_clipped',
  ].map((key) => [key, anything]),
);

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

/** The keys of `stepClasses`; DDPMScheduler's is what we write. */
const steps = (className: keyof typeof stepClasses): FileFormat<StepSchedulerConfig> => ({
  schema: () => stepSchema(className),
  read(json, where) {
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
});

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

const { flow: flowDefaults, edm: edmDefaults } = continuousDefaults;

const flowSchema = z.strictObject({
  num_train_timesteps: z.number().int().positive().default(flowDefaults.numTrainTimesteps),
  shift: z.number().positive().default(flowDefaults.shift),

  // What would place the times otherwise, or turn the flow round.
  use_dynamic_shifting: z.literal(false).optional(),
  invert_sigmas: z.literal(false).optional(),
  shift_terminal: z.literal(null).optional(),
  use_karras_sigmas: z.literal(false).nullable().optional(),
  use_exponential_sigmas: z.literal(false).nullable().optional(),
  use_beta_sigmas: z.literal(false).nullable().optional(),
  stochastic_sampling: z.literal(false).optional(),

  // Of no effect without dynamic shifting.
  base_shift: anyFloat,
  max_shift: anyFloat,
  base_image_seq_len: anything,
  max_image_seq_len: anything,
  time_shift_type: anything,
});

const flow: FileFormat<FlowSchedulerConfig> = {
  schema: () => flowSchema,
  read(json, where) {
    const { num_train_timesteps: numTrainTimesteps, shift } = parseConfig(flowSchema, json, where);
    return { process: 'flow', numTrainTimesteps, shift };
  },
  write: ({ numTrainTimesteps, shift }) => ({
    numTrainTimesteps,
    shift,
    useDynamicShifting: false,
    baseShift: 0.5,
    maxShift: 1.15,
    baseImageSeqLen: 256,
    maxImageSeqLen: 4096,
    invertSigmas: false,
    shiftTerminal: null,
    useKarrasSigmas: false,
    useExponentialSigmas: false,
    useBetaSigmas: false,
    timeShiftType: 'exponential',
    stochasticSampling: false,
  }),
};

const edmSchema = z.strictObject({
  ...solverKeys,
  num_train_timesteps: z.number().int().positive().default(edmDefaults.numTrainTimesteps),
  sigma_min: z.number().positive().default(edmDefaults.sigmaMin),
  sigma_max: z.number().positive().default(edmDefaults.sigmaMax),
  sigma_data: z.number().positive().default(edmDefaults.sigmaData),
  // Karras et al.'s sign of c_out; with v_prediction it is the other one.
  prediction_type: z.literal('epsilon').optional(),
  // How samplers place their noise levels and end, which is each sampler's own matter here.
  sigma_schedule: anything,
  rho: anyFloat,
  final_sigmas_type: anything,
  thresholding: z.literal(false).optional(),
  dynamic_thresholding_ratio: anyFloat,
  sample_max_value: anyFloat,
});

const edm: FileFormat<EdmSchedulerConfig> = {
  schema: () => edmSchema,
  read(json, where) {
    const file = parseConfig(edmSchema, json, where);
    return {
      process: 'edm',
      numTrainTimesteps: file.num_train_timesteps,
      sigmaMin: file.sigma_min,
      sigmaMax: file.sigma_max,
      sigmaData: file.sigma_data,
    };
  },
  write: ({ sigmaMin, sigmaMax, sigmaData, numTrainTimesteps }) => ({
    sigmaMin,
    sigmaMax,
    sigmaData,
    sigmaSchedule: 'karras',
    numTrainTimesteps,
    predictionType: 'epsilon',
    rho: 7,
    finalSigmasType: 'zero',
  }),
};

/** The classes that are written. */
const written = {
  DDPMScheduler: steps('DDPMScheduler'),
  FlowMatchEulerDiscreteScheduler: flow,
  EDMEulerScheduler: edm,
} as const;

/** One of their names. */
export type SchedulerClass = keyof typeof written;

/** The classes that are read. */
const formats: Readonly<Record<string, Pick<FileFormat<SchedulerConfig>, 'read'>>> = {
  ...Object.fromEntries(
    (Object.keys(stepClasses) as (keyof typeof stepClasses)[]).map((className) => [className, steps(className)]),
  ),
  FlowMatchEulerDiscreteScheduler: flow,
  FlowMatchHeunDiscreteScheduler: flow,
  EDMEulerScheduler: edm,
  EDMDPMSolverMultistepScheduler: edm,
};

/** Their names. */
export const schedulerClasses: readonly string[] = Object.keys(formats);

/** The class of diffusers in whose file a configuration is written: the one that steps back as the model was trained. */
export function schedulerClassOf({ process }: SchedulerConfig): SchedulerClass {
  return process === undefined
    ? 'DDPMScheduler'
    : process === 'flow'
      ? 'FlowMatchEulerDiscreteScheduler'
      : 'EDMEulerScheduler';
}

/**
 * Our configuration from diffusers' file.
 *
 * @param where  how messages call the file
 * @throws one line that names the key, if its value would change results and is not supported
 */
export function schedulerFromJson(json: JsonObject, where: string): SchedulerConfig {
  const className = json['_class_name'] ?? 'DDPMScheduler';
  if (typeof className !== 'string' || !Object.hasOwn(formats, className))
    throw new Error(
      `${where}: scheduler ${quoteJson(className)} is not supported; one of ${schedulerClasses.join(', ')}`,
    );
  const own = Object.fromEntries(Object.entries(json).filter(([key]) => !key.startsWith('_')));
  const config = formats[className]!.read(own, where);
  try {
    const checked = schedulerConfig(config);
    networkProcess(checked);
    return checked;
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
}

/** A damaged number must not allocate a schedule of gigabytes. */
const largestT = 1_000_000;

/** What that file says, which of its numbers are floats among it. */
export function schedulerFileSchema(config: SchedulerConfig): z.ZodType {
  return written[schedulerClassOf(config)].schema();
}

/** diffusers' file, of the class that `schedulerClassOf` says. */
export function schedulerToJson(config: SchedulerConfig): JsonObject {
  const className = schedulerClassOf(config);
  const own =
    config.process === undefined
      ? written.DDPMScheduler.write(config)
      : config.process === 'flow'
        ? flow.write(config)
        : edm.write(config);
  return toHuggingFace(className, own);
}
