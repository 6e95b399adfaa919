import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { replaceWhole, syncFolder, writeFlushed } from '../../files/durable-files.ts';
import { appendWhole, writing } from '../../files/write-file.ts';
import type { LossByNoise } from './noise-levels.ts';
import type { StepReport } from '../steps/trainer.ts';

/** Its name in a run's folder. */
export const metricsFile = 'metrics.jsonl';

/** One line of `metrics.jsonl`. */
export interface MetricsLine extends Omit<StepReport, 'samples'> {
  readonly imagesPerSecond: number;
  /** The mean loss in each tenth of the times, least noise first; null where the step had no sample. Absent in runs without noise. */
  readonly lossByNoise?: LossByNoise;
  /** What was measured of the model after this step, by name: `accuracy`, `frechetDistance`. */
  readonly evaluation?: Readonly<Record<string, number>>;
}

/** `metrics.jsonl` of a run: one JSON object a line, appended as steps are done. */
export class MetricsLog {
  readonly #path: string;
  #waiting: string[] = [];

  constructor(out: string) {
    this.#path = join(out, metricsFile);
  }

  /**
   * Drops the lines after `step`, which a resumed run is about to repeat, and a line that a kill or a full disk cut short.
   *
   * @param visit  is given every line that stays, in order
   * @throws WriteError if the file cannot be written
   */
  async keepUntil(step: number, visit: (line: MetricsLine) => void = () => {}): Promise<void> {
    await writing(this.#path, async () => {
      await replaceWhole(this.#path, (aside) => writeFlushed(aside, linesUntil(this.#path, step, visit)));
      await syncFolder(dirname(this.#path));
    });
  }

  /** Adds a line; it is in the file after the next `flush`. */
  add(line: MetricsLine): void {
    this.#waiting.push(`${JSON.stringify(line)}\n`);
  }

  /** @throws WriteError if the file cannot be written; the lines that were waiting are dropped then */
  async flush(): Promise<void> {
    const lines = this.#waiting.join('');
    this.#waiting = [];
    if (lines !== '') await appendWhole(this.#path, new TextEncoder().encode(lines));
  }
}

/** The bytes of the lines up to a step, some thousands of lines at a time. */
async function* linesUntil(
  path: string,
  step: number,
  visit: (line: MetricsLine) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const encoder = new TextEncoder();
  let lines: string[] = [];
  for await (const text of linesOf(path)) {
    const line = parseMetricsLine(text);
    if (line === undefined || line.step > step) continue;
    visit(line);
    lines.push(`${text}\n`);
    if (lines.length === 10_000) {
      yield encoder.encode(lines.join(''));
      lines = [];
    }
  }
  yield encoder.encode(lines.join(''));
}

/** Line by line: the log of a long run is larger than the longest string. */
async function* linesOf(path: string): AsyncGenerator<string, void, undefined> {
  try {
    yield* createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Infinity });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** A line of `metrics.jsonl`; undefined for what is no line of ours. */
export function parseMetricsLine(text: string): MetricsLine | undefined {
  try {
    const line = JSON.parse(text) as Partial<MetricsLine> | null;
    return Number.isSafeInteger(line?.step) ? (line as MetricsLine) : undefined;
  } catch {
    return undefined;
  }
}
