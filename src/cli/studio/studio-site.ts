/** What the studio's server answers, as a function from a request to a response. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { Readable } from 'node:stream';
import { webEngineFiles } from '../../runtime/web-engine-files.ts';
import { isolation } from '../static-site.ts';
import { modelIndex, type StudioModel } from './studio-models.ts';

/** Where the studio's files lie. */
export interface StudioPlaces {
  /** The built pages. */
  readonly pages: string;
  /** ONNX Runtime's files for browsers. */
  readonly engine: string;
  readonly models: readonly StudioModel[];
}

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.woff2': 'font/woff2',
};

/** Answers requests for the studio's files; no path leads out of their folders. */
export function studioSite({ pages, engine, models }: StudioPlaces): (request: Request) => Promise<Response> {
  const engineNames = new Set<string>(Object.values(webEngineFiles).flat());
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return said(405, 'only GET and HEAD are answered here');
    const path = decodedPath(request.url);
    if (path === undefined) return said(400, 'the address is not valid');
    if (path === 'models/models.json') return json(modelIndex(models));
    const [first, second = '', ...rest] = path.split('/');
    if (first === 'ort') return engineNames.has(second) ? file(join(engine, second), request) : said(404, 'not found');
    if (first === 'models') {
      const model = models.find(({ name }) => name === second);
      return model ? file(join(model.path, ...rest), request) : said(404, 'not found');
    }
    return file(join(pages, path === '' ? 'index.html' : path), request);
  };
}

/** The path of an address without a slash before it; undefined if it would lead upward. */
function decodedPath(url: string): string | undefined {
  try {
    const path = normalize(decodeURIComponent(new URL(url).pathname))
      .replaceAll('\\', '/')
      .replace(/^\/+/, '');
    return path.split('/').includes('..') || path.includes('\0') ? undefined : path;
  } catch {
    return undefined;
  }
}

function said(status: number, text: string): Response {
  return new Response(`${text}\n`, { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...isolation } });
}

/** A value that changes, as JSON. */
export function json(value: unknown): Response {
  return Response.json(value, { headers: { 'cache-control': 'no-store', ...isolation } });
}

async function file(path: string, request: Request): Promise<Response> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return said(404, 'not found');
  const headers = {
    'content-type': mediaTypes[extname(path)] ?? 'application/octet-stream',
    'content-length': String(found.size),
    // Built files have a hash in their names; models and pages may be others tomorrow.
    'cache-control': /\/assets\/[^/]+$/.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
    'last-modified': found.mtime.toUTCString(),
    ...isolation,
  };
  if (request.method === 'HEAD') return new Response(null, { headers });
  return new Response(Readable.toWeb(createReadStream(path)) as ReadableStream, { headers });
}
