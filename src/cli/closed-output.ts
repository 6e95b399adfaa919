/** Standard output and error that nobody reads any more, or that cannot be written. */
import { systemReason } from '../files/system-reason.ts';

/** As shells report a process that SIGPIPE ended: 128 + 13. */
const brokenPipeStatus = 141;

/** The reader has gone: a closed pipe, or a terminal that was closed. */
function isClosed({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'EIO' || code === 'ERR_STREAM_DESTROYED';
}

/** What became of the output, and whether a command has more to do than to print. */
export interface OutputWatch {
  /** Called when a command is known: one that writes files goes on without a reader, one that only prints ends at once. */
  readonly setWritesFiles: (writes: boolean) => void;
  /** The exit status of a command that ended with `status`. */
  readonly statusAfter: (status: number) => number;
}

/**
 * Keeps a closed pipe from ending the process with a stack, and with it what it was working on.
 *
 * A reader of standard output that has gone, as `head` does, ends a command that only prints, quietly and with status 141; what
 * writes files goes on. On standard error is what nobody needs to go on: whatever becomes of it, the command does. Output
 * that cannot be written for another reason, such as a full disk, is one line and status 1.
 */
export function watchOutput(): OutputWatch {
  let writesFiles = true;
  let failed = false;
  process.stderr.on('error', () => {});
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (isClosed(error)) {
      if (!writesFiles) process.exit(brokenPipeStatus);
      return;
    }
    if (!failed)
      process.stderr.write(`kuosan: standard output cannot be written: ${systemReason(error) ?? error.message}\n`);
    failed = true;
    if (!writesFiles) process.exit(1);
  });
  return {
    setWritesFiles(writes) {
      writesFiles = writes;
    },
    statusAfter: (status) => (failed && status === 0 ? 1 : status),
  };
}
