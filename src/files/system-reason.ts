/** The plain words for the codes of system errors that people meet. */
const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'no space left on the disk',
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EEXIST: 'it exists already',
  EISDIR: 'it is a folder, not a file',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'too many symbolic links',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
};

/** Why a system call failed, in a few words, or undefined for any other error. Looks through the causes of wrapped errors. */
export function systemReason(error: unknown): string | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    const { code, syscall } = inner as NodeJS.ErrnoException;
    const reason = code !== undefined && Object.hasOwn(reasons, code) ? reasons[code] : undefined;
    if (reason !== undefined) return reason;
    if (syscall !== undefined) return firstLine(inner);
  }
  return undefined;
}

/** Why a file cannot be used: the reason of the system, or the first line of any other error. */
export function describeSystemError(error: unknown): string {
  return systemReason(error) ?? firstLine(error);
}

function firstLine(error: unknown): string {
  return error instanceof Error ? error.message.split('\n')[0]! : String(error);
}
