import { constants } from 'node:fs';
import { copyFile, link } from 'node:fs/promises';

/**
 * Gives a file a second place: under a hard link, which takes no room, or as a copy where there are none.
 *
 * @throws if the second place exists
 */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  }
}
