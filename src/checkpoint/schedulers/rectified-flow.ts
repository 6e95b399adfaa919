/** A rectified flow in Python: diffusers' FlowMatchEulerDiscreteScheduler. */
import { z } from 'zod';
import { processes, type FlowSchedulerConfig } from '../../diffusion/index.ts';
import type { JsonObject } from '../../formats/json-object.ts';
import { parseConfig } from '../../models/config.ts';
import { anyFloat, anything, type SchedulerFile } from './scheduler-file.ts';

const { defaults, describe } = processes.flow;

const flowSchema = z.strictObject({
  num_train_timesteps: z.number().int().positive().default(defaults.numTrainTimesteps),
  shift: z.number().positive().default(defaults.shift),

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

const reader = {
  read(json: JsonObject, where: string): FlowSchedulerConfig {
    const { num_train_timesteps: numTrainTimesteps, shift } = parseConfig(flowSchema, json, where);
    return { process: 'flow', numTrainTimesteps, shift };
  },
};

/** A rectified flow as diffusers has it. */
export const rectifiedFlowFile: SchedulerFile<FlowSchedulerConfig> = {
  className: 'FlowMatchEulerDiscreteScheduler',
  reads: { FlowMatchEulerDiscreteScheduler: reader, FlowMatchHeunDiscreteScheduler: reader },
  schema: () => flowSchema,
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
  cardText: describe,
  // It takes any scheduler of that interface for its own.
  pipelines: () => ['DDPMPipeline'],
  python: () => ({
    pipelineOptions: () => 'num_inference_steps=50',
    // Those of Euler's method here.
    setTimes: 'scheduler.set_timesteps(sigmas=[1 - i / 50 for i in range(50)])',
    networkInput: 'x',
    initialScale: '',
  }),
};
