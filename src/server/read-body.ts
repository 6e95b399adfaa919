/** Bodies of requests: JSON, or a form with files. */
import type { Context } from 'hono';
import type { z } from 'zod';
import { badRequest, ApiError } from './api-error.ts';
import { parseParams, typedFields } from './request-schemas.ts';

/** What a request says, and the image files that came with it. */
export interface RequestBody<Params> {
  readonly params: Params;
  /** The files of `image`, in their order. */
  readonly images: readonly Uint8Array[];
  readonly mask?: Uint8Array | undefined;
}

/** What stands in the parameters in the place of a file of a form. */
const fileMark = '(file)';

/**
 * Reads the body of a request.
 *
 * @throws ApiError 400 if it is neither JSON nor a form, or does not fit the schema; 415 for another type
 */
export async function readBody<S extends z.ZodObject>(c: Context, schema: S): Promise<RequestBody<z.output<S>>> {
  const type = c.req.header('content-type') ?? '';
  if (/^multipart\/form-data/i.test(type)) return readForm(c, schema);
  if (type !== '' && !/^application\/(?:[\w.+-]+\+)?json/i.test(type))
    throw new ApiError(415, `content-type ${JSON.stringify(type)}: send application/json or multipart/form-data`);
  let value: unknown;
  try {
    value = await c.req.json();
  } catch (error) {
    throw unreadable(error, 'the body is no JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('the body: expected a JSON object');
  const given = withImagesNamed(value as Record<string, unknown>);
  const params = parseParams(schema, given);
  const { image, mask } = params as { readonly image?: string | string[] | null; readonly mask?: string | null };
  return {
    params,
    images: image ? [image].flat().map((text) => bytesOf(text, 'image')) : [],
    ...(mask && { mask: bytesOf(mask, 'mask') }),
  };
}

/** A newer JSON form of OpenAI's edits: `images: [{ image_url }]`, `mask: { image_url }`. */
function withImagesNamed({ images, mask, ...rest }: Record<string, unknown>): Record<string, unknown> {
  const urlOf = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && 'image_url' in value ? value.image_url : value;
  return {
    ...rest,
    ...(mask !== undefined && { mask: urlOf(mask) }),
    ...(images !== undefined && { image: Array.isArray(images) ? images.map(urlOf) : images }),
  };
}

/** The bytes of base64, or of a data URL. */
function bytesOf(text: string, param: string): Uint8Array {
  if (/^https?:/i.test(text))
    throw badRequest(
      `${param}: the server fetches nothing from other addresses; send the file itself, as a form, as base64 or as a data URL`,
      param,
    );
  const [, data = text] = /^data:[\w/+.-]*;base64,(.*)$/s.exec(text) ?? [];
  if (!/^[A-Za-z0-9+/_=\s-]*$/.test(data)) throw badRequest(`${param}: is no base64`, param);
  return Buffer.from(data, 'base64');
}

async function readForm<S extends z.ZodObject>(c: Context, schema: S): Promise<RequestBody<z.output<S>>> {
  let form: FormData;
  try {
    form = await c.req.formData();
  } catch (error) {
    throw unreadable(error, 'the body is no multipart form');
  }
  const { numbers, booleans, lists } = typedFields(schema);
  const given: Record<string, unknown> = {};
  const images: Uint8Array[] = [];
  let mask: Uint8Array | undefined;
  for (const [key, value] of form) {
    // Lists come as `image[]` from some clients, and as `image` several times from others.
    const name = key.replace(/\[\d*\]$/, '');
    if (typeof value !== 'string') {
      if (name !== 'image' && name !== 'mask')
        throw badRequest(`${name}: is a file; files are called image and mask`, name, 'unknown_parameter');
      const bytes = new Uint8Array(await value.arrayBuffer());
      if (name === 'mask') mask = bytes;
      else images.push(bytes);
      given[name] = fileMark;
      continue;
    }
    if (name === 'image' || name === 'mask')
      throw badRequest(
        `${name}: expected a file in the form, got a text; curl sends one with -F ${name}=@file.png`,
        name,
      );
    const typed = numbers.has(name) ? numberOr(value) : booleans.has(name) ? booleanOr(value) : value;
    const before = given[name];
    given[name] = lists.has(name) && (before !== undefined || key !== name) ? [before ?? [], typed].flat() : typed;
  }
  return { params: parseParams(schema, given), images, mask };
}

const numberOr = (text: string): unknown => (/^-?\d+(?:\.\d+)?(?:e-?\d+)?$/i.test(text.trim()) ? Number(text) : text);
const booleanOr = (text: string): unknown => ({ true: true, false: false })[text.trim().toLowerCase()] ?? text;

/** A body that was too large was refused while it was read: that error is the one to tell. */
function unreadable(error: unknown, what: string): Error {
  if (error instanceof ApiError) return error;
  if (error instanceof Error && error.name === 'BodyLimitError') return error;
  return badRequest(what);
}
