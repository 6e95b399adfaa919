import type { NoiseSchedule } from './noise-schedule.ts';

/** A continuous-time schedule with its default times. */
export interface ContinuousSchedule extends NoiseSchedule {
  /** N falling times from `last`, the `clean` one after them not included: the default of its samplers. */
  times(N: number): readonly number[];
  /** The time that lies a share of this walk away from the clean image: 0 is `clean`, 1 is `last`. */
  timeAt(share: number): number;
}

/** Whether a schedule is a continuous one that has default times. */
export function isContinuous(schedule: NoiseSchedule): schedule is ContinuousSchedule {
  return 'timeAt' in schedule;
}

/**
 * The identity on the times 0 … last of a continuous schedule.
 *
 * @throws outside
 */
export function timesWithin(last: number): (t: number) => number {
  return (t) => {
    if (!(t >= 0 && t <= last)) throw new Error(`schedule: time must lie in 0 … ${last}, got ${t}`);
    return t;
  };
}
