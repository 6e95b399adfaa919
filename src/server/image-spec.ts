/** From what a request says to the job that it is. */
import { randomInt } from 'node:crypto';
import type { Sampling } from '../diffusion/index.ts';
import { defaultStrength, fullRequest, type GenerateRequest } from '../generators/index.ts';
import { imageShapeOf } from '../pipelines/index.ts';
import { badRequest } from './api-error.ts';
import type { ImageJobSpec } from './compute/image-job.ts';
import type { ServedGenerator, ImageOutput } from './compute/messages.ts';
import { checkImage, readMask, readUpload, transparencyMask } from './read-images.ts';
import type { RequestBody } from './read-body.ts';
import type { ImageParams } from './request-schemas.ts';
import { imageModel, type Serving } from './serving.ts';

/** What a request wants: images from noise, a changed image, or others of the same content. */
export type ImageWish = 'generate' | 'edit' | 'vary';

/** Seeds that nobody has chosen are below 2³². */
const seeds = 2 ** 32;

/**
 * The job of a request.
 *
 * @throws ApiError 400 that names the parameter that does not fit; 404 if there is no such model
 */
export async function imageSpec(
  serving: Serving,
  wish: ImageWish,
  { params, images, mask }: RequestBody<ImageParams>,
): Promise<ImageJobSpec> {
  const { limits } = serving;
  const model = imageModel(serving, params.model);
  const { takes } = model;
  const notes: string[] = [...model.notes];
  const count = params.n ?? 1;
  if (count > limits.count)
    throw badRequest(`n: this server makes at most ${limits.count} images a request, got ${count}`, 'n');
  const sampling = samplingOf(params, limits.steps);
  const seed = params.seed ?? randomInt(seeds);
  const textual = textOf(params, model, wish, notes);
  const styles = stylesOf(params, model, notes);
  const given = await givenImage(serving, wish, model, { params, images, mask }, notes);
  const request: GenerateRequest = {
    seed,
    count,
    ...textual,
    ...(styles && { styles }),
    ...(params.class !== undefined && params.class !== null && { classes: [params.class].flat() }),
    ...given,
    sampling,
  };
  const full = asBadRequest(() => fullRequest(request, takes));
  const isVariation = wish === 'vary' && model.varies && given.strength === undefined;
  const spec: ImageJobSpec = {
    model: model.name,
    ids: full.ids,
    prompts: full.prompts,
    negativePrompts: full.negativePrompts,
    styles: takes.styles && Array<string>(count).fill(styles?.[0] ?? ''),
    classes: full.classes,
    ...given,
    isVariation,
    sampling,
    output: outputOf(params, model, limits.side, notes),
    notes,
  };
  if (Object.values(sampling).some((value) => value !== undefined))
    await serving.worker.ask({ type: 'check', model: model.name, request });
  return spec;
}

function samplingOf(params: ImageParams, mostSteps: number): Sampling {
  const { sampler, steps, spacing, eta, churn, guidance_scale, guidance_rescale, dynamic_threshold } = params;
  if (steps && steps > mostSteps)
    throw badRequest(`steps: this server takes at most ${mostSteps}, got ${steps}`, 'steps');
  const sampling = {
    sampler,
    steps,
    spacing,
    eta,
    churn,
    guidanceScale: guidance_scale,
    guidanceRescale: guidance_rescale,
    dynamicThresholding: typeof dynamic_threshold === 'number' ? { ratio: dynamic_threshold } : undefined,
  };
  return Object.fromEntries(Object.entries(sampling).filter(([, value]) => value !== null && value !== undefined));
}

/** Prompts; one for a model without text is ignored, and that is said. */
function textOf(
  { prompt, negative_prompt, guidance_scale }: ImageParams,
  { name, takes, defaults }: ServedGenerator,
  wish: ImageWish,
  notes: string[],
): Pick<GenerateRequest, 'prompts' | 'negativePrompts'> {
  if (!takes.text) {
    if (prompt) notes.push(`${name} takes no text: the prompt was ignored`);
    if (negative_prompt) notes.push(`${name} takes no text: the negative prompt was ignored`);
    return {};
  }
  const [first = 1, ...others] = Object.values(defaults).map(({ guidanceScale }) => guidanceScale ?? 1);
  if (negative_prompt && takes.guidance && [guidance_scale ?? first, ...others].every((scale) => scale === 1))
    notes.push('the guidance scale is 1: the negative prompt has no effect; raise guidance_scale');
  // A variation has no text: under an empty one a model shows what it likes.
  const text = prompt ?? (wish === 'vary' && takes.text.required ? '' : undefined);
  return {
    ...(text !== undefined && text !== null && { prompts: [text] }),
    ...(negative_prompt && { negativePrompts: [negative_prompt] }),
  };
}

/** OpenAI's styles of DALL·E 3. */
const openaiStyles = ['vivid', 'natural'];

function stylesOf({ style }: ImageParams, { name, takes }: ServedGenerator, notes: string[]): string[] | undefined {
  if (!style) return undefined;
  if (openaiStyles.includes(style) && !takes.styles?.some(({ values }) => values.includes(style))) {
    notes.push(`${name} has no style ${style}: it was ignored`);
    return undefined;
  }
  return [style];
}

