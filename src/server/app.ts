/** The server's routes, as an application that anything may serve or mount. */
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { ApiError, asApiError } from './api-error.ts';
import { guardOrigins, requireKey, type AccessOptions } from './access.ts';
import { imagesPath } from './openai/image-answers.ts';
import { imageFileRoutes, openaiRoutes, type AddressOptions } from './openai/routes.ts';
import type { Serving } from './serving.ts';

/** Options of `serverApp`. */
export interface ServerAppOptions extends AccessOptions, AddressOptions {}

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
  const { apiKey } = options;
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
  app.use('*', ...guardOrigins(options));
  app.get('/health', (c) => c.json({ status: 'ok' }));
  app.route(imagesPath, imageFileRoutes(serving));
  const guarded = ['/v1/*', '/api/*', '/metrics'];
  for (const path of guarded) {
    if (apiKey !== undefined) app.use(path, requireKey(apiKey));
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
  return app;
}
