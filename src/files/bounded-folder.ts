/** Folders of files that save time and may go at any moment. */
import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** What a process that was killed left half-written is somebody's work for so long. */
const leftoverMilliseconds = 24 * 60 * 60 * 1000;

/** Says that a file was of use just now. */
export async function markUsed(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch(() => {});
}

/**
 * Removes files of a folder until they take `mostBytes` at most: those first that were not used or written for the longest time. The one
 * that was used last stays, whatever its size. Half-written files of a day ago go too.
 */
export async function keepBounded(folder: string, mostBytes: number): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      // Another process may have removed it.
      const { size = 0, mtimeMs = 0 } = (await stat(path).catch(() => undefined)) ?? {};
      return { path, size, mtimeMs, isLeftover: name.startsWith('.') };
    }),
  );
  let total = 0;
  for (const { path, size, mtimeMs, isLeftover } of found.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
    const isFirst = total === 0;
    total += size;
    const goes = isLeftover ? Date.now() - mtimeMs > leftoverMilliseconds : total > mostBytes && !isFirst;
    if (goes) await rm(path, { force: true }).catch(() => {});
  }
}
