import { join } from 'node:path';
import { homeFolder } from './default-cache-dir.ts';

/** A path with `~/` at its start written out: the shell expands it only at the start of a word, and "--data=~/pics" arrives as it is. */
export function fromHome(path: string): string {
  const home = path.startsWith('~/') ? homeFolder() : undefined;
  return home === undefined ? path : join(home, path.slice(2));
}
