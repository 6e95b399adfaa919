/** How the timesteps of a training batch are drawn. */
export const timeSamplings = ['uniform', 'stratified', 'importance', 'log_normal'] as const;
/** One of `timeSamplings`. */
export type TimeSampling = (typeof timeSamplings)[number];

/** The distribution of training timesteps. */
export interface TimestepDistribution {
  readonly timeSampling: TimeSampling;
  /** Mean of ln(σ/α), for `log_normal`. */
  readonly timeMean?: number | undefined;
  /** Its standard deviation. */
  readonly timeStd?: number | undefined;
}
