import { homedir } from 'node:os';
import { join } from 'node:path';

/** A path with `~/` at its start written out: the shell expands it only at the start of a word, and "--data=~/pics" arrives as it is. */
export function fromHome(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}
