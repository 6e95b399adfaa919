/**
 * A signal that Ctrl-C (or a polite kill) aborts. A second Ctrl-C ends the process at once, as everywhere.
 *
 * @param onFirst  told when it happens, to say that the command is about to stop
 */
export function interruptSignal(onFirst: () => void): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  const stop = () => {
    release();
    controller.abort(new Error('interrupted'));
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
