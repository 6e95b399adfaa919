/** Where models lie. */

/** A model next to the studio by its name, or one on another host by its address, which has to allow it (CORS). */
export function modelAddress(name: string): URL {
  return /^https?:\/\//.test(name) ? new URL(name) : new URL(`models/${name}`, document.baseURI);
}
