/** The queue before the worker: bounded, first come first served, with companions from behind in every batch. */
import { ApiError } from '../api-error.ts';
import { ImageJob, type ImageJobSpec } from './image-job.ts';
import { batchKey, mergedRequest, type JobImage } from './merged-request.ts';
import { clipKey, clipSize } from './clip-batch.ts';
import type { ClipAnswer, ClipCall, ClipOutcome, ServedModel } from './messages.ts';
import type { WorkerProcess } from './worker-process.ts';

/** What waits for the worker. */
type Waiting =
  | (JobImage & { readonly kind: 'image'; readonly key: string })
  | {
      readonly kind: 'clip';
      readonly model: string;
      readonly key: string;
      readonly call: ClipCall;
      readonly isEnded: () => boolean;
      readonly resolve: (answer: ClipAnswer) => void;
      readonly reject: (error: unknown) => void;
    };

type WaitingCall = Extract<Waiting, { kind: 'clip' }>;

const isOneRequest = (a: Waiting, b: Waiting): boolean =>
  a.kind === 'image' && b.kind === 'image' ? a.job === b.job : a === b;

/** What the scheduler tells about its work, for the metrics. */
export interface BatchWatch {
  /** A batch has ended. */
  batch(model: string, images: number, seconds: number): void;
}

/** Options of a scheduler. */
export interface BatchSchedulerOptions {
  readonly worker: WorkerProcess;
  /** By name. */
  readonly models: ReadonlyMap<string, ServedModel>;
  /** Images and calls that may wait. */
  readonly queue: number;
  readonly requestSeconds: number;
  /** Whether images of several requests share a batch; default true. */
  readonly batching?: boolean | undefined;
  readonly watch?: BatchWatch | undefined;
}

/** Hands the worker one batch after the other. */
export class BatchScheduler {
  readonly #options: BatchSchedulerOptions;
  #waiting: Waiting[] = [];
  #isBusy = false;
  /** Whether it takes nothing more. */
  isStopped = false;
  /** Images a second, as batches went lately. */
  #rate: number | undefined;
  #idle: (() => void)[] = [];
  running = 0;

  constructor(options: BatchSchedulerOptions) {
    this.#options = options;
  }

