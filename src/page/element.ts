/**
 * The element of an id in the page.
 *
 * @throws if there is none of that kind: the page and its program are of different versions
 */
export function element<T extends Element>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`internal: the page has no ${kind.name} #${id}`);
  return found;
}
