/** A file in which any byte is another, or which is cut off anywhere. */
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';

/** How a file is damaged. */
export interface Damage {
  readonly seed: number;
  /** How many times. */
  readonly numRuns: number;
  /** Half of the damage is before this byte; default anywhere. */
  readonly header?: number;
}

/**
 * Damages a file in many ways, one after the other.
 *
 * @param path   where it is written; at first it holds the whole
 * @param check  throws if what comes of the damaged file is wrong
 */
export async function checkDamaged(
  path: string,
  { seed, numRuns, header }: Damage,
  check: () => Promise<void>,
): Promise<void> {
  const file = readFileSync(path);
  const anywhere = fc.nat(file.length - 1);
  const position = header === undefined ? anywhere : fc.oneof(fc.nat(header), anywhere);
  await fc.assert(
    fc.asyncProperty(position, fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, flip, cut) => {
      const damaged = cut ? file.subarray(0, at) : Uint8Array.from(file);
      if (!cut) damaged[at]! ^= flip;
      writeFileSync(path, damaged);
      await check();
    }),
    { seed, numRuns },
  );
}
