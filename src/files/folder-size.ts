import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What the files of a folder and its sub-folders take together. */
export interface FolderSize {
  readonly bytes: number;
  /** When the newest of them was written, in milliseconds since 1970; 0 without files. */
  readonly modified: number;
}

/** The size of a folder. A file that is removed meanwhile does not count. */
export async function folderSize(folder: string): Promise<FolderSize> {
  let [bytes, modified] = [0, 0];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const found = entry.isFile() ? await stat(join(entry.parentPath, entry.name)).catch(() => undefined) : undefined;
    bytes += found?.size ?? 0;
    modified = Math.max(modified, found?.mtimeMs ?? 0);
  }
  return { bytes, modified };
}
