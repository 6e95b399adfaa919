import { readdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { NetworkTimes } from '../../diffusion/index.ts';
import { appendWhole, encodePng, type Bitmap, writing } from '../../data/index.ts';
import { encodeEvent, type EventContent, type SummaryValue } from '../../formats/index.ts';
import type { MetricsLine } from './metrics.ts';
import { noiseLevelName, NoiseMeans } from './noise-levels.ts';

/** TensorBoard keeps this many points of a curve; more would only be thrown away. */
const pointsOfCurve = 1000;

/** What TensorBoard is given of a run. */
export interface TensorBoardOptions {
  /** Steps done before: what an earlier event file has beyond them is void. */
  readonly step: number;
  /** Steps of the whole run. */
  readonly steps: number;
  /** The range of the network's times, in a run that has noise. */
  readonly times?: NetworkTimes;
}

/**
 * The event file that TensorBoard opens, in the run's folder; each start of a run has one of its own.
 *
 * A point is the mean over the steps since the one before, so that a run of any length has at most some thousand.
 */
export class TensorBoardLog {
  readonly #path: string;
  readonly #times: NetworkTimes | undefined;
  readonly #every: number;
  #waiting: Uint8Array[] = [];
  #lines: MetricsLine[] = [];

  private constructor(path: string, { step, steps, times }: TensorBoardOptions) {
    this.#path = path;
    this.#times = times;
    this.#every = Math.ceil(steps / pointsOfCurve);
    this.#add({ kind: 'version' });
    // Also the first: TensorBoard takes only the second start and those after it for restarts, which void what came before.
    this.#add({ kind: 'start', step: step + 1 });
  }

  static async open(out: string, options: TensorBoardOptions): Promise<TensorBoardLog> {
    const earlier = await writing(out, async () =>
      (await readdir(out)).map((name) => Number(/^events\.out\.tfevents\.(\d+)\./.exec(name)?.[1] ?? 0)),
    );
    // TensorBoard reads the files by the order of their names: two starts in one second must not change places.
    const second = Math.max(Math.floor(Date.now() / 1000), ...earlier.map((time) => time + 1));
    return new TensorBoardLog(
      join(out, `events.out.tfevents.${String(second).padStart(10, '0')}.${hostname()}`),
      options,
    );
  }

  add(line: MetricsLine): void {
    this.#lines.push(line);
    const measured = Object.entries(line.evaluation ?? {});
    if (measured.length > 0)
      this.#add({
        kind: 'values',
        step: line.step,
        values: measured.map(([name, scalar]) => ({ tag: `evaluation/${name}`, scalar })),
      });
    if (line.step % this.#every === 0) this.#point();
  }

  /** Adds an image of this step, under `samples`. */
  async addSamples(step: number, { width, height, channels, ...rest }: Bitmap): Promise<void> {
    const png = await encodePng({ width, height, channels, ...rest });
    this.#add({ kind: 'values', step, values: [{ tag: 'samples', png, width, height, channels }] });
  }

  /** @throws WriteError if the file cannot be written; what was waiting is dropped then */
  async flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length > 0) await appendWhole(this.#path, Buffer.concat(waiting));
  }

  /** Adds the steps since the last point, and flushes. */
  async finish(): Promise<void> {
    this.#point();
    await this.flush();
  }

  #point(): void {
    const last = this.#lines.at(-1);
    if (!last) return;
    const mean = (value: (line: MetricsLine) => number) =>
      this.#lines.reduce((sum, line) => sum + value(line), 0) / this.#lines.length;
    const levels = new NoiseMeans();
    for (const { lossByNoise } of this.#lines) if (lossByNoise) levels.add(lossByNoise);
    const values: SummaryValue[] = [
      { tag: 'loss', scalar: mean(({ loss }) => loss) },
      { tag: 'gradNorm', scalar: mean(({ gradNorm }) => gradNorm) },
      { tag: 'learningRate', scalar: last.learningRate },
      { tag: 'imagesPerSecond', scalar: mean(({ imagesPerSecond }) => imagesPerSecond) },
      ...Object.keys(last.measures ?? {}).map((name) => ({
        tag: name,
        scalar: mean(({ measures }) => measures?.[name] ?? Number.NaN),
      })),
      ...levels
        .means()
        .flatMap((loss, level) =>
          loss === null ? [] : [{ tag: `lossByNoise/${noiseLevelName(level, this.#times!)}`, scalar: loss }],
        ),
    ];
    this.#add({ kind: 'values', step: last.step, values });
    this.#lines = [];
  }

  #add(content: EventContent): void {
    this.#waiting.push(encodeEvent(Date.now() / 1000, content));
  }
}
