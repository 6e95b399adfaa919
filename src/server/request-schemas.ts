/** What requests for images may say, by its name on the wire; the descriptions go into the OpenAPI document. */
import { z } from 'zod';
import { samplerNames, timeSpacings } from '../diffusion/index.ts';
import { unknownName } from '../core/suggest.ts';
import { parseConfig } from '../models/index.ts';
import { badRequest } from './api-error.ts';

/** OpenAI's clients send `null` for what they leave out. */
const optional = <S extends z.ZodType>(schema: S, description: string) => schema.nullish().meta({ description });

const samplingFields = {
  sampler: optional(z.enum(samplerNames), "Which sampler walks back; default the model's own."),
  steps: optional(z.int().min(1), "Steps of the reverse process; default the sampler's own."),
  spacing: optional(z.enum(timeSpacings), 'How the times of the steps are placed.'),
  eta: optional(z.number().min(0).max(1), 'η of the samplers that have it.'),
  churn: optional(z.number().min(0).max(1000), 'S_churn of the samplers that have it.'),
  guidance_scale: optional(z.number().min(-100).max(100), 'Classifier-free guidance scale; 1 is off.'),
  guidance_rescale: optional(z.number().min(0).max(1), 'φ of the rescaled guidance; 0 is off.'),
  dynamic_threshold: optional(z.number().min(0).max(1), 'Dynamic thresholding at this quantile of each estimate.'),
};

const wantedFields = {
  model: optional(z.string(), 'A name of GET /v1/models; default the first.'),
  n: optional(z.int().min(1), 'Images; default 1.'),
  size: optional(
    z.string(),
    "Width and height as 512x512, to which images are resized; `auto` (the default) is the model's own size.",
  ),
  seed: optional(
    z.int().min(0),
    'Image i of a seed is always the same; default one at random, which the answer tells.',
  ),
  negative_prompt: optional(z.string(), 'What images should not show; needs guidance.'),
  style: optional(z.string(), 'Values of the fields that the model knows, such as `tabler` or `lucide, outline`.'),
  class: optional(
    z.union([z.string(), z.int(), z.array(z.union([z.string(), z.int()]))]),
    'The class by name or number, or one for each image; default all in turn.',
  ),
  ...samplingFields,
  output_format: optional(z.enum(['png', 'jpeg', 'webp']), 'Default png.'),
  output_compression: optional(z.int().min(0).max(100), 'Quality of jpeg and webp.'),
};

/** What OpenAI's models have and these have not: taken, so that clients need not be changed. */
const withoutMeaning = {
  quality: optional(z.string(), 'Has no effect here.'),
  background: optional(z.string(), 'Has no effect here: images are opaque.'),
  moderation: optional(z.string(), 'Has no effect here.'),
  input_fidelity: optional(z.string(), 'Has no effect here; see `strength`.'),
  user: optional(z.string(), 'Has no effect here.'),
};

const answerFields = {
  response_format: optional(
    z.enum(['url', 'b64_json']),
    '`url` (the default, an address that is good for an hour) or `b64_json`.',
  ),
};

const streamFields = {
  stream: optional(z.boolean(), 'Whether images come as server-sent events, as they are made.'),
  partial_images: optional(z.int().min(0).max(3), 'With `stream`, how many previews x̂_0 of each image come before it.'),
};

const prompt = z.string().max(32_000);

/** An image in a JSON body; in a form it is a file. */
const imageText = z.string().min(1);
const image = z
  .union([imageText, z.array(imageText).min(1)])
  .meta({ description: 'An image file: in a form as a file, in JSON as base64 or as a data URL.' });
const mask = optional(
  imageText,
  'In the size of the image: its transparent part is painted anew, or, without transparency, its white part.',
);
const strength = optional(
  z.number().min(0).max(1),
  'How far the image may go without a mask: 0 keeps it, 1 forgets it; default 0.6.',
);

