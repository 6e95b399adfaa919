import type { FloatArray, HostArray } from '../core/index.ts';

/** The last layer of a classifier: the class of each feature vector. */
export interface ClassHead {
  readonly names: readonly string[];
  /**
   * arg max_k (W f + b)_k of each vector.
   *
   * @param features  [B, D]
   * @returns         [B] class indices
   */
  predict(features: FloatArray): Int32Array;
}

/**
 * The head of an `ImageClassifier`, from its last layer's weights.
 *
 * @param weight  W [K, D]
 * @param bias    b [K]
 */
export function classHead(names: readonly string[], weight: HostArray, bias: HostArray): ClassHead {
  const dim = weight.shape[1]!;
  const score = (features: FloatArray, row: number, k: number) => {
    let sum = Number(bias.data[k]);
    for (let d = 0; d < dim; d++) sum += Number(weight.data[k * dim + d]) * features.data[row * dim + d]!;
    return sum;
  };
  return {
    names,
    predict(features) {
      return Int32Array.from({ length: features.shape[0]! }, (_, row) => {
        const scores = names.map((_, k) => score(features, row, k));
        return scores.indexOf(Math.max(...scores));
      });
    },
  };
}

/** Counts how often a classifier sees the class that an image should have. */
export class Agreement {
  readonly #head: ClassHead;
  #seen = 0;
  #agreed = 0;

  constructor(head: ClassHead) {
    this.#head = head;
  }

  /** @param wanted  the class of each vector of `features` [B, D]; −1 is not counted */
  add(features: FloatArray, wanted: (row: number) => number): void {
    for (const [row, found] of this.#head.predict(features).entries()) {
      const label = wanted(row);
      if (label < 0) continue;
      this.#seen++;
      if (found === label) this.#agreed++;
    }
  }

  /** The share that agreed, 0 … 1; undefined where nothing was counted. */
  get share(): number | undefined {
    return this.#seen === 0 ? undefined : this.#agreed / this.#seen;
  }
}
