/** Work that waits until the browser has nothing else to do. */

/** A page that always has something to do gets on, too. In milliseconds. */
const patience = 200;

/** Waits until the page is idle. */
export function idle(): Promise<void> {
  return new Promise((resolve) => {
    // Safari has none.
    if (typeof requestIdleCallback === 'undefined') setTimeout(resolve);
    else requestIdleCallback(() => resolve(), { timeout: patience });
  });
}
