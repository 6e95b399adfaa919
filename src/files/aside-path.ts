import { createHash, randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';

/**
 * A hidden name in the same folder, where a rename is atomic: what is written there takes its place when it is whole. It is short, however
 * long the name of the file is, and nobody else's: not another process's, nor one's that was killed.
 */
export function asidePath(path: string): string {
  return join(dirname(path), `.kuosan-${randomBytes(6).toString('hex')}.part`);
}

/** As `asidePath`, but always the same for the same name: what was stopped there can go on. */
export function stableAsidePath(path: string): string {
  return join(dirname(path), `.kuosan-${createHash('sha256').update(basename(path)).digest('hex').slice(0, 12)}.part`);
}
