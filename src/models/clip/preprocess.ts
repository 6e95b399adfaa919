/** How pictures are brought to CLIP: transformers' `CLIPImageProcessor`. */
import { z } from 'zod';
import { add, constant, float32, mul, type Tensor } from '../../core/index.ts';
import { quoteJson } from '../../formats/quote.ts';
import { parseConfig } from '../config.ts';

/** A picture is resized until its shorter side is `size`, cropped to the middle, and each channel of 0 … 1 becomes (x − mean) / std. */
export interface ClipPreprocessing {
  readonly imageMean: readonly number[];
  readonly imageStd: readonly number[];
}

/** OpenAI's, measured on the pictures that its models were trained on: red, green, blue. */
export const openAIPreprocessing: ClipPreprocessing = {
  imageMean: [0.48145466, 0.4578275, 0.40821073],
  imageStd: [0.26862954, 0.26130258, 0.27577711],
};

const numbers = z.array(z.number()).nonempty();
const bicubic = 3;

/** What is looked at; the others (whether pictures become RGB) our readers do anyway. */
const schema = z.object({
  imageMean: numbers.default([...openAIPreprocessing.imageMean]),
  imageStd: numbers.default([...openAIPreprocessing.imageStd]),
  doResize: z.literal(true).default(true),
  doCenterCrop: z.literal(true).default(true),
  doRescale: z.literal(true).default(true),
  doNormalize: z.boolean().default(true),
  rescaleFactor: z.number().refine((factor) => Math.abs(factor * 255 - 1) < 1e-3, { error: 'expected 1/255' }).default(1 / 255),
});

/**
 * The content of a `preprocessor_config.json`.
 *
 * @param json      with keys as transformers writes them
 * @param channels  of the model's pictures
 * @throws one line that names an option that is not supported, or has not so many numbers
 */
export function clipPreprocessing(json: Readonly<Record<string, unknown>>, channels: number, where: string): ClipPreprocessing {
  const camel = Object.fromEntries(Object.entries(json).map(([key, value]) => [key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), value]));
  const { imageMean, imageStd, doNormalize } = parseConfig(schema, camel, where);
  const plain = { imageMean: new Array<number>(channels).fill(0), imageStd: new Array<number>(channels).fill(1) };
  const found = doNormalize ? { imageMean, imageStd } : plain;
  for (const [key, values] of Object.entries(found)) if (values.length !== channels) throw new Error(`${where}.${key}: expected ${channels} numbers, one a channel, got ${quoteJson(values)}`);
  return found;
}

/** As a `preprocessor_config.json`, which transformers' `CLIPImageProcessor` reads. */
export function clipPreprocessingJson({ imageMean, imageStd }: ClipPreprocessing, imageSize: number): Record<string, unknown> {
  return {
    image_processor_type: 'CLIPImageProcessor',
    do_convert_rgb: imageMean.length === 3, do_resize: true, size: { shortest_edge: imageSize }, resample: bicubic, do_center_crop: true, crop_size: { height: imageSize, width: imageSize },
    do_rescale: true, rescale_factor: 1 / 255, do_normalize: true, image_mean: imageMean, image_std: imageStd,
  };
}

/**
 * Pictures of a data set as a model takes them: ((x + 1) / 2 − mean) / std.
 *
 * @param pictures  [B, C, H, W] in [−1, 1]
 * @returns         [B, C, H, W]
 */
export function clipPixels(pictures: Tensor, { imageMean, imageStd }: ClipPreprocessing): Tensor {
  const channels = (values: readonly number[]) => constant(float32([values.length, 1, 1], values));
  return add(mul(pictures, channels(imageStd.map((std) => 0.5 / std))), channels(imageStd.map((std, i) => (0.5 - imageMean[i]!) / std)));
}
