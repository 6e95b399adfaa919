import { statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { inParallel } from './in-parallel.ts';

/** What there is to know of a file. */
export interface FileState {
  readonly size: number;
  /** In milliseconds since 1970. */
  readonly modified: number;
}

/** Files looked at between two turns of everything else in the process. */
const together = 256;
/** A disk of which most answers take longer is far away: they are waited for together. */
const slowMilliseconds = 0.2;

/**
 * Size and date of many files, or the error for those that the system says nothing of, in order.
 *
 * One after another takes a tenth of the time of asynchronous calls as long as the disk answers at once: 100,000 files in 0.3 s of CPU time
 * instead of 2 s and more.
 */
export async function statMany(paths: readonly string[]): Promise<(FileState | Error)[]> {
  const found: (FileState | Error)[] = [];
  let slow = false;
  for (let first = 0; first < paths.length; first += together) {
    const some = paths.slice(first, first + together);
    if (slow) found.push(...(await inParallel(some.length, 16, (i) => stat(some[i]!).then(picked, asError))));
    else {
      // Counted one by one: a process that is made to wait for others waits seldom and long.
      let late = 0;
      for (const path of some) {
        const start = performance.now();
        found.push(stateOf(path));
        if (performance.now() - start > slowMilliseconds) late++;
      }
      slow = late > some.length / 2;
      await setImmediate();
    }
  }
  return found;
}

function stateOf(path: string): FileState | Error {
  try {
    return picked(statSync(path));
  } catch (error) {
    return asError(error);
  }
}

/** The rest of what the system says takes ten times the memory. */
function picked({ size, mtimeMs }: { readonly size: number; readonly mtimeMs: number }): FileState {
  return { size, modified: mtimeMs };
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
