/** Which of the measurements of a run is the best. */
import { bestCheckpoint } from '../checkpoint/index.ts';

/** The number of a measurement by which two models of a run are compared. */
export interface Judgement {
  /** Its name in what `RunWatch.evaluate` returns. */
  readonly measure: string;
  readonly better: 'lower' | 'higher';
  /** What it is measured with, without which numbers are not comparable: `fashion-mnist-classifier, 256 images, 25 steps`. */
  readonly by: string;
}

/** Compares each measurement with the best one so far, of this start and those before it. */
export class BestSoFar {
  readonly #judgement: Judgement;
  #value: number | undefined;

  private constructor(judgement: Judgement, value: number | undefined) {
    this.#judgement = judgement;
    this.#value = value;
  }

  /** Goes on from the best checkpoint of a run, if it was measured with the same. */
  static async open(out: string, judgement: Judgement): Promise<BestSoFar> {
    const { measure, by } = judgement;
    const known = (await bestCheckpoint(out))?.by ?? '';
    const value =
      known.startsWith(`${measure} `) && known.endsWith(` (${by})`) ? Number(known.split(' ')[1]) : undefined;
    return new BestSoFar(judgement, Number.isNaN(value) ? undefined : value);
  }

  /**
   * Takes in a measurement.
   *
   * @returns what makes it the best, as `best` has it, or undefined if it is not
   */
  take(evaluation: Readonly<Record<string, number>>): string | undefined {
    const { measure, better, by } = this.#judgement;
    const value = evaluation[measure];
    if (value === undefined || !Number.isFinite(value)) return undefined;
    if (this.#value !== undefined && (better === 'lower' ? value >= this.#value : value <= this.#value))
      return undefined;
    this.#value = value;
    return `${measure} ${value} (${by})`;
  }
}
