/** The server behind the studio, where there is one: `kuosan studio` has it, pages on a static host have none. */
import { isServed } from './studio-models.ts';

/** There is no server behind the pages: they are files on a host. */
export class NoServer extends Error {}

/**
 * Asks the server.
 *
 * @param path  below the studio's own address: `api/runs`
 * @throws NoServer where only files are served; the server's own line where it refuses; `TypeError` where nobody answers
 */
export async function askServer(path: string, init: RequestInit = {}): Promise<Response> {
  if (!(await isServed())) throw new NoServer(path);
  const response = await fetch(`./${path}`, { cache: 'no-store', ...init });
  if (response.ok || response.status === 304) return response;
  const { error } = (await response.json().catch(() => ({}))) as { readonly error?: { readonly message: string } };
  throw new Error(error?.message ?? `${path}: ${response.status} ${response.statusText}`);
}
