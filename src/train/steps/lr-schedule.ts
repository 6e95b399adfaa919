/** How the learning rate moves over a run, as a factor of its base value. */
export type LearningRateSchedule = 'constant' | 'cosine';

/** What a run says of its learning rate. */
export interface LearningRateOptions {
  readonly learningRate: number;
  readonly lrSchedule: LearningRateSchedule;
  /** Updates in all. */
  readonly steps: number;
  readonly warmupSteps: number;
}

/**
 * The factor of the base learning rate at a step: it rises linearly over the warm-up, then stays, or falls to zero by
 * half a cosine.
 *
 *     warm-up: s / W        cosine: ½ (1 + cos(π (s − W) / (S − W)))
 *
 * @param step         from 0
 * @param totalSteps   S, used by `cosine`
 * @param warmupSteps  W; 0 starts at the full rate
 */
export function learningRateFactor(
  kind: LearningRateSchedule,
  step: number,
  { totalSteps, warmupSteps }: { totalSteps: number; warmupSteps: number },
): number {
  if (step < warmupSteps) return step / Math.max(1, warmupSteps);
  if (kind === 'constant') return 1;
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress))));
}

/**
 * The learning rate of an update.
 *
 * @param update  from 1: the schedule ends one past the last, so that neither the first nor the last has rate 0
 */
export function learningRateAt(
  { learningRate, lrSchedule, steps, warmupSteps }: LearningRateOptions,
  update: number,
): number {
  return learningRate * learningRateFactor(lrSchedule, update, { totalSteps: steps + 1, warmupSteps });
}

/** Runs of fewer steps try something out; their rate does not matter. */
const shortestRun = 100;

/**
 * What to say of a warm-up that takes more than a quarter of the run, as one does that was chosen for a longer run:
 * the rate hardly reaches its value, and the model learns little.
 *
 * @returns undefined where there is nothing to say
 */
export function warmupNote({ steps, warmupSteps }: LearningRateOptions): string | undefined {
  if (steps < shortestRun || 4 * warmupSteps <= steps) return undefined;
  const rising = Math.min(warmupSteps, steps).toLocaleString('en-US');
  const shorter = `--train.warmupSteps ${Math.round(steps / 10)}`;
  return `the learning rate rises for ${rising} of ${steps.toLocaleString('en-US')} steps; a tenth is enough: ${shorter}`;
}
