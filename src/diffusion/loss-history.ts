import { float32, type HostArray } from '../core/dtype.ts';

/** Losses kept of each time, and the share of uniform times among the others': Nichol & Dhariwal 2021, section 3.3, and their released code. */
export const lossHistoryDefaults = { kept: 10, uniformShare: 0.001 } as const;

/**
 * The last losses of each time of a discrete-time schedule, from which the next times are drawn so that large losses come more often.
 *
 *     p_t ∝ √E[L_t²], the mean over the last 10; uniform until each t has as many
 *
 * With each loss weighed by 1/(T p_t) the mean over drawn times is that over all times, whatever p is; this p has the least variance.
 *
 * @see Nichol & Dhariwal 2021, eq. 18 — https://arxiv.org/abs/2102.09672
 */
export class LossHistory {
  readonly #kept: number;
  /** [T, kept], a ring for each time. */
  readonly #losses: Float32Array;
  /** [T] losses seen of each time. */
  readonly #counts: Int32Array;

  /** @param T  steps of the schedule */
  constructor(T: number, { kept = lossHistoryDefaults.kept }: { readonly kept?: number } = {}) {
    this.#kept = kept;
    this.#losses = new Float32Array(T * kept);
    this.#counts = new Int32Array(T);
  }

  /** Takes in the losses of a batch, in their order. */
  observe(samples: readonly { readonly t: number; readonly loss: number }[]): void {
    for (const { t, loss } of samples) this.#losses[t * this.#kept + (this.#counts[t]!++ % this.#kept)] = loss;
  }

  /** [T] with sum 1; undefined until every time has been seen often enough. */
  probabilities(): Float64Array | undefined {
    const T = this.#counts.length;
    if (this.#counts.some((count) => count < this.#kept)) return undefined;
    const roots = Float64Array.from({ length: T }, (_, t) => {
      let sum = 0;
      for (let i = t * this.#kept; i < (t + 1) * this.#kept; i++) sum += this.#losses[i]! ** 2;
      return Math.sqrt(sum / this.#kept);
    });
    const total = roots.reduce((sum, root) => sum + root, 0);
    const { uniformShare } = lossHistoryDefaults;
    // Where all losses are 0 one time is as good as another.
    return roots.map((root) => (total === 0 ? 1 / T : (1 - uniformShare) * (root / total) + uniformShare / T));
  }

  /** What it takes to go on from here bit for bit. */
  state(): Map<string, HostArray> {
    const T = this.#counts.length;
    return new Map<string, HostArray>([
      ['losses', float32([T, this.#kept], this.#losses.slice())],
      ['counts', { dtype: 'i32', shape: [T], data: this.#counts.slice() }],
    ]);
  }

  /** @throws if the state is not one of as many times */
  restore(state: ReadonlyMap<string, HostArray>): void {
    const [losses, counts] = [state.get('losses'), state.get('counts')];
    if (
      losses?.dtype !== 'f32' ||
      counts?.dtype !== 'i32' ||
      losses.data.length !== this.#losses.length ||
      counts.data.length !== this.#counts.length
    ) {
      throw new Error(
        `lossHistory: the saved losses are not of ${this.#counts.length} times; resume with the schedule that the run was started with`,
      );
    }
    this.#losses.set(losses.data as Float32Array);
    this.#counts.set(counts.data as Int32Array);
  }
}
