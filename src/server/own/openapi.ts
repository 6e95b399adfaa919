/** The OpenAPI document: what there is to ask, made of the schemas that check it. */
import { z } from 'zod';
import {
  classifySchema,
  editSchema,
  embedSchema,
  generationSchema,
  jobSchema,
  searchSchema,
  variationSchema,
} from '../request-schemas.ts';

/** A route of the document. */
interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  /** With `{name}` for what varies. */
  readonly path: string;
  readonly summary: string;
  readonly request?: z.ZodObject;
  /** What comes back: the type, and what it holds. */
  readonly answer: readonly [type: string, description: string];
  readonly status?: number;
  /** Whether it is answered without a key. */
  readonly isOpen?: boolean;
}

const json = 'application/json';
const events = 'text/event-stream';

/** All of them; a test compares them with the routes there are. */
export const operations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/images/generations',
    summary: 'Generate images',
    request: generationSchema,
    answer: [json, "OpenAI's ImagesResponse; with `stream`, server-sent events"],
  },
  {
    method: 'post',
    path: '/v1/images/edits',
    summary: 'Change an image, or the part of it under a mask, or enlarge it',
    request: editSchema,
    answer: [json, "OpenAI's ImagesResponse; with `stream`, server-sent events"],
  },
  {
    method: 'post',
    path: '/v1/images/variations',
    summary: 'Generate images that are like an image',
    request: variationSchema,
    answer: [json, "OpenAI's ImagesResponse"],
  },
  {
    method: 'get',
    path: '/v1/images/files/{name}',
    summary: 'An image of `response_format: url`',
    answer: ['image/*', 'The image file'],
    isOpen: true,
  },
  { method: 'get', path: '/v1/models', summary: 'The models', answer: [json, "OpenAI's list of models"] },
  { method: 'get', path: '/v1/models/{name}', summary: 'A model', answer: [json, "OpenAI's Model"] },
  {
    method: 'get',
    path: '/api/models',
    summary: 'The models with what they take, and how they are sampled when nobody says',
    answer: [json, 'A list'],
  },
  {
    method: 'post',
    path: '/api/jobs',
    summary: 'Begin to generate images, or to edit one if there is an image',
    request: jobSchema,
    answer: [json, 'The job'],
    status: 202,
  },
  { method: 'get', path: '/api/jobs', summary: 'The jobs, the newest first', answer: [json, 'A list of jobs'] },
  { method: 'get', path: '/api/jobs/{id}', summary: 'A job', answer: [json, 'The job'] },
  { method: 'delete', path: '/api/jobs/{id}', summary: 'Cancel a job', answer: [json, 'The job'] },
  {
    method: 'get',
    path: '/api/jobs/{id}/events',
    summary: 'What happens to a job, to its end',
    answer: [events, '`progress` (stage, step), `preview` (x̂_0), `image`, and `completed` or `failed`'],
  },
  {
    method: 'get',
    path: '/api/jobs/{id}/images/{number}',
    summary: 'An image of a job',
    answer: ['image/*', 'The image file'],
  },
  {
    method: 'post',
    path: '/api/clip/classify',
    summary: 'Which label fits an image',
    request: classifySchema,
    answer: [json, 'The labels of each image with their probabilities, best first'],
  },
  {
    method: 'post',
    path: '/api/clip/embed',
    summary: 'Embeddings of images and texts',
    request: embedSchema,
    answer: [json, 'Unit vectors, images before texts'],
  },
  {
    method: 'post',
    path: '/api/clip/search',
    summary: 'The images nearest to a text',
    request: searchSchema,
    answer: [json, 'Their numbers with the cosines, nearest first'],
  },
  { method: 'get', path: '/metrics', summary: 'Counts for Prometheus', answer: ['text/plain', 'Its text format'] },
  {
    method: 'get',
    path: '/health',
    summary: 'Whether the server answers, and what waits',
    answer: [json, 'The state'],
    isOpen: true,
  },
  { method: 'get', path: '/openapi.json', summary: 'This document', answer: [json, 'OpenAPI 3.1'], isOpen: true },
];

const errorSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['message', 'type', 'param', 'code'],
      properties: {
        message: { type: 'string', description: 'What is wrong and what to do, in a line.' },
        type: { type: 'string' },
        param: { type: ['string', 'null'], description: 'The parameter that is wrong.' },
        code: { type: ['string', 'null'] },
      },
    },
  },
};

/** The document, OpenAPI 3.1. */
export function openapiDocument({
  version,
  hasKey,
}: {
  readonly version: string;
  readonly hasKey: boolean;
}): Readonly<Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations)
    (paths[operation.path] ??= {})[operation.method] = operationObject(operation, hasKey);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Kuosan',
      version,
      description: "Diffusion models by OpenAI's images API, and more.",
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { Error: errorSchema },
      ...(hasKey && { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } }),
    },
  };
}

function operationObject(
  { method, path, summary, request, answer: [type, description], status = 200, isOpen }: Operation,
  hasKey: boolean,
): object {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  return {
    operationId: `${method}${path.replaceAll(/[^a-z]+(\w?)/gi, (_, letter: string) => letter.toUpperCase())}`,
    summary,
    security: hasKey && !isOpen ? [{ key: [] }] : [],
    ...(names.length > 0 && {
      parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
    }),
    ...(request && { requestBody: { required: true, content: contentOf(request) } }),
    responses: {
      [status]: { description, content: { [type]: { schema: {} } } },
      default: {
        description: 'What is wrong',
        content: { [json]: { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

/** JSON, and a form where there may be files. */
function contentOf(request: z.ZodObject): object {
  // `$schema` belongs to a document of its own.
  const { $schema: _, ...schema } = z.toJSONSchema(request, { io: 'input' });
  return {
    [json]: { schema },
    ...('image' in request.shape && {
      'multipart/form-data': { schema: { ...schema, properties: formProperties(schema) } },
    }),
  };
}

const file = { type: 'string', contentMediaType: 'application/octet-stream' };

function formProperties({ properties = {} }: { readonly properties?: Readonly<Record<string, unknown>> }): object {
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, name === 'image' || name === 'mask' ? file : property]),
  );
}
