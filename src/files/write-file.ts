import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { access, open, stat, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { asidePath } from './aside-path.ts';
import { makeFolder, replaceWhole, syncFolder, writeAll, writeFlushed } from './durable-files.ts';
import { describeSystemError } from './system-reason.ts';

/** A path that cannot be written, and why in a few words. */
export class WriteError extends Error {
  readonly path: string;
  readonly reason: string;
  constructor(path: string, reason: string) {
    super(`cannot write ${JSON.stringify(path)}: ${reason}; give another path`);
    this.name = 'WriteError';
    this.path = path;
    this.reason = reason;
  }
}

/** What stands at the path, or undefined when nothing does. */
async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The nearest folder above the path that there is, and those below it, outermost first, that are still to be made. */
async function foldersTo(path: string): Promise<{ there: string; missing: string[] }> {
  const missing: string[] = [];
  let folder = dirname(resolve(path));
  for (;;) {
    const found = await statIfThere(folder);
    if (found?.isDirectory()) return { there: folder, missing: missing.toReversed() };
    if (found !== undefined || dirname(folder) === folder)
      throw new WriteError(path, `${JSON.stringify(folder)} is not a folder`);
    missing.push(folder);
    folder = dirname(folder);
  }
}

/**
 * Checks that a file could be written at `path`: to be called before long work, so that the work is not lost at its
 * end. Leaves everything as it was.
 *
 * @throws WriteError: one line that names the path and what is in the way
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const existing = await statIfThere(path);
    if (existing?.isDirectory()) throw new WriteError(path, 'it is a folder');
    if (existing !== undefined && !existing.isFile()) throw new WriteError(path, 'it is not an ordinary file');
    if (existing !== undefined) await access(path, constants.W_OK);
    const { there, missing } = await foldersTo(path);
    // The system tells that a name is too long only in a folder that is there.
    for (const part of [...missing, path]) await statIfThere(join(there, basename(part)));
    // Permissions do not tell for the super-user, or on read-only and virtual file systems: only trying does.
    const probe = asidePath(join(there, 'probe'));
    await (await open(probe, 'wx')).close();
    await unlink(probe);
  } catch (error) {
    throw error instanceof WriteError ? error : new WriteError(path, describeSystemError(error));
  }
}

/**
 * Checks that an output path has the extension of what will be written there, so that a slip does not overwrite
 * another kind of file.
 *
 * @throws WriteError if it has not
 */
export function checkExtension(path: string, extension: string): void {
  if (extname(path).toLowerCase() !== extension) throw new WriteError(path, `the name does not end in ${extension}`);
}

/**
 * Writes a file whole or not at all: under another name in the same folder, flushed to the disk, then renamed.
 * Missing parent folders are made; whatever stood there before stays until the new one is complete.
 *
 * @throws WriteError: one line that names the path and why it cannot be written
 */
export async function writeFileWhole(path: string, parts: Uint8Array | readonly Uint8Array[]): Promise<void> {
  await checkWritable(path);
  const full = resolve(path);
  await writing(path, async () => {
    await makeFolder(dirname(full));
    await replaceWhole(full, (aside) => writeFlushed(aside, parts));
    await syncFolder(dirname(full));
  });
}

/**
 * Appends to a file whole or not at all: where the disk is full, what was written of it is taken back. The file is made if it is not there.
 *
 * @throws WriteError: one line that names the path and why it cannot be written
 */
export async function appendWhole(path: string, content: Uint8Array): Promise<void> {
  await writing(path, async () => {
    const file = await open(path, 'a');
    try {
      const { size } = await file.stat();
      await writeAll(file, content).catch(async (error: unknown) => {
        await file.truncate(size).catch(() => {});
        throw error;
      });
    } finally {
      await file.close();
    }
  });
}

/**
 * Calls what writes the file at `path`.
 *
 * @throws WriteError in place of a system error
 */
export async function writing<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (error instanceof WriteError || (error as NodeJS.ErrnoException).code === undefined) throw error;
    throw new WriteError(path, describeSystemError(error));
  }
}
