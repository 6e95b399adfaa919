/** Work that takes a while: one at a time, stopped by the next or by leaving the page. */
import { writable, type Readable } from 'svelte/store';

/** How a task stands. */
export interface TaskState {
  readonly running: boolean;
  /** What went wrong, in a line; undefined while nothing has. */
  readonly problem: string | undefined;
}

/** A task that a page starts and stops. */
export interface Task {
  readonly state: Readable<TaskState>;
  /** Starts it; what ran before is stopped. */
  start(work: (signal: AbortSignal) => Promise<void>): void;
  stop(): void;
}

/** A task that has not begun. */
export function task(): Task {
  const state = writable<TaskState>({ running: false, problem: undefined });
  let current: AbortController | undefined;
  return {
    state,
    start(work) {
      current?.abort();
      const own = (current = new AbortController());
      state.set({ running: true, problem: undefined });
      work(own.signal).then(
        () => {
          if (current === own) state.set({ running: false, problem: undefined });
        },
        (error: unknown) => {
          if (current !== own) return;
          const problem = own.signal.aborted ? undefined : error instanceof Error ? error.message : String(error);
          state.set({ running: false, problem: problem?.replaceAll(/\s+/g, ' ') });
        },
      );
    },
    stop() {
      current?.abort();
      state.set({ running: false, problem: undefined });
    },
  };
}