  /** Images and calls that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Seconds in which what waits now may be done. */
  get estimatedSeconds(): number {
    return Math.max(1, Math.ceil((this.#waiting.length + this.running) / (this.#rate ?? 1)));
  }

  /**
   * Takes a job into the queue.
   *
   * @throws ApiError 429 if the queue is full, 503 if the server stops
   */
  submit(spec: ImageJobSpec): ImageJob {
    this.#checkRoom(spec.ids.length);
    const job = new ImageJob(spec);
    const release = this.#limitTime((error) => job.fail(error));
    const key = batchKey(spec);
    this.#waiting.push(...spec.ids.map((_, place) => ({ kind: 'image', job, place, key }) as const));
    job.onEnd(() => {
      release();
      this.#waiting = this.#waiting.filter((each) => each.kind !== 'image' || each.job !== job);
    });
    this.#next();
    return job;
  }

  /**
   * Asks a CLIP, when its turn has come.
   *
   * @throws ApiError 429 if the queue is full, 503 if the server stops; the signal's reason; what the worker says
   */
  async askClip(model: string, call: ClipCall, signal: AbortSignal): Promise<ClipAnswer> {
    this.#checkRoom(1);
    const controller = new AbortController();
    const stop = (reason: unknown) => controller.abort(reason);
    const leave = () => stop(signal.reason);
    signal.addEventListener('abort', leave, { once: true });
    const release = this.#limitTime(stop);
    try {
      return await new Promise<ClipAnswer>((resolve, reject) => {
        controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Error));
        if (signal.aborted) leave();
        this.#waiting.push({
          kind: 'clip',
          model,
          key: clipKey(model, call),
          call,
          isEnded: () => controller.signal.aborted,
          resolve,
          reject,
        });
        this.#next();
      });
    } finally {
      release();
      signal.removeEventListener('abort', leave);
      controller.abort();
    }
  }

  /**
   * Takes nothing more, and waits until what was taken is done, or the time is up: then it fails.
   */
  async drain(seconds: number): Promise<void> {
    this.isStopped = true;
    const done = new Promise<void>((resolve) => {
      this.#idle.push(resolve);
      this.#next();
    });
    let timer: NodeJS.Timeout | undefined;
    const timeUp = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, seconds * 1000);
    });
    await Promise.race([done, timeUp]);
    clearTimeout(timer);
    const error = new ApiError(503, 'the server has stopped before this was done; send the request again later');
    for (const each of this.#waiting)
      if (each.kind === 'image') each.job.fail(error);
      else each.reject(error);
    this.#waiting = [];
    for (const job of this.#jobs) job.fail(error);
  }

  /** The jobs of the batch that is computed. */
  #jobs = new Set<ImageJob>();

  #checkRoom(count: number): void {
    if (this.isStopped) throw new ApiError(503, 'the server is stopping; send the request again later');
    const { queue } = this.#options;
    if (count > queue)
      throw new ApiError(400, `${count} images at once: the queue of this server holds ${queue}; ask for fewer`, {
        param: 'n',
      });
    if (this.#waiting.length + count > queue)
      throw new ApiError(
        429,
        `${this.#waiting.length} images are waiting already, and the queue holds ${queue}; try again in ${this.estimatedSeconds} s`,
        { code: 'rate_limit_exceeded', retryAfter: this.estimatedSeconds },
      );
  }

  /** @returns what lets go of the clock */
  #limitTime(stop: (error: ApiError) => void): () => void {
    const { requestSeconds } = this.#options;
    const timer = setTimeout(
      () =>
        stop(
          new ApiError(504, `not done within ${requestSeconds} s, which is as long as a request may take here`, {
            code: 'timeout',
          }),
        ),
      requestSeconds * 1000,
    ).unref();
    return () => clearTimeout(timer);
  }

  /** Begins with the next batch, if nothing is computed. */
  #next(): void {
    if (this.#isBusy) return;
    this.#waiting = this.#waiting.filter((each) => (each.kind === 'image' ? !each.job.isEnded : !each.isEnded()));
    const first = this.#waiting[0];
    if (!first) {
      for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    this.#isBusy = true;
    const work =
      first.kind === 'image' ? this.#runBatch(this.#takeBatch(first)) : this.#runCalls(this.#takeBatch(first));
    // Those who wait for it get what goes wrong.
    void work.finally(() => {
      this.#isBusy = false;
      this.running = 0;
      this.#next();
    });
  }

  /** What waits first, and what fits to it behind, until a batch is full. */
  #takeBatch<W extends Waiting>(first: W): W[] {
    const { models, batching = true } = this.#options;
    const { batchSize } = models.get(first.kind === 'image' ? first.job.spec.model : first.model)!;
    const sizeOf = (each: Waiting) => (each.kind === 'image' ? 1 : clipSize(each.call));
    const isTogether = (each: Waiting): each is W =>
      each.kind === first.kind && each.key === first.key && (batching || isOneRequest(each, first));
    const batch: W[] = [];
    const rest: Waiting[] = [];
    let size = 0;
    for (const each of this.#waiting) {
      const fits = isTogether(each) && (batch.length === 0 || size + sizeOf(each) <= batchSize);
      if (fits) size += sizeOf(each);
      (fits ? batch : rest).push(each as W);
    }
    this.#waiting = rest;
    return batch;
  }

  async #runCalls(batch: readonly WaitingCall[]): Promise<void> {
    const { worker } = this.#options;
    const { model } = batch[0]!;
    this.running = batch.length;
    try {
      const outcomes = await worker.ask<ClipOutcome[]>({ type: 'clip', model, calls: batch.map(({ call }) => call) });
      for (const [i, outcome] of outcomes.entries()) {
        const { resolve, reject } = batch[i]!;
        if ('answer' in outcome) resolve(outcome.answer);
        else reject(outcome.isRequest ? new ApiError(400, outcome.problem) : new Error(outcome.problem));
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }

  async #runBatch(batch: readonly JobImage[]): Promise<void> {
    const { worker, watch } = this.#options;
    const start = performance.now();
    this.running = batch.length;
    const jobs = (this.#jobs = new Set(batch.map(({ job }) => job)));
    // When nobody wants any of its images any more, the batch stops.
    const controller = new AbortController();
    const stop = () => [...jobs].every(({ isEnded }) => isEnded) && controller.abort();
    for (const job of jobs) job.onEnd(() => job.status !== 'completed' && stop());
    const { model, isVariation } = batch[0]!.job.spec;
    try {
      await worker.ask(
        {
          type: 'generate',
          model,
          request: mergedRequest(batch),
          isVariation,
          outputs: batch.map(({ job }) => job.spec.output),
        },
        {
          signal: controller.signal,
          onNotes(notes) {
            for (const [place, own] of notes.entries()) for (const note of own) batch[place]!.job.notes.add(note);
          },
          onProgress({ stage, step, steps, done, total, places }) {
            for (const job of jobs) {
              const images = places.filter((place) => batch[place]!.job === job).map((place) => batch[place]!.place);
              if (images.length > 0) job.progress(stage, step, steps, images, done / total);
            }
          },
          onImage({ place, preview, bytes }) {
            const image = batch[place]!;
            if (preview === undefined) image.job.finishImage(image.place, bytes);
            else image.job.preview(image.place, preview, bytes);
          },
        },
      );
      const seconds = (performance.now() - start) / 1000;
      const rate = batch.length / seconds;
      this.#rate = this.#rate === undefined ? rate : 0.8 * this.#rate + 0.2 * rate;
      watch?.batch(model, batch.length, seconds);
    } catch (error) {
      for (const job of jobs) job.fail(error);
    } finally {
      this.#jobs = new Set();
    }
  }
}
