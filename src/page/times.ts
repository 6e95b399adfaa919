/** How the page says where an image is on its way from noise: each process counts its times in its own way. */
import { hasSteps, type NetworkProcess } from '../diffusion/index.ts';

/** Without a schedule of steps there is no most; this many are seen as a film. */
const mostContinuousSteps = 200;

/** The times of a process, for people. */
export interface PageTimes {
  /** The most steps that a visitor can choose. */
  readonly mostSteps: number;
  /** Where sampling begins: `1000`, `1`, `80`. */
  readonly first: string;
  /**
   * A time as it is shown, from the one that a sampler yields.
   *
   * @param t  undefined before the first step
   */
  label(t: number | undefined): string;
  /** What stands before it: `t`, or `σ` where times are noise levels. */
  readonly symbol: string;
  /** What an image at a time is multiplied by to be seen: 1 / √(α² + σ²), so that it fits the range of images. */
  scale(t: number): number;
}

/** The times of a process. */
export function pageTimes({ schedule }: Pick<NetworkProcess, 'schedule'>): PageTimes {
  const scale = (t: number) => {
    const variance = schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2;
    // Where the process keeps the variance nothing changes, to the bit.
    return Math.abs(variance - 1) < 1e-6 ? 1 : variance ** -0.5;
  };
  if (hasSteps(schedule)) {
    return {
      mostSteps: schedule.T,
      first: String(schedule.T),
      // From 1 to T as in the paper, where x_0 is the clean image; some samplers stop between two times.
      label: (t) => (t === undefined ? String(schedule.T) : String(Math.ceil(t + 1))),
      symbol: 't',
      scale,
    };
  }
  const isNoiseLevel = schedule.last > 1;
  const label = (t: number) => (t === schedule.clean ? '0' : t >= 10 ? t.toFixed(1) : t.toPrecision(2));
  return {
    mostSteps: mostContinuousSteps,
    first: label(schedule.last),
    label: (t) => label(t ?? schedule.last),
    symbol: isNoiseLevel ? 'σ' : 't',
    scale,
  };
}
