import type { SampleLoss } from './trainer.ts';

/** How many equal ranges 0 … T − 1 is cut into: enough to see the shape, few enough that a batch meets most of them. */
export const noiseLevels = 10;

/** The mean loss in each range of times, least noise first; null where there was no sample. */
export type LossByNoise = readonly (number | null)[];

/**
 * The mean loss of the samples in each of ten equal ranges of t: how hard each level of noise is.
 *
 * One mean over all levels says little of how training goes: ε is hard to tell in almost clean pictures and easy in noise, so the
 * least noisy tenth is most of it.
 *
 * @param T  times of the schedule; every t is in 0 … T − 1
 * @returns  [10] rounded to four digits, for it is written for every step
 */
export function lossByNoise(samples: readonly SampleLoss[], T: number): LossByNoise {
  const sums = new Float64Array(noiseLevels);
  const counts = new Uint32Array(noiseLevels);
  for (const { t, loss } of samples) {
    const level = Math.floor((t * noiseLevels) / T);
    sums[level]! += loss;
    counts[level]!++;
  }
  return Array.from(sums, (sum, level) => (counts[level] === 0 ? null : Number((sum / counts[level]!).toPrecision(4))));
}

/**
 * The mean of several steps' losses at each level, over those that had a sample there.
 *
 * @returns [10]; null where none had
 */
export function meanByNoise(steps: readonly LossByNoise[]): LossByNoise {
  return Array.from({ length: noiseLevels }, (_, level) => {
    const there = steps.map((levels) => levels[level] ?? null).filter((loss) => loss !== null);
    return there.length === 0 ? null : there.reduce((sum, loss) => sum + loss, 0) / there.length;
  });
}
