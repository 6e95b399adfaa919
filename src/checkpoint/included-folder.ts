/** A folder of files that are included in another model's folder as they are: a frozen text encoder. */
import { dirname, join } from 'node:path';
import { makeFolder, syncFolder } from '../files/durable-files.ts';
import { linkOrCopy } from '../files/link-file.ts';
import { folderFiles } from './folder-files.ts';
import type { ModelFiles } from './model-files.ts';

/** Files of a folder, and which of them were read. */
export interface ReadFiles {
  readonly files: ModelFiles;
  /** The paths that were read so far. */
  readonly read: ReadonlySet<string>;
}

/** A folder of this machine that remembers what is read of it: exactly what whoever read it needs. */
export function filesRead(dir: string): ReadFiles {
  const read = new Set<string>();
  const files = folderFiles(dir);
  return {
    read,
    files: {
      ...files,
      async read(path) {
        const bytes = await files.read(path);
        read.add(path);
        return bytes;
      },
    },
  };
}

/**
 * Includes files of a folder in another: as hard links where the disk has them, so that a checkpoint with a large frozen
 * encoder takes no more room than one without.
 *
 * @throws if one of them is there already, or cannot be written
 */
export async function includeFiles(from: string, paths: Iterable<string>, to: string): Promise<void> {
  const folders = new Set([to]);
  for (const path of paths) {
    const target = join(to, path);
    folders.add(dirname(target));
    await makeFolder(dirname(target));
    await linkOrCopy(join(from, path), target);
  }
  for (const folder of folders) await syncFolder(folder);
}
