/** The worker as the server has it: questions with answers, and a new process when one has ended. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ApiError } from '../api-error.ts';
import type {
  BatchImage,
  BatchProgress,
  WorkerMessage,
  WorkerOptions,
  WorkerRequest,
  WorkerState,
} from './messages.ts';

type Without<Request, Key extends string> = Request extends unknown ? Omit<Request, Key> : never;

/** The messages on the way to an answer. */
export interface AnswerProgress {
  readonly onNotes?: (notes: readonly (readonly string[])[]) => void;
  readonly onProgress?: (progress: BatchProgress) => void;
  readonly onImage?: (image: BatchImage) => void;
}

type Question = Without<Exclude<WorkerRequest, { type: 'abort' }>, 'id'>;

interface AskOptions extends AnswerProgress {
  readonly signal?: AbortSignal | undefined;
}

interface Pending extends AnswerProgress {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A process that ends so soon after its start would do so again: the next one waits, each time twice as long. */
const soonMilliseconds = 5000;
const mostPauseMilliseconds = 30_000;

const lostCode = 'worker_lost';

/** The line for what was computed in a process that has ended. */
function lostError(how: string): ApiError {
  return new ApiError(
    500,
    `the process that computes has ended (${how}) while it worked on this request; a new one has taken its place, so send the request again`,
    { code: lostCode },
  );
}

/** A process that computes, replaced when it ends. */
export class WorkerProcess {
  readonly #options: WorkerOptions;
  #child: ChildProcess | undefined;
  #pending = new Map<number, Pending>();
  #nextId = 0;
  #isClosed = false;
  #pause = 0;
  #startable: Promise<void> = Promise.resolve();
  /** Processes that have ended by themselves. */
  losses = 0;
  state: Omit<WorkerState, 'type'> = { open: [], residentBytes: 0 };

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** The number of the process, while one runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /**
   * Asks, in a process that is started if none runs.
   *
   * @throws ApiError 400 if what is asked is wrong, 500 if the process has ended; Error for what else went wrong in it
   */
  async ask<T>(request: Question, options: AskOptions = {}): Promise<T> {
    try {
      return await this.#askOnce(request, options);
    } catch (error) {
      // A question that computes nothing does not end a process; it was only there when something else did.
      const isLost = error instanceof ApiError && error.code === lostCode;
      if (!isLost || request.type !== 'check') throw error;
      return this.#askOnce(request, options);
    }
  }

  async #askOnce<T>(request: Question, { signal, ...progress }: AskOptions): Promise<T> {
    await this.#startable;
    if (this.#isClosed) throw new ApiError(503, 'the server is stopping; send the request again later');
    const child = (this.#child ??= this.#start());
    const id = this.#nextId++;
    const stop = () => child.connected && child.send({ type: 'abort', id } satisfies WorkerRequest, () => {});
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#pending.set(id, { ...progress, resolve: resolve as (value: unknown) => void, reject });
        // What cannot be sent any more goes to a process that has ended, which is reported below.
        child.send({ ...request, id } as WorkerRequest, () => {});
        if (signal?.aborted) stop();
      });
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#pending.delete(id);
    }
  }

  /** Ends the process. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    if (child.connected) child.disconnect();
    await ended;
    clearTimeout(timer);
  }

  #start(): ChildProcess {
    const isSource = import.meta.url.endsWith('.ts');
    const main = fileURLToPath(new URL(isSource ? './worker-main.ts' : './worker-main.js', import.meta.url));
    const started = performance.now();
    const child = fork(main, [JSON.stringify(this.#options)], {
      // Typed arrays travel as they are.
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: isSource ? ['--import', import.meta.resolve('tsx')] : [],
    });
    let problem: string | undefined;
    child.on('message', (message: WorkerMessage) => this.#receive(message));
    child.on('error', (error) => {
      problem = error.message;
    });
    child.on('exit', (code, signal) => {
      if (this.#child === child) this.#child = undefined;
      this.state = { open: [], residentBytes: 0 };
      if (!this.#isClosed) {
        this.losses += 1;
        const wasSoon = performance.now() - started < soonMilliseconds;
        this.#pause = wasSoon ? Math.min(Math.max(250, 2 * this.#pause), mostPauseMilliseconds) : 0;
        this.#startable = new Promise((resolve) => {
          setTimeout(resolve, this.#pause);
        });
      }
      const lost = lostError(problem ?? signal ?? `exit code ${code}`);
      for (const { reject } of this.#pending.values()) reject(lost);
    });
    return child;
  }

  #receive(message: WorkerMessage): void {
    if (message.type === 'state') {
      const { open, residentBytes } = message;
      this.state = { open, residentBytes };
      return;
    }
    const pending = this.#pending.get(message.id);
    if (!pending) return;
    switch (message.type) {
      case 'notes':
        return pending.onNotes?.(message.notes);
      case 'progress':
        return pending.onProgress?.(message.progress);
      case 'image':
        return pending.onImage?.(message.image);
      case 'answer':
        return pending.resolve(message.value);
      case 'error':
        return pending.reject(message.isRequest ? new ApiError(400, message.message) : new Error(message.message));
    }
  }
}
