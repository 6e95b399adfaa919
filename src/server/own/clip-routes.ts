/** What a CLIP answers: which label fits an image, embeddings, the images nearest to a text. */
import { Hono, type Context } from 'hono';
import { float32 } from '../../core/index.ts';
import { rank } from '../../pipelines/index.ts';
import { badRequest } from '../api-error.ts';
import type { ClipAnswer, ClipCall } from '../compute/messages.ts';
import { readBody } from '../read-body.ts';
import { checkImage } from '../read-images.ts';
import { classifySchema, embedSchema, searchSchema } from '../request-schemas.ts';
import { clipModel, type Serving } from '../serving.ts';

/** The most images of one request to a CLIP. */
const mostImages = 64;

/** The routes below `/api/clip`. */
export function clipRoutes(serving: Serving): Hono {
  const ask = (c: Context, model: string, call: ClipCall): Promise<ClipAnswer> =>
    serving.scheduler.askClip(model, call, c.req.raw.signal);
  const checkAll = async (images: readonly Uint8Array[]): Promise<void> => {
    if (images.length > mostImages)
      throw badRequest(`image: at most ${mostImages} images a request, got ${images.length}`, 'image');
    for (const image of images) await checkImage(image, 'image', serving.limits.inputPixels);
  };
  return new Hono()
    .post('/classify', async (c) => {
      const { params, images } = await readBody(c, classifySchema);
      const { name } = clipModel(serving, params.model);
      await checkAll(images);
      const { labels, templates, top } = params;
      const answer = await ask(c, name, {
        task: 'classify',
        images,
        labels,
        templates: templates ?? undefined,
        top: top ?? undefined,
      });
      const data = answer.labels!.map((ranked, index) => ({
        index,
        labels: ranked.map(({ label, probability, cosine }) => ({ label, probability, cosine })),
      }));
      return c.json({ object: 'list', model: name, data });
    })
    .post('/embed', async (c) => {
      const { params, images } = await readBody(c, embedSchema);
      const { name } = clipModel(serving, params.model);
      const texts = params.texts ?? [];
      if (images.length + texts.length === 0)
        throw badRequest('there is nothing to embed; send image or texts', 'texts');
      await checkAll(images);
      const { embeddings } = await ask(c, name, { task: 'embed', images, texts });
      const data = embeddings!.map((embedding, index) => ({
        object: 'embedding',
        index,
        of: index < images.length ? 'image' : 'text',
        embedding: [...embedding],
      }));
      return c.json({ object: 'list', model: name, data });
    })
    .post('/search', async (c) => {
      const { params, images } = await readBody(c, searchSchema);
      const { name } = clipModel(serving, params.model);
      const { query, embeddings: known } = params;
      if (images.length > 0 === Boolean(known))
        throw badRequest('send either the images to search as image, or their embeddings', 'image');
      await checkAll(images);
      const { embeddings } = await ask(c, name, { task: 'embed', images, texts: [query] });
      const question = embeddings!.at(-1)!;
      const rows = known ?? embeddings!.slice(0, -1);
      if (rows.some(({ length }) => length !== question.length))
        throw badRequest(`embeddings: expected ${question.length} numbers each, as ${name} has them`, 'embeddings');
      const matrix = float32([rows.length, question.length]);
      for (const [i, row] of rows.entries()) matrix.data.set(row, i * question.length);
      const [found] = rank(float32([1, question.length], question), matrix, params.top ?? 10);
      return c.json({ object: 'list', model: name, data: found });
    });
}
