/** Images in memory that clients fetch by their addresses: for a while, and of bounded size together. */
import { randomBytes } from 'node:crypto';
import type { ImageEncoding } from './compute/messages.ts';

/** An image file. */
export interface KeptImage {
  readonly bytes: Uint8Array;
  readonly format: ImageEncoding['format'];
}

/** Image files by names that nobody can guess. */
export class KeptImages {
  readonly #mostBytes: number;
  readonly #milliseconds: number;
  /** The oldest first. */
  readonly #kept = new Map<string, KeptImage & { readonly until: number }>();
  /** Bytes of all of them. */
  bytes = 0;

  constructor({ keptBytes, keptSeconds }: { readonly keptBytes: number; readonly keptSeconds: number }) {
    this.#mostBytes = keptBytes;
    this.#milliseconds = keptSeconds * 1000;
  }

  /** Keeps an image, and lets go of the oldest. @returns its name */
  add(image: KeptImage): string {
    const name = `${randomBytes(16).toString('hex')}.${image.format}`;
    this.#kept.set(name, { ...image, until: Date.now() + this.#milliseconds });
    this.bytes += image.bytes.length;
    for (const [oldest, { until }] of this.#kept) {
      if (this.bytes <= this.#mostBytes && until > Date.now()) break;
      this.#remove(oldest);
    }
    return name;
  }

  /** The image of that name, if it is still kept. */
  get(name: string): KeptImage | undefined {
    const found = this.#kept.get(name);
    if (found && found.until > Date.now()) return found;
    if (found) this.#remove(name);
    return undefined;
  }

  #remove(name: string): void {
    this.bytes -= this.#kept.get(name)!.bytes.length;
    this.#kept.delete(name);
  }
}
