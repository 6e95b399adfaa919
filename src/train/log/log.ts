import { join } from 'node:path';
import { type Bitmap, writePng } from '../../data/index.ts';
import { MetricsLog, type MetricsLine } from './metrics.ts';
import type { LossByNoise } from './noise-levels.ts';
import { NoiseStages } from './noise-stages.ts';
import { TensorBoardLog, type TensorBoardOptions } from './tensorboard.ts';

/** The folder of a run's sample grids. */
export const samplesFolder = 'samples';

/** The file of the grid after a step. */
export function sampleFile(step: number): string {
  return `step-${String(step).padStart(6, '0')}.png`;
}

/** Often enough to watch a run, seldom enough to cost nothing. */
const secondsBetweenFlushes = 5;

/**
 * What a run writes next to its checkpoints:
 *
 *     metrics.jsonl            a line a step
 *     events.out.tfevents.*    the same for TensorBoard, at most some thousand points
 *     samples/step-N.png       the sample grids, where there are any
 *     loss-by-noise.png        the loss by level of noise in each quarter of the run, where there is noise
 */
export class RunLog {
  /** The loss by level of noise; undefined in runs without noise. */
  readonly noise: NoiseStages | undefined;
  readonly #out: string;
  readonly #metrics: MetricsLog;
  readonly #tensorBoard: TensorBoardLog;
  #flushed = performance.now();

  private constructor(
    out: string,
    { step, steps, times }: TensorBoardOptions,
    irreducibleLoss: (() => Promise<LossByNoise>) | undefined,
    metrics: MetricsLog,
    tensorBoard: TensorBoardLog,
  ) {
    this.#out = out;
    this.noise =
      times === undefined
        ? undefined
        : new NoiseStages(join(out, 'loss-by-noise.png'), { step, steps, times, irreducibleLoss });
    this.#metrics = metrics;
    this.#tensorBoard = tensorBoard;
  }

  /**
   * Goes on after `step`; entries of later steps, which will be repeated, are removed.
   *
   * @param irreducibleLoss  by noise level; computed when the figure is first drawn
   * @throws WriteError if it cannot be written
   */
  static async open(
    out: string,
    options: TensorBoardOptions,
    irreducibleLoss?: () => Promise<LossByNoise>,
  ): Promise<RunLog> {
    const log = new RunLog(out, options, irreducibleLoss, new MetricsLog(out), await TensorBoardLog.open(out, options));
    await log.#metrics.keepUntil(options.step, (line) => log.#count(line));
    return log;
  }

  /**
   * Adds a step; it is in the files after the next `flush`, which is done here every few seconds.
   *
   * @throws WriteError if a file cannot be written
   */
  async add(line: MetricsLine): Promise<void> {
    this.#count(line);
    this.#metrics.add(line);
    this.#tensorBoard.add(line);
    if (performance.now() - this.#flushed > secondsBetweenFlushes * 1000) await this.flush();
  }

  /** Writes a sample grid, and returns its path. */
  async addSamples(step: number, grid: Bitmap): Promise<string> {
    const path = join(this.#out, samplesFolder, sampleFile(step));
    await writePng(path, grid);
    await this.#tensorBoard.addSamples(step, grid);
    return path;
  }

  /** @throws WriteError if a file cannot be written */
  async flush(): Promise<void> {
    this.#flushed = performance.now();
    await this.#metrics.flush();
    await this.#tensorBoard.flush();
  }

  /** Flushes, and draws the loss by level of noise. */
  async finish(): Promise<void> {
    await this.#metrics.flush();
    await this.#tensorBoard.finish();
    await this.noise?.draw();
  }

  #count({ step, lossByNoise }: MetricsLine): void {
    // A line of an older run has none.
    if (Array.isArray(lossByNoise)) this.noise?.add(step, lossByNoise);
  }
}
