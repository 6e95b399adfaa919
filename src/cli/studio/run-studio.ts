import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describeSystemError } from '../../files/system-reason.ts';
import { quoteWord } from '../../formats/quote.ts';
import { webEngineFolder } from '../../runtime/web-engine-files.ts';
import { builtSite } from '../static-site.ts';
import { studioModels } from './studio-models.ts';
import { studioSite } from './studio-site.ts';
import { writeStudio } from './write-studio.ts';

/** The options of `kuosan studio`. */
export interface StudioOptions {
  readonly static?: string;
  readonly force: boolean;
  readonly model?: readonly string[];
  readonly runs: string;
  readonly host: string;
  readonly port: number;
}

export async function runStudio({ static: folder, force, model = [], host, port }: StudioOptions): Promise<void> {
  const models = await studioModels(model);
  if (folder !== undefined) {
    const bytes = await writeStudio(folder, models, force);
    process.stdout.write(
      `${folder}: the studio, ${(bytes / 1e6).toFixed(1)} MB with ${models.map(({ name }) => name).join(', ')}; try it with npx serve ${quoteWord(folder)}\n`,
    );
    return;
  }
  const answer = studioSite({ pages: builtSite('web-studio'), engine: webEngineFolder(), models });
  const server = createServer((request, response) => {
    respond(answer, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', (error) => {
      failed(
        new Error(`studio: cannot listen at ${host}:${port} (${describeSystemError(error)}); take another --port`),
      );
    });
    server.listen(port, host, listening);
  });
  const { port: taken } = server.address() as AddressInfo;
  process.stdout.write(
    `The studio is at http://${host.includes(':') ? `[${host}]` : host}:${taken}/ (Ctrl+C ends it)\n`,
  );
  await new Promise<void>((closed) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        server.closeAllConnections();
        server.close(() => closed());
      });
  });
}

/** Node's request as the platform's, and its response back. */
async function respond(
  answer: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const request = new Request(new URL(incoming.url ?? '/', 'http://studio'), { method: incoming.method ?? 'GET' });
  const { status, headers, body } = await answer(request);
  outgoing.writeHead(status, Object.fromEntries(headers));
  if (body) await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), outgoing);
  else outgoing.end();
}
