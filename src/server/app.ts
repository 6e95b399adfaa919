/** The server's routes, as an application that anything may serve or mount. */
import { readFileSync } from 'node:fs';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { ApiError, asApiError } from './api-error.ts';
import { guardOrigins, requireKey, type AccessOptions } from './access.ts';
import { imagesPath } from './openai/image-answers.ts';
import { imageFileRoutes, openaiRoutes, type AddressOptions } from './openai/routes.ts';
import { clipRoutes } from './own/clip-routes.ts';
import { jobRoutes } from './own/job-routes.ts';
import { openapiDocument } from './own/openapi.ts';
import type { ServerMetrics } from './own/server-metrics.ts';
import type { Serving } from './serving.ts';

/** Options of `serverApp`. */
export interface ServerAppOptions extends AccessOptions, AddressOptions {
  /** What counts requests and tells it at `/metrics`; default nothing does. */
  readonly metrics?: ServerMetrics | undefined;
}

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/**
 * The routes over models that are served: OpenAI's images API below `/v1`, the rest below `/api`, and `/health`. Other routes,
 * such as pages, are added to what it returns.
 *
 * @example
 * import { openServing, serverApp } from 'kuosan/server';
 *
 * const models = [{ name: 'noto-32', source: 'noto-32' }];
 * const serving = await openServing({ models, device: 'auto', threads: 2, batchSize: 4, memoryBytes: 2 ** 30 });
 * const app = serverApp(serving);
 * app.get('/', (c) => c.text('hello'));
 * const { data } = await (await app.request('/v1/models')).json();
 * console.log(data[0].id); // noto-32
 * await serving.close();
 */
export function serverApp(serving: Serving, options: ServerAppOptions = {}): Hono {
  const { apiKey, metrics } = options;
  const { bodyBytes } = serving.limits;
  const app = new Hono();
  app.onError((error, c) => {
    const problem = asApiError(error);
    if (problem.retryAfter !== undefined) c.header('retry-after', String(problem.retryAfter));
    return c.json(problem.body, problem.status as 400);
  });
  app.notFound((c) => {
    throw new ApiError(404, `there is no ${c.req.method} ${c.req.path} here; /openapi.json lists what there is`, {
      code: 'not_found',
    });
  });
  if (metrics) app.use('*', metrics.middleware);
  app.use('*', ...guardOrigins(options));
  app.get('/health', (c) => c.json(healthOf(serving)));
  app.get('/openapi.json', (c) => c.json(openapiDocument({ version, hasKey: apiKey !== undefined })));
  app.route(imagesPath, imageFileRoutes(serving));
  const guarded = ['/v1/*', '/api/*', '/metrics'];
  for (const path of guarded) {
    if (apiKey !== undefined) app.use(path, requireKey(apiKey, options));
    app.use(
      path,
      bodyLimit({
        maxSize: bodyBytes,
        onError: () => {
          throw new ApiError(413, `the body is larger than ${(bodyBytes / 2 ** 20).toFixed(0)} MiB; send less`, {
            code: 'body_too_large',
          });
        },
      }),
    );
  }
  app.route('/v1', openaiRoutes(serving, options));
  app.route('/api/jobs', jobRoutes(serving));
  app.route('/api/clip', clipRoutes(serving));
  app.get('/api/models', (c) =>
    c.json({
      object: 'list',
      data: [...serving.models.values()].map((model) => ({
        ...model,
        isOpen: serving.worker.state.open.includes(model.name),
      })),
    }),
  );
  if (metrics)
    app.get('/metrics', async (c) => c.body(await metrics.text(), 200, { 'content-type': metrics.contentType }));
  return app;
}

/** What anybody may know of a server; computing never keeps it waiting. */
function healthOf({ scheduler, worker }: Serving): object {
  return {
    status: scheduler.isStopped ? 'stopping' : 'ok',
    waiting: scheduler.waiting,
    running: scheduler.running,
    worker: worker.pid === undefined ? 'ended' : 'running',
    worker_losses: worker.losses,
  };
}
