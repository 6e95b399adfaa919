/** Files that survive a power cut: written, flushed, and only then given their name. */
import { access, constants, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { asidePath } from './aside-path.ts';

/** The plain words for a failed system call, or undefined for any other error. Looks through the causes of wrapped errors. */
export function systemReason(error: unknown): string | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    const { code } = inner as NodeJS.ErrnoException;
    switch (code) {
      case 'EACCES':
      case 'EPERM':
        return 'permission denied';
      case 'EROFS':
        return 'the file system is read-only';
      case 'ENOSPC':
      case 'EDQUOT':
        return 'no space left on the disk';
      case 'ENOENT':
        return 'it does not exist';
      case 'ENOTDIR':
        return 'a part of the path is a file, not a folder';
      case 'EEXIST':
        return 'it exists already';
      case 'EISDIR':
        return 'it is a folder, not a file';
      case 'ENAMETOOLONG':
        return 'the name is too long';
      case 'ELOOP':
        return 'too many symbolic links';
      case 'EMFILE':
      case 'ENFILE':
        return 'too many open files';
    }
    if ((inner as NodeJS.ErrnoException).syscall !== undefined) return inner.message.split('\n')[0]!;
  }
  return undefined;
}

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
export async function readWhole(path: string, where: string): Promise<Uint8Array<ArrayBuffer>> {
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
    throw new Error(`${where}: cannot be read, ${systemReason(error) ?? String(error)}`, { cause: error });
  }
}

/** What a file is to hold, whole or part by part; parts are asked for when those before them are written. */
export type Content = Uint8Array | string | AsyncIterable<Uint8Array>;

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

/** Replaces a file whole or not at all: a reader finds the old content or the new, whenever the power goes. */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const aside = asidePath(path);
  try {
    await writeFlushed(aside, content);
    await rename(aside, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(aside, { force: true }).catch(() => {});
    throw new Error(`cannot write ${JSON.stringify(path)}: ${systemReason(error) ?? String(error)}`, { cause: error });
  }
}

async function writeFlushed(path: string, content: Content): Promise<void> {
  const parts =
    typeof content === 'string'
      ? [new TextEncoder().encode(content)]
      : content instanceof Uint8Array
        ? [content]
        : content;
  const file = await open(path, 'wx');
  try {
    for await (const bytes of parts) {
      let done = 0;
      while (done < bytes.length)
        done += (await file.write(bytes, done, Math.min(chunkBytes, bytes.length - done))).bytesWritten;
    }
    await file.sync();
  } finally {
    await file.close();
  }
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

/** What `replaceFile` and the step folders leave next to their place if the process is killed. */
export function isLeftover(name: string): boolean {
  return name.startsWith('.') && name.endsWith('.part');
}
