/** A curve that stays short however long its run is. */

import type { Points } from '../../studio/runs/answers.ts';

/** Points of a curve: enough for the width of a page, few enough to be sent again and again. */
export const mostPoints = 800;

interface Bucket {
  /** The last step in it. */
  step: number;
  sum: number;
  count: number;
}

/**
 * The means of a value over spans of steps. A span is one step at first; where there are more than `mostPoints`, spans double.
 */
export class Curve {
  #span = 1;
  #buckets: Bucket[] = [];

  /** @param value  left out if it is not finite, as the loss of a run that diverges */
  add(step: number, value: number): void {
    if (!Number.isFinite(value)) return;
    this.#put({ step, sum: value, count: 1 });
    while (this.#buckets.length > mostPoints) {
      this.#span *= 2;
      const finer = this.#buckets;
      this.#buckets = [];
      for (const bucket of finer) this.#put(bucket);
    }
  }

  /** [step, mean], in the order in which they came. */
  get points(): Points {
    return this.#buckets.map(({ step, sum, count }) => [step, Number((sum / count).toPrecision(6))] as const);
  }

  #put({ step, sum, count }: Bucket): void {
    const last = this.#buckets.at(-1);
    const place = (of: number) => Math.floor((of - 1) / this.#span);
    if (last && place(last.step) === place(step)) {
      last.step = step;
      last.sum += sum;
      last.count += count;
    } else this.#buckets.push({ step, sum, count });
  }
}
