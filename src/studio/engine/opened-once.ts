/** What takes long to open is opened once; what could not be opened is tried anew. */

/** @returns what opens a thing by its key, or gives what is open */
export function openedOnce<T>(): (key: string, open: () => Promise<T>) => Promise<T> {
  const opened = new Map<string, Promise<T>>();
  return (key, open) => {
    let found = opened.get(key);
    if (!found) {
      found = open().catch((error: unknown) => {
        opened.delete(key);
        throw error;
      });
      opened.set(key, found);
    }
    return found;
  };
}
