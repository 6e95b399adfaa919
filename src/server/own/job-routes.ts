/** Jobs: images that a client asks for, watches, comes back to and cancels. */
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { ApiError } from '../api-error.ts';
import type { ImageJob, JobEvent } from '../compute/image-job.ts';
import { imageSpec } from '../image-spec.ts';
import { imageResponse } from '../openai/routes.ts';
import { readBody } from '../read-body.ts';
import { jobSchema } from '../request-schemas.ts';
import type { Serving } from '../serving.ts';
import { JobStore, type NamedJob } from './job-store.ts';

/** The routes below `/api/jobs`. */
export function jobRoutes(serving: Serving): Hono {
  const store = new JobStore(serving.limits);
  const find = (id: string): ImageJob => {
    const job = store.get(id);
    if (!job)
      throw new ApiError(404, `there is no job ${JSON.stringify(id.slice(0, 100))}, or not any more`, {
        code: 'job_not_found',
      });
    return job;
  };
  return new Hono()
    .post('/', async (c) => {
      const body = await readBody(c, jobSchema);
      const wish = body.images.length > 0 ? 'edit' : 'generate';
      const job = serving.scheduler.submit(await imageSpec(serving, wish, body));
      const named = store.add(job);
      c.header('location', `/api/jobs/${named.id}`);
      return c.json(jobObject(named), 202);
    })
    .get('/', (c) => c.json({ object: 'list', data: store.list().map(jobObject) }))
    .get('/:id', (c) => c.json(jobObject({ id: c.req.param('id'), job: find(c.req.param('id')) })))
    .delete('/:id', (c) => {
      const job = find(c.req.param('id'));
      job.cancel();
      return c.json(jobObject({ id: c.req.param('id'), job }));
    })
    .get('/:id/images/:number', (c) => {
      const job = find(c.req.param('id'));
      const bytes = /^\d+$/.test(c.req.param('number')) ? job.images[Number(c.req.param('number'))] : undefined;
      if (!bytes) throw new ApiError(404, `there is no such image, or not yet; the job is ${job.status}`);
      return imageResponse({ bytes, format: job.spec.output.format });
    })
    .get('/:id/events', (c) => {
      const id = c.req.param('id');
      const job = find(id);
      return streamSSE(c, async (stream) => {
        // Who stops watching does not cancel.
        const controller = new AbortController();
        stream.onAbort(() => controller.abort());
        try {
          for await (const event of job.events(controller.signal))
            await stream.writeSSE({ event: event.type, data: JSON.stringify(eventObject({ id, job }, event)) });
        } catch (error) {
          if (!controller.signal.aborted) throw error;
        }
      });
    });
}

/** A job as clients see it. */
function jobObject({ id, job }: NamedJob): Readonly<Record<string, unknown>> {
  const { spec, status, created, ended, share, error, notes, images } = job;
  return {
    id,
    object: 'job',
    status,
    model: spec.model,
    created_at: Math.floor(created / 1000),
    ended_at: ended === undefined ? null : Math.floor(ended / 1000),
    progress: share,
    images: spec.ids.map((sample, i) => ({ ...sample, url: images[i] ? `/api/jobs/${id}/images/${i}` : null })),
    notes: [...notes],
    error: error?.body.error ?? null,
  };
}

function eventObject(named: NamedJob, event: JobEvent): Readonly<Record<string, unknown>> {
  switch (event.type) {
    case 'progress': {
      const { stage, step, steps, images, share } = event;
      return { stage, step, steps, images, progress: share };
    }
    case 'preview':
      return { image: event.image, number: event.number, b64_json: Buffer.from(event.bytes).toString('base64') };
    case 'image':
      return { image: event.image, url: `/api/jobs/${named.id}/images/${event.image}` };
    case 'completed':
    case 'failed':
      return jobObject(named);
  }
}
