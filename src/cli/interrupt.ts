/** The signals that stop a command: Ctrl-C, a polite kill, a terminal that was closed or an SSH line that broke. */
const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

type StoppingSignal = keyof typeof numbers;

const signals = Object.keys(numbers) as StoppingSignal[];

/** The command was stopped by a signal and has said so itself. */
export class Interrupted extends Error {
  /** 128 + the number of the signal, as shells report a process that a signal ended: scripts must not go on as after a success. */
  readonly exitStatus: number;

  constructor(signal: StoppingSignal) {
    super(`interrupted by ${signal}`);
    this.exitStatus = 128 + numbers[signal];
  }
}

/** A signal that comes so soon after another is the same one: npx hands on what the terminal has sent to all, and shells do. */
const onceMilliseconds = 500;

/**
 * A signal that Ctrl-C, a polite kill or a closed terminal aborts, with an `Interrupted` as its reason. A second Ctrl-C ends
 * the process at once, as everywhere; a terminal is closed only once, however often that is reported.
 *
 * @param onFirst  called on the first signal, to report that the command is about to stop
 */
export function interruptSignal(onFirst: () => void): { readonly signal: AbortSignal; readonly release: () => void } {
  const controller = new AbortController();
  let again: NodeJS.Timeout | undefined;
  const stop = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) return;
    controller.abort(new Interrupted(signal as StoppingSignal));
    again = setTimeout(() => off(['SIGINT', 'SIGTERM']), onceMilliseconds).unref();
    onFirst();
  };
  const off = (names: readonly StoppingSignal[]) => {
    for (const name of names) process.off(name, stop);
  };
  for (const name of signals) process.on(name, stop);
  return {
    signal: controller.signal,
    release() {
      clearTimeout(again);
      off(signals);
    },
  };
}

/** Waits until a signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Does work that a signal stops: the frame of commands that keep nothing of what they have begun. */
export async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { signal, release } = interruptSignal(() => process.stderr.write('\nstopping\n'));
  try {
    return await work(signal);
  } finally {
    release();
  }
}
