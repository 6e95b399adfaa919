/** Follows `metrics.jsonl` of a run while it is written: what was read is not read again. */
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject } from '../../formats/json-object.ts';
import { metricsFile, parseMetricsLine } from '../../train/log/metrics.ts';
import type { RunMetrics } from '../../studio/runs/answers.ts';
import { Curve } from './curve.ts';

const piece = 1 << 20;
/** Longer than a line, whatever is measured in it. */
const tail = 1 << 14;

/** The step of the last whole line of a run's log; 0 where there is none. */
export async function lastLoggedStep(folder: string): Promise<number> {
  const file = await open(join(folder, metricsFile), 'r').catch(() => undefined);
  if (!file) return 0;
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(tail), 0, tail, Math.max(0, size - tail));
    const lines = buffer.toString('utf8', 0, bytesRead).split('\n').slice(0, -1);
    return lines.map(parseMetricsLine).findLast((line) => line !== undefined)?.step ?? 0;
  } finally {
    await file.close();
  }
}

/** The metrics of one run, read on from where they were read to. */
export class MetricsFollower {
  readonly #path: string;
  #inode = -1;
  #at = 0;
  #step = 0;
  #unreadable = 0;
  #curves = new Map<string, Curve>();
  #evaluations = new Map<string, Curve>();
  #reading: Promise<unknown> = Promise.resolve();

  /** @param folder  of the run */
  constructor(folder: string) {
    this.#path = join(folder, metricsFile);
  }

  /** What is there now; nothing where the run has not written yet, or is gone. One reading waits for the other. */
  read(): Promise<RunMetrics> {
    const read = this.#reading.then(() => this.#readOn());
    this.#reading = read.catch(() => {});
    return read;
  }

  async #readOn(): Promise<RunMetrics> {
    let file;
    try {
      file = await open(this.#path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.#begin(-1);
      return this.#metrics();
    }
    try {
      const { ino, size } = await file.stat();
      // A resumed run writes the file anew, without the steps that it repeats.
      if (ino !== this.#inode || size < this.#at) this.#begin(ino);
      await this.#readLines(file);
    } finally {
      await file.close();
    }
    return this.#metrics();
  }

  async #readLines(file: FileHandle): Promise<void> {
    const buffer = Buffer.alloc(piece);
    let rest: Buffer = Buffer.alloc(0);
    for (let from = this.#at; ;) {
      const { bytesRead } = await file.read(buffer, 0, piece, from);
      if (bytesRead === 0) return;
      from += bytesRead;
      const text = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
      // What comes after the last line's end is a line half written: it is read again, whole, the next time.
      const end = text.lastIndexOf(10) + 1;
      for (const line of text.toString('utf8', 0, end).split('\n')) if (line !== '') this.#add(line);
      this.#at += end;
      rest = Buffer.from(text.subarray(end));
    }
  }

  #add(text: string): void {
    const line = parseMetricsLine(text);
    if (!line) {
      this.#unreadable++;
      return;
    }
    const { step, loss, learningRate, gradNorm, imagesPerSecond, others, evaluation } = line;
    this.#step = step;
    for (const [name, value] of Object.entries({ loss, learningRate, gradNorm, imagesPerSecond }))
      addTo(this.#curves, name, step, value);
    if (isObject(others))
      for (const [name, other] of Object.entries(others))
        if (isObject(other)) addTo(this.#curves, `${name}.loss`, step, other['loss']);
    if (isObject(evaluation))
      for (const [name, value] of Object.entries(evaluation)) addTo(this.#evaluations, name, step, value);
  }

  #begin(inode: number): void {
    this.#inode = inode;
    [this.#at, this.#step, this.#unreadable] = [0, 0, 0];
    this.#curves = new Map();
    this.#evaluations = new Map();
  }

  #metrics(): RunMetrics {
    const points = (curves: ReadonlyMap<string, Curve>) =>
      Object.fromEntries([...curves].map(([name, curve]) => [name, curve.points]));
    return {
      loggedStep: this.#step,
      curves: points(this.#curves),
      evaluations: points(this.#evaluations),
      unreadable: this.#unreadable,
    };
  }
}

function addTo(curves: Map<string, Curve>, name: string, step: number, value: unknown): void {
  if (typeof value !== 'number') return;
  let curve = curves.get(name);
  if (!curve) curves.set(name, (curve = new Curve()));
  curve.add(step, value);
}
