import { appendWhole, writeFileWhole } from '../../data/index.ts';
import { copyRatio, type Nearest } from '../../eval/index.ts';

/** The nearest real image of each generated image: one JSON line each, written as they are found. */
export class NearestList {
  readonly path: string;
  readonly #names: readonly string[];
  readonly #numbers: readonly number[] | undefined;
  #count = 0;
  #copies = 0;

  private constructor(path: string, names: readonly string[], numbers: readonly number[] | undefined) {
    this.path = path;
    this.#names = names;
    this.#numbers = numbers;
  }

  /** The path of the list of a sheet: `near.nearest.jsonl` next to `near.png`. */
  static listPath(sheet: string): string {
    return sheet.replace(/\.png$/i, '.nearest.jsonl');
  }

  /**
   * Begins a list; one that stood there is replaced.
   *
   * @param names    of the real images
   * @param numbers  of the images that are looked at, in their order; default 0, 1, 2, …
   * @throws WriteError if it cannot be written
   */
  static async begin(path: string, names: readonly string[], numbers?: readonly number[]): Promise<NearestList> {
    await writeFileWhole(path, []);
    return new NearestList(path, names, numbers);
  }

  /** @throws WriteError if the disk is full; what was written before stays */
  async add(found: readonly Nearest[]): Promise<void> {
    const lines = found.map(
      ({ index, distance, ratio }, i) =>
        `${JSON.stringify({ image: this.#numbers?.[this.#count + i] ?? this.#count + i, index, id: this.#names[index], distance, ratio })}\n`,
    );
    await appendWhole(this.path, new TextEncoder().encode(lines.join('')));
    this.#count += found.length;
    this.#copies += found.filter(({ ratio }) => ratio !== null && ratio < copyRatio).length;
  }

  get count(): number {
    return this.#count;
  }

  get copies(): number {
    return this.#copies;
  }
}
