/** What the server says, again and again, while the page is looked at. */
import { readable, type Readable } from 'svelte/store';
import { askServer, NoServer } from '../engine/server.ts';

/** What was heard. */
export interface Watched<T> {
  /** What it said last; undefined before it has said anything. */
  readonly value: T | undefined;
  /** Why nothing was heard the last time. */
  readonly problem: Error | undefined;
}

/** A run writes its log every five seconds. */
const millisecondsBetween = 2000;

/**
 * What a path of the server says. It is asked every two seconds, with what it said last, so that it answers in a line while
 * nothing changes; a hidden tab asks nothing.
 *
 * @param path  `api/runs`
 */
export function watch<T>(path: string): Readable<Watched<T>> {
  return readable<Watched<T>>({ value: undefined, problem: undefined }, (_, update) => {
    const leaving = new AbortController();
    const { signal } = leaving;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let etag: string | null = null;
    /** A tab that is hidden and shown while an answer is on its way asks anew; the older answer goes nowhere. */
    let round = 0;
    async function look(own: number): Promise<void> {
      try {
        const response = await askServer(path, { signal, headers: etag === null ? {} : { 'if-none-match': etag } });
        if (response.status !== 304) {
          const value = (await response.json()) as T;
          if (own !== round) return;
          etag = response.headers.get('etag');
          update(() => ({ value, problem: undefined }));
        } else if (own === round)
          update((before) => (before.problem ? { value: before.value, problem: undefined } : before));
      } catch (error) {
        if (own !== round) return;
        if (!signal.aborted) update(({ value }) => ({ value, problem: error as Error }));
        if (error instanceof NoServer) return;
      }
      if (own === round && !signal.aborted && !document.hidden) timer = setTimeout(() => void look(own), millisecondsBetween);
    }
    function follow(): void {
      clearTimeout(timer);
      if (!document.hidden) void look(++round);
    }
    document.addEventListener('visibilitychange', follow, { signal });
    follow();
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  });
}
