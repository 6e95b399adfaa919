/** Files that survive a power cut: written, flushed, and only then given their name. */
import { access, constants, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Bytes } from '../formats/bytes.ts';
import { asidePath } from './aside-path.ts';
import { describeSystemError, systemReason } from './system-reason.ts';

/** Whether something stands at the path, and what. */
export async function kindOf(path: string): Promise<'file' | 'folder' | 'nothing'> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'nothing';
    throw error;
  }
}

/** One read or write call moves at most 2 GiB. */
const chunkBytes = 2 ** 28;

/**
 * The bytes of a file of any size (`readFile` stops at 2 GiB).
 *
 * @param where  how the message calls the file
 * @throws one line that names the file and why it cannot be read
 */
export async function readWhole(path: string, where: string): Promise<Bytes> {
  try {
    const file = await open(path, 'r');
    try {
      const bytes = new Uint8Array((await file.stat()).size);
      let done = 0;
      while (done < bytes.length) {
        const { bytesRead } = await file.read(bytes, done, Math.min(chunkBytes, bytes.length - done));
        // Somebody cuts the file short while we read: what there is will fail its own checks.
        if (bytesRead === 0) return bytes.slice(0, done);
        done += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Error(`${where}: cannot be read, ${describeSystemError(error)}`, { cause: error });
  }
}

/** What a file is to hold, whole or part by part; an asynchronous part is asked for when those before it are written. */
export type Content = Uint8Array | string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Writes a file that must not be there yet, flushed to the disk.
 *
 * @throws one line that names the file and why it cannot be written, or what the content's parts throw
 */
export async function writeNewFile(path: string, content: Content): Promise<void> {
  try {
    await writeFlushed(path, content);
  } catch (error) {
    const reason = systemReason(error);
    if (reason === undefined) throw error;
    throw new Error(`cannot write ${JSON.stringify(path)}: ${reason}`, { cause: error });
  }
}

/**
 * Replaces a file whole or not at all: a reader finds the old content or the new, whenever the power goes.
 *
 * @throws one line that names the file and why it cannot be written
 */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  try {
    await replaceWhole(path, (aside) => writeFlushed(aside, content));
    await syncFolder(dirname(path));
  } catch (error) {
    throw new Error(`cannot write ${JSON.stringify(path)}: ${describeSystemError(error)}`, { cause: error });
  }
}

/**
 * Gives what `write` makes the name `path` when it is whole: a reader finds the old file or folder, or the new one, and never a part.
 * What has to survive a power cut is flushed by `write`, and its name by `syncFolder`.
 *
 * @param write  makes a file or a folder at the path that is given to it, in the folder of `path`, which must be there
 * @throws what `write` throws, or the system's error; nothing is left of the new one then
 */
export async function replaceWhole(path: string, write: (aside: string) => Promise<void>): Promise<void> {
  const aside = asidePath(path);
  try {
    await write(aside);
    // A folder takes the place of an empty one only.
    if ((await kindOf(aside)) === 'folder') await rm(path, { recursive: true, force: true });
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
}

/** Writes a file that must not be there yet, and flushes it to the disk. */
export async function writeFlushed(path: string, content: Content): Promise<void> {
  const whole = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const file = await open(path, 'wx');
  try {
    for await (const bytes of whole instanceof Uint8Array ? [whole] : whole) await writeAll(file, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** What `writeAll` needs of an open file; pages read these declarations too, without the types of Node. */
interface WritableFile {
  write(bytes: Uint8Array, offset: number, length: number): Promise<{ readonly bytesWritten: number }>;
}

/** Writes all bytes at the file's position: a single call may take less than it was given. */
export async function writeAll(file: WritableFile, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length)
    done += (await file.write(bytes, done, Math.min(chunkBytes, bytes.length - done))).bytesWritten;
}

/** Makes a folder and those above it, each flushed into the one that holds it. */
export async function makeFolder(path: string): Promise<void> {
  const full = resolve(path);
  // One by one: Node's recursive mkdir never returns where the system answers "does not exist" to it, as in /proc.
  for (const folder of await missingFolders(full)) {
    await mkdir(folder).catch(async (error: NodeJS.ErrnoException) => {
      // Another process may have made it in the meantime.
      if (error.code === 'EEXIST' && (await kindOf(folder)) === 'folder') return;
      // The system says "does not exist" of a folder that may not be made on a read-only file system; the folder above says why.
      if (error.code === 'ENOENT') await access(dirname(folder), constants.W_OK);
      throw error;
    });
    await syncFolder(dirname(folder));
  }
}

/** The folders down to a path that are still to be made, outermost first. */
async function missingFolders(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let folder = path; (await kindOf(folder)) !== 'folder'; folder = dirname(folder)) {
    missing.unshift(folder);
    // A file in the way: making the folder below it says so.
    if (folder !== path && (await kindOf(folder)) === 'file') return missing.slice(1);
  }
  return missing;
}

/** Flushes the names in a folder. Windows cannot, and needs not: its file systems journal them. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Flushes every file and folder below a path, whoever wrote them. */
export async function syncTree(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const inner = join(path, entry.name);
    if (entry.isDirectory()) await syncTree(inner);
    else if (entry.isFile()) {
      const file = await open(inner, 'r+');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    }
  }
  await syncFolder(path);
}

/** The names of what `replaceWhole` and the step folders leave behind when the process is killed. */
export function isLeftover(name: string): boolean {
  return name.startsWith('.') && name.endsWith('.part');
}
