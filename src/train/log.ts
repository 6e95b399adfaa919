import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LossByNoise } from './noise-levels.ts';
import type { StepReport } from './trainer.ts';

/** One line of `metrics.jsonl`. */
export interface MetricsLine extends Omit<StepReport, 'samples'> {
  readonly imagesPerSecond: number;
  /** The mean loss in each tenth of the times, least noise first; null where the step had no sample. */
  readonly lossByNoise: LossByNoise;
}

/** The log of a run: one JSON object a line, appended as steps are done. */
export class MetricsLog {
  readonly #path: string;
  #waiting: string[] = [];

  constructor(out: string) {
    this.#path = join(out, 'metrics.jsonl');
  }

  /** Drops the lines after `step`, which a resumed run is about to repeat, and a line that a kill cut short. */
  async keepUntil(step: number): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    const kept = text.split('\n').filter((line) => {
      try {
        return (JSON.parse(line) as MetricsLine).step <= step;
      } catch {
        return false;
      }
    });
    await writeFile(`${this.#path}.part`, kept.map((line) => `${line}\n`).join(''));
    await rename(`${this.#path}.part`, this.#path);
  }

  /** Adds a line; it is on disk after the next `flush`. */
  add(line: MetricsLine): void {
    this.#waiting.push(`${JSON.stringify(line)}\n`);
  }

  async flush(): Promise<void> {
    const lines = this.#waiting.join('');
    this.#waiting = [];
    if (lines) await appendFile(this.#path, lines);
  }
}
