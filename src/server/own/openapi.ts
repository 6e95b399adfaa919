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

const jsonType = 'application/json';
const json = (description: string) => [jsonType, description] as const;
const imageFile = ['image/*', 'The image file'] as const;
const images = json("OpenAI's ImagesResponse; with `stream`, server-sent events");

/** What is only looked at. */
const get = (path: string, summary: string, answer: Operation['answer']): Operation => ({
  method: 'get',
  path,
  summary,
  answer,
});

/** What a body asks for. */
const post = (path: string, summary: string, request: z.ZodObject, answer: Operation['answer']): Operation => ({
  method: 'post',
  path,
  summary,
  request,
  answer,
});

const withoutKey = (operation: Operation): Operation => ({ ...operation, isOpen: true });

/** All of them; a test compares them with the routes there are. */
export const operations: readonly Operation[] = [
  post('/v1/images/generations', 'Generate images', generationSchema, images),
  post('/v1/images/edits', 'Change an image, or the part of it under a mask, or enlarge it', editSchema, images),
  post(
    '/v1/images/variations',
    'Generate images that are like an image',
    variationSchema,
    json("OpenAI's ImagesResponse"),
  ),
  withoutKey(get('/v1/images/files/{name}', 'An image of `response_format: url`', imageFile)),
  get('/v1/models', 'The models', json("OpenAI's list of models")),
  get('/v1/models/{name}', 'A model', json("OpenAI's Model")),
  get('/api/models', 'The models with what they take, and how they are sampled when nobody says', json('A list')),
  {
    ...post('/api/jobs', 'Begin to generate images, or to edit one if there is an image', jobSchema, json('The job')),
    status: 202,
  },
  get('/api/jobs', 'The jobs, the newest first', json('A list of jobs')),
  get('/api/jobs/{id}', 'A job', json('The job')),
  { method: 'delete', path: '/api/jobs/{id}', summary: 'Cancel a job', answer: json('The job') },
  get('/api/jobs/{id}/events', 'What happens to a job, to its end', [
    'text/event-stream',
    '`progress` (stage, step), `preview` (x̂_0), `image`, and `completed` or `failed`',
  ]),
  get('/api/jobs/{id}/images/{number}', 'An image of a job', imageFile),
  post(
    '/api/clip/classify',
    'Which label fits an image',
    classifySchema,
    json('The labels of each image with their probabilities, best first'),
  ),
  post('/api/clip/embed', 'Embeddings of images and texts', embedSchema, json('Unit vectors, images before texts')),
  post(
    '/api/clip/search',
    'The images nearest to a text',
    searchSchema,
    json('Their numbers with the cosines, nearest first'),
  ),
  get('/metrics', 'Counts for Prometheus', ['text/plain', 'Its text format']),
  withoutKey(get('/health', 'Whether the server answers, and what waits', json('The state'))),
  withoutKey(get('/openapi.json', 'This document', json('OpenAPI 3.1'))),
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
        content: { [jsonType]: { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}

/** JSON, and a form where there may be files. */
function contentOf(request: z.ZodObject): object {
  // `$schema` belongs to a document of its own.
  const { $schema: _, ...schema } = z.toJSONSchema(request, { io: 'input' });
  return {
    [jsonType]: { schema },
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
