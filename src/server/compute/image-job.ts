/** What a client has asked for, on its way: waiting, computing, done. */
import { EventEmitter, on } from 'node:events';
import type { FloatArray } from '../../core/index.ts';
import type { Sampling } from '../../diffusion/index.ts';
import type { GenerateRequest } from '../../generators/index.ts';
import type { SampleId } from '../../pipelines/index.ts';
import { ApiError, asApiError } from '../api-error.ts';
import type { ImageOutput } from './messages.ts';

/** What images to make; lists have one entry for each image. */
export interface ImageJobSpec {
  readonly model: string;
  readonly ids: readonly SampleId[];
  readonly prompts?: readonly string[] | undefined;
  readonly negativePrompts?: readonly string[] | undefined;
  readonly styles?: readonly string[] | undefined;
  readonly classes?: readonly number[] | undefined;
  /** [C, H, W] in [−1, 1], of all of them. */
  readonly image?: FloatArray | undefined;
  /** Whether images are generated of the embedding of `image`, in the place of changing it. */
  readonly isVariation: boolean;
  /** [1, H, W], of all of them. */
  readonly mask?: FloatArray | undefined;
  readonly strength?: number | undefined;
  readonly jumps?: GenerateRequest['jumps'];
  readonly sampling: Sampling;
  readonly output: ImageOutput;
  /** What a client is to know of its request, one sentence each. */
  readonly notes: readonly string[];
}

/** What happens to a job. */
export type JobEvent =
  | {
      readonly type: 'progress';
      readonly stage: string;
      /** The step of the stage that was taken, from 0, and how many there are. */
      readonly step: number;
      readonly steps: number;
      /** The images of the job that took it. */
      readonly images: readonly number[];
      /** The share of the whole job that is done. */
      readonly share: number;
    }
  | { readonly type: 'preview'; readonly image: number; readonly number: number; readonly bytes: Uint8Array }
  | { readonly type: 'image'; readonly image: number; readonly bytes: Uint8Array }
  | { readonly type: 'completed' }
  | { readonly type: 'failed'; readonly error: ApiError };

export type JobStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** One request for images. */
export class ImageJob {
  readonly spec: ImageJobSpec;
  readonly created = Date.now();
  readonly images: (Uint8Array | undefined)[];
  readonly notes = new Set<string>();
  status: JobStatus = 'queued';
  error: ApiError | undefined;
  ended: number | undefined;
  readonly #shares: number[];
  /** Those so far, a few of each image, for who begins to watch later. */
  readonly #previews: JobEvent[] = [];
  /** The newest step, for the same. */
  #step: JobEvent | undefined;
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  constructor(spec: ImageJobSpec) {
    this.spec = spec;
    this.images = spec.ids.map(() => undefined);
    this.#shares = spec.ids.map(() => 0);
    for (const note of spec.notes) this.notes.add(note);
  }

  /** Calls back once, when the job has ended in whatever way. */
  onEnd(callback: () => void): void {
    this.#emitter.once('end', callback);
  }

  get isEnded(): boolean {
    return this.status !== 'queued' && this.status !== 'running';
  }

  /** The share of it that is done. */
  get share(): number {
    return this.#shares.reduce((sum, share) => sum + share, 0) / this.#shares.length;
  }

  /** Says that some of its images took a step. */
  progress(stage: string, step: number, steps: number, images: readonly number[], share: number): void {
    if (this.isEnded) return;
    this.status = 'running';
    for (const image of images) this.#shares[image] = share;
    this.#step = { type: 'progress', stage, step, steps, images, share: this.share };
    this.#emit(this.#step);
  }

  /** Says how an image looks so far. */
  preview(image: number, number: number, bytes: Uint8Array): void {
    if (this.isEnded) return;
    const event: JobEvent = { type: 'preview', image, number, bytes };
    this.#previews.push(event);
    this.#emit(event);
  }

  /** Hands over an image; with the last one the job is completed. */
  finishImage(image: number, bytes: Uint8Array): void {
    if (this.isEnded) return;
    this.images[image] = bytes;
    this.#shares[image] = 1;
    this.#emit({ type: 'image', image, bytes });
    if (this.images.every((each) => each !== undefined)) this.#end('completed', { type: 'completed' });
  }

  /** Ends it without its images. */
  fail(error: unknown): void {
    if (this.isEnded) return;
    this.error = asApiError(error);
    this.#end('failed', { type: 'failed', error: this.error });
  }

  /** Ends it because nobody wants it any more. */
  cancel(message = 'the job was cancelled'): void {
    if (this.isEnded) return;
    this.error = new ApiError(409, message, { code: 'cancelled' });
    this.#end('cancelled', { type: 'failed', error: this.error });
  }

  /**
   * What happens to it from now on, to its end; its newest step, previews and images so far come first.
   *
   * @throws the signal's AbortError
   */
  async *events(signal?: AbortSignal): AsyncGenerator<JobEvent, void, undefined> {
    // Listens before it looks, and looks once, so that nothing falls between and nothing comes twice.
    const coming = on(this.#emitter, 'event', signal ? { signal } : {}) as AsyncIterable<[JobEvent]>;
    const { status, isEnded } = this;
    const made = this.images.flatMap((bytes, image): JobEvent[] => (bytes ? [{ type: 'image', image, bytes }] : []));
    yield* [...(this.#step ? [this.#step] : []), ...this.#previews, ...made];
    if (status === 'completed') return yield { type: 'completed' };
    if (isEnded) return yield { type: 'failed', error: this.error! };
    for await (const [event] of coming) {
      yield event;
      if (event.type === 'completed' || event.type === 'failed') return;
    }
  }

  /**
   * Its images, when all are made.
   *
   * @throws ApiError if it fails or is cancelled
   */
  async result(): Promise<readonly Uint8Array[]> {
    for await (const event of this.events()) if (event.type === 'failed') throw event.error;
    return this.images as readonly Uint8Array[];
  }

  #end(status: JobStatus, event: JobEvent): void {
    this.status = status;
    this.ended = Date.now();
    this.#emit(event);
    this.#emitter.emit('end');
    this.#emitter.removeAllListeners('end');
  }

  #emit(event: JobEvent): void {
    this.#emitter.emit('event', event);
  }
}