/** The image to change or enlarge, and what of it is painted anew. */
async function givenImage(
  { limits: { inputPixels } }: Serving,
  wish: ImageWish,
  { name, takes, varies }: ServedGenerator,
  { params, images, mask: maskFile }: RequestBody<ImageParams>,
  notes: string[],
): Promise<Pick<GenerateRequest, 'image' | 'mask' | 'strength'>> {
  const { strength } = params;
  if (images.length === 0) {
    if (takes.image?.use === 'required')
      throw badRequest(`${name} enlarges images; send one to /v1/images/edits`, 'image');
    if (maskFile) throw badRequest('mask: there is no image that it belongs to; send one', 'mask');
    if (strength !== undefined && strength !== null)
      throw badRequest('strength: belongs to an image, and there is none; send one', 'strength');
    return {};
  }
  if (images.length > 1) throw badRequest(`image: ${name} takes one image, got ${images.length}`, 'image');
  if (!takes.image) throw badRequest(`image: ${name} takes no images`, 'image');
  const [file] = images as [Uint8Array];
  const [height, width] = await checkImage(file, 'image', inputPixels);
  const taken = imageShapeOf(takes.image.shape);
  if (height !== taken[1] || width !== taken[2])
    notes.push(
      `the image is ${width}×${height}; it was taken at ${taken[2]}×${taken[1]}${height * taken[2] === width * taken[1] ? '' : ', center-cropped'}`,
    );
  if (takes.image.use === 'required') {
    if (maskFile) throw badRequest(`mask: ${name} enlarges the whole image; leave it out`, 'mask');
    if (strength !== undefined && strength !== null)
      throw badRequest(`strength: ${name} enlarges the whole image; leave it out`, 'strength');
    return { image: await readUpload(file, taken) };
  }
  const image = await readUpload(file, taken);
  if (wish === 'vary') {
    if (varies && typeof strength !== 'number') return { image };
    notes.push(
      `${varies ? `strength changes pixels, not what ${name} sees` : `${name} has no variations of its own`}: the image was changed by noise and denoising (SDEdit)`,
    );
    return { image, strength: strength ?? defaultStrength };
  }
  const size = [taken[1], taken[2]] as const;
  if (maskFile) {
    const [maskHeight, maskWidth] = await checkImage(maskFile, 'mask', inputPixels);
    if (maskHeight !== height || maskWidth !== width)
      throw badRequest(
        `mask: is ${maskWidth}×${maskHeight} and the image ${width}×${height}; they must have one size`,
        'mask',
      );
  }
  const ofImage = maskFile || typeof strength === 'number' ? undefined : await transparencyMask(file, size);
  const mask = maskFile ? await readMask(maskFile, size) : ofImage;
  if (!mask) return { image, strength: strength ?? defaultStrength };
  if (typeof strength === 'number')
    throw badRequest(
      'strength: what is under a mask is painted from noise; leave out strength or the mask',
      'strength',
    );
  if (!takes.mask) throw badRequest(`mask: ${name} paints whole images only; leave it out`, 'mask');
  if (ofImage)
    notes.push('the transparent part of the image was painted anew; with strength, all of the image is changed');
  return { image, mask };
}

/** As what files images are answered. */
function outputOf(
  { size, output_format, output_compression, previews, partial_images, quality, background }: ImageParams,
  { name, shape }: ServedGenerator,
  mostSide: number,
  notes: string[],
): ImageOutput {
  const format = output_format ?? 'png';
  if (typeof output_compression === 'number' && format === 'png')
    throw badRequest('output_compression: belongs to jpeg and webp; a png loses nothing', 'output_compression');
  if (quality && quality !== 'auto') notes.push(`quality has no effect on ${name}; steps has`);
  if (background === 'transparent') notes.push(`${name} makes opaque images: background was ignored`);
  const output = { format, quality: output_compression ?? undefined, previews: previews ?? partial_images ?? 0 };
  if (!size || size === 'auto') return output;
  const [, height, width] = imageShapeOf(shape);
  const [, w, h] = (/^(\d{1,5})x(\d{1,5})$/.exec(size) ?? []).map(Number);
  if (!w || !h || Math.max(w, h) > mostSide)
    throw badRequest(
      `size: expected auto, or width and height of 1 to ${mostSide} pixels as ${width}x${height}, got ${JSON.stringify(size.slice(0, 100))}`,
      'size',
    );
  if (w === width && h === height) return output;
  if (w * height !== h * width)
    throw badRequest(
      `size: ${name} makes images of ${width}×${height}, and ${w}×${h} has other proportions; ask for ${w}x${Math.max(1, Math.round((w * height) / width))}, or auto`,
      'size',
    );
  notes.push(`${name} makes images of ${width}×${height}: they were resized to ${w}×${h}`);
  return { ...output, size: [w, h] };
}

/** What a generator says of a request that does not fit, as a client's error. */
function asBadRequest<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    const message = (error as Error).message.replace(/^generate: /, '');
    // `styles: …`, or `unknown style "…"`.
    const [, name] = /^(?:unknown )?(\w+)[: ]/.exec(message) ?? [];
    const param =
      { prompts: 'prompt', negativePrompts: 'negative_prompt', styles: 'style', classes: 'class' }[name ?? ''] ??
      ['style', 'class'].find((each) => each === name);
    throw badRequest(message, param ?? null);
  }
}
