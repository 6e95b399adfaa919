import { createHash } from 'node:crypto';

/** A number in [0, 1) that a text has for good: the first 32 bits of its SHA-256. */
export function fraction(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE() / 2 ** 32;
}
