import { float32, type FloatArray } from '../../core/index.ts';
import { fromBitmaps, layGrid, readImage, readImageSize } from '../../data/index.ts';
import { defaultStrength } from '../../generators/index.ts';
import { imageShapeOf, type ImageShape } from '../../pipelines/index.ts';
import { checkApart } from '../check-apart.ts';
import { classesFor, samplerUsed, samplingFrom } from '../open-images.ts';
import { withImages } from '../with-images.ts';
import { UsageError } from '../options.ts';
import { checkPromptOptions } from '../prompt-options.ts';
import { checkSamplerOptions } from '../sampling-options.ts';
import type { EditOptions } from './edit-options.ts';
import { runTextDiff } from './run-text-diff.ts';
import { checkImageFiles, writeSamples } from './write-images.ts';

export async function runEdit(source: string | undefined, options: EditOptions): Promise<void> {
  const { image, mask, canvas, count, out, seed, jumpLength, resamples } = options;
  if (options.from !== undefined || options.to !== undefined) return runTextDiff(source, options);
  checkTogether(options);
  checkSamplerOptions(options);
  await checkImageFiles(options, count);
  await checkApart(out, { 'the image': image, 'the mask': mask });
  const imageSize = await readImageSize(image);
  if (mask !== undefined) await checkMaskSize(mask, image, imageSize);

  await withImages(source, options, async (opened, signal) => {
    const start = performance.now();
    const { generator } = opened;
    const { prompt, style, negativePrompt } = options;
    checkPromptOptions(options, generator.takes);
    if (prompt && prompt.length > 1)
      throw new UsageError(`--prompt: an image is edited under one text, got ${prompt.length}`);
    const needsImage = generator.takes.image?.use === 'required';
    const [channels, height, width] = imageShapeOf(generator.shape);
    const taken = imageShapeOf(generator.takes.image!.shape);
    if (taken[0] !== channels)
      throw new Error(
        `${source}: this model is conditioned on images of ${taken[0]} channels and generates images of ${channels}`,
      );
    if (needsImage && (mask !== undefined || canvas !== undefined || options.strength !== undefined))
      throw new UsageError(
        `${mask === undefined ? (canvas === undefined ? '--strength' : '--canvas') : '--mask'}: this model is conditioned on an image and generates all of it; leave the option out`,
      );
    const outpainted = canvas === undefined ? undefined : await onCanvas(image, taken, canvas);
    const given =
      outpainted?.image ??
      first(fromBitmaps([await readImage(image, { size: [taken[1], taken[2]], channels: channels as 1 | 3 })]));
    const enlarges = needsImage && (taken[1] !== height || taken[2] !== width);
    if (!outpainted && (imageSize[0] !== taken[1] || imageSize[1] !== taken[2]))
      process.stderr.write(
        `note: ${image} is ${imageSize[1]}×${imageSize[0]}; ${fitting(imageSize, taken, enlarges)}\n`,
      );
    const { strength = defaultStrength } = options;
    const sampling = samplingFrom(options);
    const drawing = generator.generate({
      seed,
      count,
      image: given,
      classes: classesFor(opened, options.class, count),
      ...(prompt && { prompts: prompt }),
      ...(style !== undefined && { styles: [style] }),
      ...(negativePrompt !== undefined && { negativePrompts: [negativePrompt] }),
      sampling,
      ...(!needsImage && { strength }),
      ...(outpainted && { mask: outpainted.mask, jumps: { jumpLength, resamples } }),
      ...(mask !== undefined && { mask: await readMask(mask, [taken[1], taken[2]]), jumps: { jumpLength, resamples } }),
      signal,
    });
    // One image is what was asked for, pixel for pixel; several are a sheet to look at.
    await writeSamples(drawing, options, { count, lay: (images) => layGrid(images, count === 1 ? { scale: 1 } : {}) });
    const how = needsImage
      ? samplerUsed(opened, sampling)
      : mask === undefined && !outpainted
        ? `strength ${strength}, ${samplerUsed(opened, sampling)}`
        : outpainted
          ? `outpainted on a canvas of ${canvas}`
          : 'the part under the mask inpainted';
    process.stdout.write(
      `${out}: ${image} ${count === 1 ? '' : `${count} times `}with ${how}, seed ${seed}, on ${generator.device} in ${((performance.now() - start) / 1000).toFixed(1)} s\n`,
    );
  });
}

