/** A server that listens. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import type { ServerLimits } from './limits.ts';

/** Where a server listens. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The command that a problem names; default serve. */
  readonly command?: string | undefined;
}

/** A server that listens. */
export interface StartedServer {
  readonly url: string;
  readonly port: number;
  /** Takes no new connections, and resolves when those there are have ended. */
  close(): Promise<void>;
  /** Ends the connections that there still are. */
  cut(): void;
}

/**
 * Serves an application.
 *
 * @throws one line if the port is in use, or may not be listened at
 */
export async function startServer(
  app: Hono,
  { host, port, command }: ListenOptions,
  { sendSeconds, connections }: Pick<ServerLimits, 'sendSeconds' | 'connections'>,
): Promise<StartedServer> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    createServer,
    serverOptions: {
      // Who sends a byte a second holds a connection no longer than this, and memory neither.
      requestTimeout: sendSeconds * 1000,
      headersTimeout: Math.min(sendSeconds, 10) * 1000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 5000,
    },
  }) as Server;
  server.maxConnections = connections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenProblem(error, { host, port, command })));
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shown}:${address.port}`,
    port: address.port,
    async close() {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      server.closeIdleConnections();
      await closed;
    },
    cut: () => server.closeAllConnections(),
  };
}

function listenProblem(error: NodeJS.ErrnoException, { host, port, command = 'serve' }: ListenOptions): Error {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: 'is in use; stop what listens there, or take another with --port (0 takes a free one)',
    EACCES: 'may not be listened at by this user; take one above 1023 with --port',
    EADDRNOTAVAIL: 'is no address of this machine; take another with --host',
    ENOTFOUND: 'is no address of this machine; take another with --host',
  };
  const reason = reasons[error.code ?? ''] ?? error.message;
  return new Error(`${command}: ${host}:${port} ${reason}`, { cause: error });
}
