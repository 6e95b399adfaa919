/** Jobs by name: those that run, and for a while those that have ended. */
import { randomBytes } from 'node:crypto';
import type { ImageJob } from '../compute/image-job.ts';

/** A job with the name by which clients ask for it. */
export interface NamedJob {
  readonly id: string;
  readonly job: ImageJob;
}

/** Jobs that clients can come back to. */
export class JobStore {
  readonly #milliseconds: number;
  readonly #mostBytes: number;
  /** The oldest first. */
  readonly #jobs = new Map<string, ImageJob>();

  constructor({ keptSeconds, keptBytes }: { readonly keptSeconds: number; readonly keptBytes: number }) {
    this.#milliseconds = keptSeconds * 1000;
    this.#mostBytes = keptBytes;
  }

  add(job: ImageJob): NamedJob {
    const id = `job_${randomBytes(12).toString('hex')}`;
    this.#jobs.set(id, job);
    job.onEnd(() => this.#forget());
    return { id, job };
  }

  get(id: string): ImageJob | undefined {
    this.#forget();
    return this.#jobs.get(id);
  }

  /** The newest first. */
  list(): NamedJob[] {
    this.#forget();
    return [...this.#jobs].map(([id, job]) => ({ id, job })).reverse();
  }

  /** Lets go of jobs that ended long ago, and of the oldest ones whose images take too much. */
  #forget(): void {
    const bytesOf = ({ images }: ImageJob) => images.reduce((sum, image) => sum + (image?.length ?? 0), 0);
    let bytes = [...this.#jobs.values()].reduce((sum, job) => sum + bytesOf(job), 0);
    for (const [id, job] of this.#jobs) {
      if (!job.isEnded) continue;
      if (bytes <= this.#mostBytes && job.ended! + this.#milliseconds > Date.now()) continue;
      bytes -= bytesOf(job);
      this.#jobs.delete(id);
    }
  }
}
