/** EDM in Python: diffusers' EDMEulerScheduler. */
import { z } from 'zod';
import { processes, type EdmSchedulerConfig } from '../../diffusion/index.ts';
import type { JsonObject } from '../../formats/json-object.ts';
import { parseConfig } from '../../models/config.ts';
import { anyFloat, anything, type SchedulerFile, solverKeys } from './scheduler-file.ts';

const { defaults, describe } = processes.edm;

const edmSchema = z.strictObject({
  ...solverKeys,
  num_train_timesteps: z.number().int().positive().default(defaults.numTrainTimesteps),
  sigma_min: z.number().positive().default(defaults.sigmaMin),
  sigma_max: z.number().positive().default(defaults.sigmaMax),
  sigma_data: z.number().positive().default(defaults.sigmaData),
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

const reader = {
  read(json: JsonObject, where: string): EdmSchedulerConfig {
    const file = parseConfig(edmSchema, json, where);
    return {
      process: 'edm',
      numTrainTimesteps: file.num_train_timesteps,
      sigmaMin: file.sigma_min,
      sigmaMax: file.sigma_max,
      sigmaData: file.sigma_data,
    };
  },
};

/** EDM as diffusers has it. */
export const edmFile: SchedulerFile<EdmSchedulerConfig> = {
  className: 'EDMEulerScheduler',
  reads: { EDMEulerScheduler: reader, EDMDPMSolverMultistepScheduler: reader },
  schema: () => edmSchema,
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
  cardText: describe,
  pipelines: () => [],
  obstacle: 'a network whose input is scaled',
  python: () => ({
    pipelineOptions: () => 'num_inference_steps=50',
    setTimes: 'scheduler.set_timesteps(50)',
    networkInput: 'scheduler.scale_model_input(x, t)',
    initialScale: 'scheduler.config.sigma_max',
  }),
};