/** @throws UsageError if options are given that do not go together */
function checkTogether({ mask, canvas, strength, jumpLength, resamples, sampler, eta, churn }: EditOptions): void {
  if (mask !== undefined && canvas !== undefined)
    throw new UsageError('--canvas: what is around the image is inpainted; leave out --mask or --canvas');
  if (mask !== undefined || canvas !== undefined) {
    const name = mask === undefined ? '--canvas' : '--mask';
    if (strength !== undefined)
      throw new UsageError(`--strength: inpainting starts from noise; leave out --strength or ${name}`);
    if (sampler !== undefined || eta !== undefined || churn !== undefined)
      throw new UsageError(
        `--sampler: inpainting takes the steps of ddpm (RePaint); leave out --sampler, --eta and --churn, or ${name}`,
      );
  } else if (jumpLength !== undefined || resamples !== undefined)
    throw new UsageError(`${jumpLength === undefined ? '--resamples' : '--jump-length'}: belongs to --mask`);
}

/**
 * The image in the middle of a canvas that is white around it, and the mask of what is around it.
 *
 * @throws UsageError if nothing is left around it, or of it
 */
async function onCanvas(
  path: string,
  [channels, height, width]: ImageShape,
  factor: number,
): Promise<{ readonly image: FloatArray; readonly mask: FloatArray }> {
  const [innerHeight, innerWidth] = [Math.round(height / factor), Math.round(width / factor)];
  if (innerHeight >= height || innerHeight < 1 || innerWidth < 1)
    throw new UsageError(
      `--canvas ${factor}: leaves ${innerWidth}×${innerHeight} of ${width}×${height} pixels for the image; take one from ${(height / (height - 1)).toFixed(2)} to ${Math.min(height, width)}`,
    );
  const inner = first(
    fromBitmaps([await readImage(path, { size: [innerHeight, innerWidth], channels: channels as 1 | 3 })]),
  );
  const [top, left] = [Math.floor((height - innerHeight) / 2), Math.floor((width - innerWidth) / 2)];
  const image = new Float32Array(channels * height * width).fill(1);
  const mask = new Float32Array(height * width).fill(1);
  for (let y = 0; y < innerHeight; y++) {
    mask.fill(0, (top + y) * width + left, (top + y) * width + left + innerWidth);
    for (let c = 0; c < channels; c++)
      image.set(
        inner.data.subarray((c * innerHeight + y) * innerWidth, (c * innerHeight + y + 1) * innerWidth) as Float32Array,
        (c * height + top + y) * width + left,
      );
  }
  return { image: float32([channels, height, width], image), mask: float32([1, height, width], mask) };
}

async function checkMaskSize(mask: string, image: string, [height, width]: readonly [number, number]): Promise<void> {
  const [maskHeight, maskWidth] = await readImageSize(mask);
  if (maskHeight !== height || maskWidth !== width)
    throw new Error(
      `--mask ${mask} is ${maskWidth}×${maskHeight}, ${image} ${width}×${height}; the mask must have the size of the image`,
    );
}

/** 1 where the mask is nearer to white than to black: [1, H, W]. */
async function readMask(mask: string, [height, width]: readonly [number, number]): Promise<FloatArray> {
  const { shape, data } = first(fromBitmaps([await readImage(mask, { size: [height, width], channels: 1 })]));
  const binary = Float32Array.from(data, (value) => (value > 0 ? 1 : 0));
  if (!binary.includes(1)) throw new Error(`--mask ${mask}: nothing is white, so there is nothing to inpaint`);
  return float32(shape, binary);
}

function fitting(
  [height, width]: readonly [number, number],
  [, toHeight, toWidth]: ImageShape,
  enlarges: boolean,
): string {
  const cropped = height * toWidth !== width * toHeight;
  return `it is taken at ${enlarges ? `the ${toWidth}×${toHeight} that the model enlarges` : `the model's ${toWidth}×${toHeight}`}${cropped ? ', center-cropped' : ''}`;
}

function first({ shape, data }: FloatArray): FloatArray {
  return float32(shape.slice(1), data as Float32Array);
}
