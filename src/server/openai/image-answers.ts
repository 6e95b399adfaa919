/** Answers of the images API, whole and as events. */
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import { asApiError } from '../api-error.ts';
import type { ImageJob } from '../compute/image-job.ts';
import { imageModel, type Serving } from '../serving.ts';

/** How a client wants its images. */
export interface AnswerOptions {
  readonly format: 'url' | 'b64_json';
  /** Before the paths of images. */
  readonly baseUrl: string;
}

/** Where an image of `response_format: url` lies. */
export const imagesPath = '/v1/images/files';

/** Images as OpenAI's `ImagesResponse`, with what it has no place for behind: seeds and notes. */
export function imagesAnswer(
  serving: Serving,
  job: ImageJob,
  images: readonly Uint8Array[],
  { format, baseUrl }: AnswerOptions,
): Readonly<Record<string, unknown>> {
  const { ids, model, output } = job.spec;
  return {
    created: Math.floor(job.created / 1000),
    data: images.map((bytes, i) => ({
      ...(format === 'b64_json'
        ? { b64_json: base64(bytes) }
        : { url: `${baseUrl}${imagesPath}/${serving.images.add({ bytes, format: output.format })}` }),
      ...ids[i]!,
    })),
    output_format: output.format,
    size: sizeText(serving, job),
    model,
    notes: [...job.notes],
  };
}

/** Width and height as OpenAI writes them. */
function sizeText(serving: Serving, { spec: { model, output } }: ImageJob): string {
  const [, height, width] = imageModel(serving, model).shape;
  const [w, h] = output.size ?? [width, height];
  return `${w}x${h}`;
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** The image as it is here: what the models of OpenAI choose, these do not. */
const fixed = { background: 'opaque', quality: 'auto' };

/** Nothing is counted in tokens. */
const usage = {
  input_tokens: 0,
  input_tokens_details: { image_tokens: 0, text_tokens: 0 },
  output_tokens: 0,
  total_tokens: 0,
};

/**
 * Images as server-sent events: `<kind>.partial_image` for previews, `<kind>.completed` for each image, `error` at the end if
 * something goes wrong. When the client leaves, the job is cancelled.
 */
export function imagesStream(
  c: Context,
  serving: Serving,
  job: ImageJob,
  kind: 'image_generation' | 'image_edit',
): Response {
  const { ids, output } = job.spec;
  const facts = { ...fixed, size: sizeText(serving, job), output_format: output.format };
  return streamSSE(c, async (stream) => {
    stream.onAbort(() => job.cancel('the client has left'));
    const send = (event: string, data: object) =>
      stream.writeSSE({ event, data: JSON.stringify({ type: event, ...data }) });
    for await (const event of job.events()) {
      const created_at = Math.floor(Date.now() / 1000);
      if (event.type === 'preview')
        await send(`${kind}.partial_image`, {
          b64_json: base64(event.bytes),
          partial_image_index: event.number,
          created_at,
          ...facts,
          ...ids[event.image]!,
        });
      else if (event.type === 'image')
        await send(`${kind}.completed`, {
          b64_json: base64(event.bytes),
          created_at,
          ...facts,
          usage,
          ...ids[event.image]!,
          notes: [...job.notes],
        });
      else if (event.type === 'failed')
        await stream.writeSSE({ event: 'error', data: JSON.stringify(asApiError(event.error).body) });
    }
  });
}
