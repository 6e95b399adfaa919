/** Choices that a browser keeps. */
import { writable, type Writable } from 'svelte/store';

/**
 * A choice that is kept from visit to visit, where the browser keeps anything.
 *
 * @param key      under which it is kept
 * @param choices  what it may be; anything else that is kept there is forgotten
 */
export function remembered<T extends string>(key: string, choices: readonly T[], otherwise: T): Writable<T> {
  const store = writable<T>(choices.find((choice) => choice === kept(key)) ?? otherwise);
  let first = true;
  store.subscribe((value) => {
    if (!first) keep(key, value);
    first = false;
  });
  return store;
}

function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Some browsers keep nothing for some pages; the choice then holds until the page is closed.
  }
}
