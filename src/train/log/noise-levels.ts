import type { NetworkTimes } from '../../diffusion/index.ts';
import type { SampleLoss } from '../../pipelines/index.ts';

/** How many equal ranges the times that the network is conditioned on are cut into: enough to see the shape, few enough that a batch meets most of them. */
export const noiseLevels = 10;

/** The mean loss in each range of times, least noise first; null where there was no sample. */
export type LossByNoise = readonly (number | null)[];

/**
 * The mean loss of the samples in each of ten equal ranges of t: how hard each level of noise is.
 *
 * One mean over all levels says little about training: ε is hard to predict in almost clean images and easy in noise, so the
 * least noisy tenth is most of it.
 *
 * @param times  the range of the network's times; what lies beyond belongs to its ends
 * @returns  [10] rounded to four digits, for it is written for every step
 */
export function lossByNoise(samples: readonly SampleLoss[], { from, to }: NetworkTimes): LossByNoise {
  const sums = new Float64Array(noiseLevels);
  const counts = new Uint32Array(noiseLevels);
  for (const { t, loss } of samples) {
    const level = Math.min(Math.max(Math.floor(((t - from) * noiseLevels) / (to - from)), 0), noiseLevels - 1);
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

/** What a level is called: the times in it, `0-99` to `900-999`, or `-1.55..-1.29` where they are not counted in ones. */
export function noiseLevelName(level: number, { from, to }: NetworkTimes): string {
  const edge = (at: number) => from + (at * (to - from)) / noiseLevels;
  return Number.isInteger(to)
    ? `${Math.ceil(edge(level))}-${Math.ceil(edge(level + 1)) - 1}`
    : `${edge(level).toFixed(2)}..${edge(level + 1).toFixed(2)}`;
}
