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
  async function finish(own: AbortController, working: Promise<void>): Promise<void> {
    let problem: string | undefined;
    try {
      await working;
    } catch (error) {
      if (!own.signal.aborted)
        problem = (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, ' ');
    }
    if (current === own) state.set({ running: false, problem });
  }
  return {
    state,
    start(work) {
      current?.abort();
      const own = (current = new AbortController());
      state.set({ running: true, problem: undefined });
      void finish(own, work(own.signal));
    },
    stop() {
      current?.abort();
      state.set({ running: false, problem: undefined });
    },
  };
}
