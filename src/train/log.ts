import { join } from 'node:path';
import { type Pixels, writePng } from '../data/index.ts';
import { MetricsLog, type MetricsLine } from './metrics.ts';
import { drawLossByNoise } from './noise-figure.ts';
import { type LossByNoise, NoiseMeans } from './noise-levels.ts';
import { TensorBoardLog, type TensorBoardOptions } from './tensorboard.ts';

/** Curves of the figure: the quarters of a run. */
const stageCount = 4;

/** Often enough to watch a run, seldom enough to cost nothing. */
const secondsBetweenFlushes = 5;

/**
 * All that a run tells beside its checkpoints:
 *
 *     metrics.jsonl            a line a step
 *     events.out.tfevents.*    the same for TensorBoard, at most some thousand points
 *     samples/step-N.png       the sample grids
 *     loss-by-noise.png        the loss by level of noise, in each quarter of the run
 */
export class RunLog {
  readonly #out: string;
  readonly #steps: number;
  readonly #T: number;
  readonly #metrics: MetricsLog;
  readonly #tensorBoard: TensorBoardLog;
  readonly #stages = Array.from({ length: stageCount }, () => new NoiseMeans());
  #step: number;
  #flushed = performance.now();

  private constructor(out: string, { step, steps, T }: TensorBoardOptions, metrics: MetricsLog, tensorBoard: TensorBoardLog) {
    this.#out = out;
    this.#step = step;
    this.#steps = steps;
    this.#T = T;
    this.#metrics = metrics;
    this.#tensorBoard = tensorBoard;
  }

  /**
   * Goes on after `step`; what was told of later steps, which will be done again, is taken back.
   *
   * @throws WriteError if it cannot be written
   */
  static async open(out: string, options: TensorBoardOptions): Promise<RunLog> {
    const log = new RunLog(out, options, new MetricsLog(out), await TensorBoardLog.open(out, options));
    await log.#metrics.keepUntil(options.step, (line) => log.#count(line));
    return log;
  }

  /**
   * Adds a step; it is in the files after the next `flush`, which is done here every few seconds.
   *
   * @throws WriteError if a file cannot be written
   */
  async add(line: MetricsLine): Promise<void> {
    this.#step = line.step;
    this.#count(line);
    this.#metrics.add(line);
    this.#tensorBoard.add(line);
    if (performance.now() - this.#flushed > secondsBetweenFlushes * 1000) await this.flush();
  }

  /** Writes a sample grid, and returns its path. */
  async addSamples(step: number, grid: Pixels): Promise<string> {
    const path = join(this.#out, 'samples', `step-${String(step).padStart(6, '0')}.png`);
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
    await this.drawLossByNoise();
  }

  /** Draws `loss-by-noise.png` as it stands. */
  async drawLossByNoise(): Promise<void> {
    const stages = this.#stages.slice(0, this.#stageOf(this.#step) + 1).map((stage, i) => {
      const [from, to] = [Math.floor((i * this.#steps) / stageCount) + 1, Math.min(Math.floor(((i + 1) * this.#steps) / stageCount), this.#step)];
      return { label: `steps ${from.toLocaleString('en-US')}–${to.toLocaleString('en-US')}`, levels: stage.means() };
    });
    await drawLossByNoise(this.lossByNoisePath, stages, this.#T);
  }

  get lossByNoisePath(): string {
    return join(this.#out, 'loss-by-noise.png');
  }

  /** The mean losses of the quarter that the last step belongs to. */
  get lossByNoise(): LossByNoise {
    return this.#stages[this.#stageOf(this.#step)]!.means();
  }

  #count({ step, lossByNoise }: MetricsLine): void {
    // A line of an older run has none.
    if (Array.isArray(lossByNoise)) this.#stages[this.#stageOf(step)]!.add(lossByNoise);
  }

  #stageOf(step: number): number {
    return Math.min(stageCount - 1, Math.max(0, Math.ceil((step * stageCount) / this.#steps) - 1));
  }
}