/** `POST /v1/images/generations` */
export const generationSchema = z.strictObject({
  prompt: prompt.meta({ description: 'What images show; a model that takes no text ignores it, and says so.' }),
  ...wantedFields,
  ...withoutMeaning,
  ...answerFields,
  ...streamFields,
});

/** `POST /v1/images/edits` */
export const editSchema = z.strictObject({
  image,
  mask,
  prompt: prompt.meta({ description: 'What the edited image shows.' }),
  strength,
  ...wantedFields,
  ...withoutMeaning,
  ...answerFields,
  ...streamFields,
});

/** `POST /v1/images/variations` */
export const variationSchema = z.strictObject({
  image,
  strength,
  ...wantedFields,
  user: withoutMeaning.user,
  ...answerFields,
});

/** `POST /api/jobs` */
export const jobSchema = z.strictObject({
  prompt: optional(prompt, 'What images show.'),
  image: image.nullish(),
  mask,
  strength,
  ...wantedFields,
  previews: optional(z.int().min(0).max(100), 'Previews x̂_0 of each image that its events tell; default 0.'),
});

/** `POST /api/clip/classify` */
export const classifySchema = z.strictObject({
  model: optional(z.string(), 'A CLIP of GET /v1/models; default the first.'),
  image,
  labels: z.array(z.string().min(1)).min(1).max(1000).meta({ description: 'What the image may show.' }),
  templates: optional(
    z.array(z.string()).min(1).max(100),
    'Sentences with `{}` for the label; default the label alone.',
  ),
  top: optional(z.int().min(1), 'The best so many labels; default all.'),
});

/** `POST /api/clip/embed` */
export const embedSchema = z.strictObject({
  model: classifySchema.shape.model,
  image: image.nullish(),
  texts: optional(z.array(z.string()).max(1000), 'Texts to embed, after the images.'),
});

/** `POST /api/clip/search` */
export const searchSchema = z.strictObject({
  model: classifySchema.shape.model,
  query: z.string().min(1).meta({ description: 'What is searched for.' }),
  image: image.nullish().meta({ description: 'The images to search, as in `image` of classify.' }),
  embeddings: optional(
    z.array(z.array(z.number())).min(1).max(100_000),
    'Or what /api/clip/embed made of them, so that they are embedded once.',
  ),
  top: optional(z.int().min(1), 'The best so many; default 10.'),
});

/** All that a request for images may say. */
export type ImageParams = Partial<z.output<typeof jobSchema> & Omit<z.output<typeof generationSchema>, 'prompt'>>;

/**
 * The parameters of a request.
 *
 * @throws ApiError 400: one line that names the parameter
 */
export function parseParams<S extends z.ZodObject>(schema: S, value: Readonly<Record<string, unknown>>): z.output<S> {
  // Before what is missing: it may be there under a name with a slip in it.
  const known = Object.keys(schema.shape);
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw badRequest(unknownName('parameter', unknown, known), unknown, 'unknown_parameter');
  try {
    return parseConfig(schema, value, 'request');
  } catch (error) {
    const message = (error as Error).message.replace(/^request\.?/, '');
    const [, param] = /^(\w+)[.:]/.exec(message) ?? [];
    throw badRequest(message, param ?? null, 'invalid_value');
  }
}

/** The fields of a schema that are numbers and booleans: forms have texts for them. */
export function typedFields(schema: z.ZodObject): {
  readonly numbers: ReadonlySet<string>;
  readonly booleans: ReadonlySet<string>;
  readonly lists: ReadonlySet<string>;
} {
  const kinds = { numbers: new Set<string>(), booleans: new Set<string>(), lists: new Set<string>() };
  const { properties = {} } = z.toJSONSchema(schema);
  for (const [name, property] of Object.entries(properties)) {
    const types = JSON.stringify(property);
    if (/"type":"(?:integer|number)"/.test(types) && !types.includes('"type":"string"')) kinds.numbers.add(name);
    if (types.includes('"type":"boolean"')) kinds.booleans.add(name);
    if (types.includes('"type":"array"')) kinds.lists.add(name);
  }
  return kinds;
}
