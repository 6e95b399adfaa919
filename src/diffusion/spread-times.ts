import type { NetworkProcess } from './processes/process-definition.ts';
import { hasSteps } from './schedule.ts';

/**
 * Noise levels spread evenly over the network's timesteps, least noise first: the middles of N equal parts, on a
 * discrete-time schedule the step that each is in.
 *
 * @returns times of the process, fewer than N where it has fewer steps
 */
export function spreadTimes(
  { schedule: noise, preconditioning, networkTimes: { from, to } }: NetworkProcess,
  N: number,
): readonly number[] {
  const times = Array.from({ length: N }, (_, i) => preconditioning.processTime(from + ((i + 0.5) * (to - from)) / N));
  return hasSteps(noise) ? [...new Set(times.map(Math.floor))] : times;
}
