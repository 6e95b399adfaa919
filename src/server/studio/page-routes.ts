/** The studio's files: its pages, ONNX Runtime for browsers, and the models that they open. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { Readable } from 'node:stream';
import { Hono, type Context } from 'hono';
import { webEngineFiles } from '../../runtime/web-engine-files.ts';
import { ApiError } from '../api-error.ts';

/** A model that the studio's pages can open. */
export interface StudioModel {
  /** Its folder's name below `models/`. */
  readonly name: string;
  readonly kind: 'model' | 'clip';
  /** Where it lies on this machine. */
  readonly path: string;
  /** Of its weights. */
  readonly bytes: number;
  /** Whether it is computed by the visitor's browser, or by the server because it is too large for that. */
  readonly computes: 'browser' | 'server';
  /** Its files, by their paths in its folder, so that pages ask for none that is not there. */
  readonly files?: readonly string[];
}

/** What the studio's pages find in `models/models.json`. */
export interface StudioModelIndex {
  /** Whether a server is behind the pages, or they are files on a host. */
  readonly isServed: boolean;
  readonly models: readonly Omit<StudioModel, 'path'>[];
}

/** Where the studio's files lie. */
export interface StudioPlaces {
  /** The built pages. */
  readonly pages: string;
  /** ONNX Runtime's files for browsers. */
  readonly engine: string;
  readonly models: readonly StudioModel[];
}

/** The index without the places on this machine. */
export function modelIndex(models: readonly StudioModel[], isServed: boolean): StudioModelIndex {
  return { isServed, models: models.map(({ path: _, ...model }) => model) };
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

/** The routes of the studio's files; no path leads out of their folders. */
export function pageRoutes({ pages, engine, models }: StudioPlaces): Hono {
  const engineNames = new Set<string>(Object.values(webEngineFiles).flat());
  return new Hono()
    .get('/models/models.json', (c) => c.json(modelIndex(models, true), 200, { 'cache-control': 'no-store' }))
    .get('/models/*', (c) => {
      const [, name, ...rest] = pathOf(c).split('/');
      const model = models.find((each) => each.name === name);
      // The state of a training is no part of its model.
      if (!model || rest[0] === 'training') return c.notFound();
      // Whoever made the model may have put a page into it: here it would run as one of the studio's.
      const type = extname(pathOf(c)) === '.json' ? 'application/json' : 'application/octet-stream';
      return sendFile(c, join(model.path, ...rest), type);
    })
    .get('/ort/:name', (c) => {
      const name = c.req.param('name');
      return engineNames.has(name) ? sendFile(c, join(engine, name)) : c.notFound();
    })
    .get('*', (c) => sendFile(c, join(pages, pathOf(c) || 'index.html')));
}

/**
 * The path of an address without a slash before it.
 *
 * @throws ApiError 400 if it would lead upward, or is none
 */
function pathOf(c: Context): string {
  const invalid = () => new ApiError(400, 'the address is not valid', { code: 'invalid_path' });
  let decoded;
  try {
    decoded = decodeURIComponent(new URL(c.req.url).pathname);
  } catch {
    throw invalid();
  }
  const path = normalize(decoded).replaceAll('\\', '/').replace(/^\/+/, '');
  if (path.split('/').includes('..') || path.includes('\0')) throw invalid();
  return path;
}

/**
 * A file, or 304 where the browser has it already.
 *
 * @param type  its media type; default by its name
 */
export async function sendFile(
  c: Context,
  path: string,
  type = mediaTypes[extname(path)] ?? 'application/octet-stream',
): Promise<Response> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile()) return c.notFound();
  const etag = `"${found.size.toString(36)}-${Math.round(found.mtimeMs).toString(36)}"`;
  c.header('etag', etag);
  // Built files have a hash in their names; models, pages and samples may be others tomorrow.
  c.header('cache-control', c.req.path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
  if (c.req.header('if-none-match') === etag) return c.body(null, 304);
  c.header('content-type', type);
  c.header('x-content-type-options', 'nosniff');
  c.header('content-length', String(found.size));
  if (c.req.method === 'HEAD') return c.body(null);
  return c.body(Readable.toWeb(createReadStream(path)) as ReadableStream);
}
