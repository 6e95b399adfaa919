import { homedir } from 'node:os';
import { join } from 'node:path';

/** Why there is no folder for a cache, where there is none. */
export const noCacheDir = 'this user has no home folder';

/**
 * Where files are kept that save time the next time: `KUOSAN_CACHE`, or the place that the system has for such files.
 *
 * @returns undefined for a user without a home, as in a container that runs under any number
 */
export function defaultCacheDir(): string | undefined {
  const chosen = process.env['KUOSAN_CACHE'];
  if (chosen) return chosen;
  const home = homeFolder();
  switch (process.platform) {
    case 'darwin':
      return home && join(home, 'Library', 'Caches', 'kuosan');
    case 'win32': {
      const local = process.env['LOCALAPPDATA'] || (home && join(home, 'AppData', 'Local'));
      return local && join(local, 'kuosan', 'Cache');
    }
    default: {
      const caches = process.env['XDG_CACHE_HOME'] || (home && join(home, '.cache'));
      return caches && join(caches, 'kuosan');
    }
  }
}

/** The home of this user; undefined where there is no HOME and no entry for the user. */
export function homeFolder(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}
