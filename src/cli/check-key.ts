import { isLoopback } from '../server/index.ts';
import { UsageError } from './options.ts';

/** Who reaches a server, and what they have to know. */
export interface KeyOptions {
  readonly host: string;
  readonly apiKey?: string | undefined;
}

/** @throws UsageError if others reach the server and need no key */
export function checkKey({ host, apiKey }: KeyOptions): void {
  if (apiKey !== undefined && apiKey.trim() === '')
    throw new UsageError('--api-key: is empty; give a key, or leave it out to serve this machine alone');
  if (apiKey === undefined && !isLoopback(host))
    throw new UsageError(
      `--host ${host}: others reach the server there, so it needs a key: --api-key, or KUOSAN_API_KEY in the environment`,
    );
}
