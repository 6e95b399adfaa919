/** How a process is written for Python: one file of diffusers for each, of the class that steps back as the model was trained. */
import { z } from 'zod';
import type { JsonObject } from '../../formats/json-object.ts';

/** A pipeline of diffusers that is one network and a scheduler. */
export type PlainPipeline = 'DDPMPipeline' | 'DDIMPipeline';

/** Lines of Python that sample from a model of the process. */
export interface PythonSampling {
  /** Arguments of a pipeline that take the steps that the model was trained for. */
  readonly pipelineOptions: (pipeline: PlainPipeline) => string;
  /** Sets the times of `scheduler`. */
  readonly setTimes: string;
  /** The network's input at time `t`, from the noisy images `x`. */
  readonly networkInput: string;
  /** A factor on standard normal noise, at which sampling starts; empty for 1. */
  readonly initialScale: string;
}

/** What there is to say of a process in Python. */
export interface SchedulerFile<Config> {
  /** The class of diffusers whose file is written. */
  readonly className: string;
  /** The classes whose files are read, each with the schema of its file. */
  readonly reads: Readonly<Record<string, { read(file: JsonObject, where: string): Config }>>;
  /** What the written file may say, and which of its numbers are floats. */
  schema(): z.ZodType;
  /** Every key of the class, so that the file means the same to every version of diffusers, whatever its defaults. */
  write(config: Config): JsonObject;
  /** The process in a model card. */
  cardText(config: Config): string;
  /** The pipelines that sample it from noise alone; none where `obstacle` says why. */
  pipelines(config: Config): readonly PlainPipeline[];
  /** Why diffusers has no pipeline for any network of this process. */
  readonly obstacle?: string;
  python(config: Config): PythonSampling;
}

/** A key of any value. */
export const anything = z.unknown().optional();
/** A key of any value, which is written as a float where it is a number. */
export const anyFloat = z.union([z.number(), z.unknown()]).optional();

/** Keys of solvers: their order, how they end, how they place their times. */
export const solverKeys = Object.fromEntries(
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
