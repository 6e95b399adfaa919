/** OpenAI's images API: generations, edits, variations, models. */
import { Hono, type Context } from 'hono';
import { ApiError } from '../api-error.ts';
import type { ImageJob } from '../compute/image-job.ts';
import { imageSpec, type ImageWish } from '../image-spec.ts';
import type { KeptImage } from '../kept-images.ts';
import { readBody } from '../read-body.ts';
import { editSchema, generationSchema, variationSchema } from '../request-schemas.ts';
import type { ServedModel } from '../compute/messages.ts';
import type { Serving } from '../serving.ts';
import { imagesAnswer, imagesStream } from './image-answers.ts';

/** Options of routes whose answers name addresses. */
export interface AddressOptions {
  /** Where clients reach the server, for one behind a proxy; default as each request has reached it. */
  readonly publicUrl?: string | undefined;
}

const schemas = { generate: generationSchema, edit: editSchema, vary: variationSchema } as const;

/** The routes below `/v1`. */
export function openaiRoutes(serving: Serving, { publicUrl }: AddressOptions): Hono {
  const app = new Hono();
  const images = (wish: ImageWish) => async (c: Context) => {
    const body = await readBody(c, schemas[wish]);
    const { stream, response_format } = body.params as {
      stream?: boolean | null;
      response_format?: 'url' | 'b64_json';
    };
    const job = serving.scheduler.submit(await imageSpec(serving, wish, body));
    if (stream) return imagesStream(c, serving, job, wish === 'edit' ? 'image_edit' : 'image_generation');
    const made = await resultFor(c, job);
    const baseUrl = publicUrl ?? new URL(c.req.url).origin;
    return c.json(imagesAnswer(serving, job, made, { format: response_format ?? 'url', baseUrl }));
  };
  app.post('/images/generations', images('generate'));
  app.post('/images/edits', images('edit'));
  app.post('/images/variations', images('vary'));
  app.get('/models', (c) => c.json({ object: 'list', data: [...serving.models.values()].map(modelObject) }));
  app.get('/models/:name', (c) => {
    const name = c.req.param('name');
    const found = serving.models.get(name);
    if (!found) throw new ApiError(404, `there is no model ${JSON.stringify(name)} here`, { code: 'model_not_found' });
    return c.json(modelObject(found));
  });
  return app;
}

const modelObject = ({ name, created }: ServedModel) => ({ id: name, object: 'model', created, owned_by: 'kuosan' });

/** The images of a job; when the client leaves before, the job is cancelled. */
async function resultFor(c: Context, job: ImageJob): Promise<readonly Uint8Array[]> {
  const { signal } = c.req.raw;
  const leave = () => job.cancel('the client has left');
  signal.addEventListener('abort', leave, { once: true });
  if (signal.aborted) leave();
  try {
    return await job.result();
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** An image file as an answer. */
export function imageResponse({ bytes, format }: KeptImage): Response {
  return new Response(Uint8Array.from(bytes), {
    headers: { 'content-type': `image/${format}`, 'x-content-type-options': 'nosniff' },
  });
}

/** Images of `response_format: url`: their names are the key, as OpenAI's addresses are signed. */
export function imageFileRoutes(serving: Serving): Hono {
  return new Hono().get('/:name', (c) => {
    const kept = serving.images.get(c.req.param('name'));
    if (!kept) throw new ApiError(404, 'there is no such image, or not any more; generate it again from its seed');
    return imageResponse(kept);
  });
}
