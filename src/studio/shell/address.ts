/** Where the visitor is: `#/forward?t=300`. It stands after the hash, so that any static host can serve the studio. */
import { readable, writable, type Readable, type Writable } from 'svelte/store';
import { readSettings, writeSettings, type ValuesOf } from './settings.ts';

/** A page of the studio and its parameters. */
export interface Place {
  readonly page: string;
  readonly params: URLSearchParams;
}

/** What an address says. */
export function placeOf(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?');
  return { page: path, params: new URLSearchParams(query) };
}

/** The address of a place. */
export function hashOf(page: string, params = new URLSearchParams()): string {
  const query = params.toString();
  return `#/${page}${query === '' ? '' : `?${query}`}`;
}

/** The place that the visitor went to last. */
export const place: Readable<Place> = readable<Place>(placeOf(location.hash), (set) => {
  const follow = () => set(placeOf(location.hash));
  addEventListener('hashchange', follow);
  return () => removeEventListener('hashchange', follow);
});

/** Browsers allow so many changes of an address in a second, and a slider makes more. */
const waitFor = 150;

/**
 * The settings of a page, read from the address and written to it.
 *
 * @param page      whose they are
 * @param settings  what there is to set
 */
export function addressed<S extends object>(page: string, settings: S): Writable<ValuesOf<S>> {
  const store = writable(readSettings(settings, placeOf(location.hash).params), (set) => {
    const follow = () => {
      const now = placeOf(location.hash);
      if (now.page === page) set(readSettings(settings, now.params));
    };
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  store.subscribe((values) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const now = placeOf(location.hash);
      const hash = hashOf(page, writeSettings(settings, values));
      // Parameters that another part of the page keeps there stay.
      if (now.page === page && location.hash !== hash) history.replaceState(history.state, '', hash);
    }, waitFor);
  });
  return store;
}
