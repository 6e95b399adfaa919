/** How images are brought to CLIP: transformers' `CLIPImageProcessor`. */
import { z } from 'zod';
import { add, constant, float32, mul, type Tensor } from '../../core/index.ts';
import { quoteJson } from '../../formats/quote.ts';
import { parseConfig } from '../config.ts';
import type { CLIPVisionConfig } from './config.ts';

/** Pillow's numbers of the kernels that resize images. */
const kernelNumbers = { lanczos: 1, bilinear: 2, bicubic: 3 } as const;
/** The same by number. */
const kernels = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic' } as const;
/** A kernel that resizes images. */
export type ClipResample = keyof typeof kernelNumbers;

/** An image is resized until its shorter side is `size`, cropped to the middle, and each channel of 0 … 1 becomes (x − mean) / std. */
export interface ClipPreprocessing {
  readonly imageMean: readonly number[];
  readonly imageStd: readonly number[];
  /** The kernel that resizes, as Pillow computes it; default lanczos, as in training here. */
  readonly resample?: ClipResample;
}

/** OpenAI's, measured on the images that its models were trained on: red, green, blue. */
export const openAIPreprocessing: ClipPreprocessing = {
  imageMean: [0.48145466, 0.4578275, 0.40821073],
  imageStd: [0.26862954, 0.26130258, 0.27577711],
};

const numbers = z.array(z.number()).nonempty();
/** What is looked at; the others (whether images become RGB) our readers do anyway. */
export const clipPreprocessingSchema = (side: number) =>
  z.object({
    imageMean: numbers.default([...openAIPreprocessing.imageMean]),
    imageStd: numbers.default([...openAIPreprocessing.imageStd]),
    doResize: z.literal(true).default(true),
    doCenterCrop: z.literal(true).default(true),
    doRescale: z.literal(true).default(true),
    doNormalize: z.boolean().default(true),
    resample: z.literal([1, 2, 3], { error: 'expected 3 (bicubic), 2 (bilinear) or 1 (Lanczos)' }).default(3),
    // A height and a width here would change proportions.
    size: z
      .union([z.literal(side), z.object({ shortest_edge: z.literal(side) })], {
        error: `expected {"shortest_edge":${side}}, the size of the model's images`,
      })
      .optional(),
    cropSize: z
      .union([z.literal(side), z.object({ height: z.literal(side), width: z.literal(side) })], {
        error: `expected {"height":${side},"width":${side}}, the size of the model's images`,
      })
      .optional(),
    rescaleFactor: z
      .number()
      .refine((factor) => Math.abs(factor * 255 - 1) < 1e-3, { error: 'expected 1/255' })
      .default(1 / 255),
  });

/**
 * The content of a `preprocessor_config.json`.
 *
 * @param json    with keys as transformers writes them
 * @param config  of the model's image tower
 * @throws one line that names an option that is not supported, or does not fit the model's images
 */
export function clipPreprocessing(
  json: Readonly<Record<string, unknown>>,
  { numChannels: channels, imageSize }: Pick<CLIPVisionConfig, 'numChannels' | 'imageSize'>,
  where: string,
): ClipPreprocessing {
  const camel = Object.fromEntries(
    Object.entries(json).map(([key, value]) => [
      key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
  const { imageMean, imageStd, doNormalize, resample } = parseConfig(clipPreprocessingSchema(imageSize), camel, where);
  const plain = { imageMean: new Array<number>(channels).fill(0), imageStd: new Array<number>(channels).fill(1) };
  const found = doNormalize ? { imageMean, imageStd } : plain;
  for (const [key, values] of Object.entries(found))
    if (values.length !== channels)
      throw new Error(`${where}.${key}: expected ${channels} numbers, one a channel, got ${quoteJson(values)}`);
  return { ...found, resample: kernels[resample] };
}

/** As a `preprocessor_config.json`, which transformers' `CLIPImageProcessor` reads. */
export function clipPreprocessingJson(
  { imageMean, imageStd, resample = 'lanczos' }: ClipPreprocessing,
  imageSize: number,
): Record<string, unknown> {
  return {
    image_processor_type: 'CLIPImageProcessor',
    do_convert_rgb: imageMean.length === 3,
    do_resize: true,
    size: { shortest_edge: imageSize },
    resample: kernelNumbers[resample],
    do_center_crop: true,
    crop_size: { height: imageSize, width: imageSize },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: imageMean,
    image_std: imageStd,
  };
}

/**
 * Images of a data set as a model takes them: ((x + 1) / 2 − mean) / std.
 *
 * @param images  [B, C, H, W] in [−1, 1]
 * @returns         [B, C, H, W]
 */
export function clipPixels(images: Tensor, { imageMean, imageStd }: ClipPreprocessing): Tensor {
  const channels = (values: readonly number[]) => constant(float32([values.length, 1, 1], values));
  return add(
    mul(images, channels(imageStd.map((std) => 0.5 / std))),
    channels(imageStd.map((std, i) => (0.5 - imageMean[i]!) / std)),
  );
}
