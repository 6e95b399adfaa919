/** The studio's server: its pages, the runs of a folder, and the API over its models, as one application. */
import { Hono } from 'hono';
import { ApiError, asApiError } from '../api-error.ts';
import { guardOrigins, requireKey, type AccessOptions } from '../access.ts';
import { isolation } from './isolation.ts';
import { pageRoutes, type StudioPlaces } from './page-routes.ts';
import { runRoutes } from './run-routes.ts';

/** Options of `studioApp`. */
export interface StudioAppOptions extends StudioPlaces, Pick<AccessOptions, 'apiKey' | 'localOnly'> {
  /** The folder whose runs are shown; it need not be there yet. */
  readonly runs: string;
  /** What computes on this machine: `serverApp` over the models. Asked for with every request, so that it may open them late. */
  readonly api: () => Promise<Hono>;
  /** Whether `api` has opened them. */
  readonly isOpen: () => boolean;
}

/** What `serverApp` answers, next to the pages. */
const apiPaths = ['/v1/*', '/api/*', '/health', '/openapi.json'];

/**
 * The routes of the studio. With a key, browsers ask the visitor for it: it is the password, under any name.
 * What `api` throws becomes the answer to the request that asked.
 */
export function studioApp({ runs, api, isOpen, apiKey, localOnly, ...places }: StudioAppOptions): Hono {
  const app = new Hono();
  app.onError((error, c) => {
    const problem = asApiError(error);
    return c.json(problem.body, problem.status as 400);
  });
  app.notFound((c) => {
    throw new ApiError(404, `there is no ${c.req.path} here`, { code: 'not_found' });
  });
  app.use('*', async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(isolation)) c.header(name, value);
  });
  app.use('*', ...guardOrigins({ localOnly }));
  if (apiKey !== undefined) app.use('*', requireKey(apiKey, { keyFromBrowsers: true }));
  app.route('/api', runRoutes(runs));
  // Whoever asks how the server is opens no models.
  app.get('/health', async (c, next) => {
    if (isOpen()) return next();
    return c.json({ status: 'ok', waiting: 0, running: 0, worker: 'ended', worker_losses: 0 });
  });
  for (const path of apiPaths) app.all(path, async (c) => (await api()).fetch(c.req.raw, c.env as object));
  app.all('*', async (c, next) => {
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD')
      throw new ApiError(405, 'only GET and HEAD are answered here', { code: 'method_not_allowed' });
    await next();
  });
  app.route('/', pageRoutes(places));
  return app;
}
