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

/** Means over many steps, level by level, over those that had a sample there. */
export class NoiseMeans {
  readonly #sums = new Float64Array(noiseLevels);
  readonly #counts = new Float64Array(noiseLevels);

  add(levels: LossByNoise): void {
    for (let level = 0; level < noiseLevels; level++) {
      const loss = levels[level];
      if (typeof loss !== 'number') continue;
      this.#sums[level]! += loss;
      this.#counts[level]!++;
    }
  }

  /** [10]; null where no step had a sample. */
  means(): LossByNoise {
    return Array.from(this.#sums, (sum, level) => (this.#counts[level] === 0 ? null : sum / this.#counts[level]!));
  }
}

/** What a level is called: the times in it, `0-99` to `900-999`. */
export function noiseLevelName(level: number, T: number): string {
  return `${Math.ceil((level * T) / noiseLevels)}-${Math.ceil(((level + 1) * T) / noiseLevels) - 1}`;
}
