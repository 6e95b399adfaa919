/** Who may ask: keys, hosts, origins. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { cors } from 'hono/cors';
import { ApiError } from './api-error.ts';

/** Options of access to a server. */
export interface AccessOptions {
  /** What clients send as `Authorization: Bearer <key>`; without one everybody may ask who reaches the server. */
  readonly apiKey?: string | undefined;
  /** Whether browsers ask their user for the key, as the password of HTTP's basic authentication; default no. */
  readonly keyFromBrowsers?: boolean | undefined;
  /** Origins of pages that may ask, such as `https://example.org`, or `*`; default none but the server's own. */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Whether only requests to this machine's own names are answered; what `localhost` without a key needs. */
  readonly localOnly?: boolean | undefined;
}

/** Whether an address is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

/** @throws ApiError 401, without a key or with another */
export function requireKey(
  apiKey: string,
  { keyFromBrowsers = false }: Pick<AccessOptions, 'keyFromBrowsers'> = {},
): MiddlewareHandler {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(apiKey);
  return async (c, next) => {
    const given = givenKey(c.req.header('authorization') ?? '', keyFromBrowsers);
    if (keyFromBrowsers && (given === undefined || !timingSafeEqual(digest(given), expected)))
      c.header('www-authenticate', 'Basic realm="Kuosan: the key is the password", charset="UTF-8"');
    if (given === undefined)
      throw new ApiError(401, 'this server needs a key; send it as Authorization: Bearer <key>', {
        code: 'missing_api_key',
      });
    // Of equal length and in constant time: an answer's time says nothing about the key.
    if (!timingSafeEqual(digest(given), expected))
      throw new ApiError(401, 'the key is not the one of this server', { code: 'invalid_api_key' });
    await next();
  };
}

/** The key that a request carries. */
function givenKey(authorization: string, basic: boolean): string | undefined {
  const [, key] = /^Bearer (.+)$/i.exec(authorization) ?? [];
  if (key !== undefined || !basic) return key;
  const [, encoded] = /^Basic (.+)$/i.exec(authorization) ?? [];
  return encoded === undefined
    ? undefined
    : Buffer.from(encoded, 'base64')
        .toString('utf8')
        .replace(/^[^:]*:/, '');
}

/**
 * Keeps out pages of other origins: a browser sends their forms without asking, and a name that is pointed at this machine
 * (DNS rebinding) makes them the server's own.
 */
export function guardOrigins({ corsOrigins = [], localOnly = false }: AccessOptions): MiddlewareHandler[] {
  const isAllowed = (origin: string, c: Context) =>
    corsOrigins.includes('*') || corsOrigins.includes(origin) || hostOf(origin) === (c.req.header('host') ?? '');
  const guard: MiddlewareHandler = async (c, next) => {
    const host = (c.req.header('host') ?? '').replace(/:\d+$/, '');
    if (localOnly && !isLoopback(host))
      throw new ApiError(
        403,
        `host ${JSON.stringify(host.slice(0, 100))}: this server answers to localhost alone; start it with --host and a key to serve others`,
        { code: 'host_not_allowed' },
      );
    const origin = c.req.header('origin');
    if (origin !== undefined && !isAllowed(origin, c))
      throw new ApiError(
        403,
        `origin ${JSON.stringify(origin.slice(0, 100))}: pages from there may not ask this server; start it with --cors ${origin.slice(0, 100)}`,
        { code: 'origin_not_allowed' },
      );
    await next();
  };
  if (corsOrigins.length === 0) return [guard];
  return [cors({ origin: corsOrigins.includes('*') ? '*' : [...corsOrigins], maxAge: 600 }), guard];
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}
