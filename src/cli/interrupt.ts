/** The command was stopped by a signal and has said so itself. */
export class Interrupted extends Error {
  /** 128 + the number of the signal, as shells report a process that a signal ended: scripts must not go on as after a success. */
  readonly exitStatus: number;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${signal}`);
    this.exitStatus = 128 + { SIGINT: 2, SIGTERM: 15 }[signal];
  }
}

/**
 * A signal that Ctrl-C (or a polite kill) aborts, with an `Interrupted` as its reason. A second Ctrl-C ends the process
 * at once, as everywhere.
 *
 * @param onFirst  called on the first signal, to report that the command is about to stop
 */
export function interruptSignal(onFirst: () => void): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals) => {
    release();
    controller.abort(new Interrupted(signal as 'SIGINT' | 'SIGTERM'));
    onFirst();
  };
  const release = () => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return { signal: controller.signal, release };
}
