/** What points can be diffused by, a row each. */
import { schedulerConfig, type SchedulerConfig, type SamplerName } from '../../diffusion/index.ts';

/** A process of the plane. */
export interface PlaneProcessRow {
  /** Points have no bounds to clip to. */
  readonly scheduler: SchedulerConfig;
  readonly samplers: readonly SamplerName[];
  /** The first time at which arrows say something: before it the score is that of single points. */
  readonly first: number;
  /** Decimals of a time, for people. */
  readonly digits: number;
}

/** The processes by the names of the address. */
export const planeProcesses = {
  ddpm: {
    scheduler: schedulerConfig({ numTrainTimesteps: 200, clipSample: false }),
    samplers: ['ddpm', 'ddim', 'euler', 'heun', 'dpmpp-2m'],
    first: 1,
    digits: 0,
  },
  flow: { scheduler: schedulerConfig({ process: 'flow' }), samplers: ['euler', 'heun'], first: 0.02, digits: 2 },
} as const satisfies Readonly<Record<string, PlaneProcessRow>>;
/** A name of `planeProcesses`. */
export type PlaneProcess = keyof typeof planeProcesses;
/** Their names. */
export const planeProcessNames = Object.keys(planeProcesses) as PlaneProcess[];
