import { float32, type FloatArray } from '../../core/index.ts';
import { fromBitmaps, layGrid, readImage, readImageSize } from '../../data/index.ts';
import { classConditions, imageName, type Conditions, type SuperResolution } from '../../diffusion/index.ts';
import { enlarge, imageShapeOf, inpaintImage, repeated, varyImage, type ImageShape } from '../../pipelines/index.ts';
import { checkApart } from '../check-apart.ts';
import { interruptSignal } from '../interrupt.ts';
import { classesFor, openImages, sampleOptions } from '../open-images.ts';
import { UsageError } from '../options.ts';
import { checkSamplerOptions, type SamplerCommandOptions, type SourceOptions } from '../sampling-options.ts';
import { checkImageFiles, writeSamples, type ImageOutputs } from './write-images.ts';

/** The options of `kuosan edit`. */
export interface EditOptions extends SourceOptions, SamplerCommandOptions, ImageOutputs {
  readonly image: string;
  readonly mask?: string;
  readonly strength?: number;
  readonly jumpLength?: number;
  readonly resamples?: number;
  readonly count: number;
  readonly seed: number;
}

/** SDEdit's images are both like the given one and like the data's between 0.3 and 0.6 (Meng et al. 2022, section 3). */
const defaultStrength = 0.6;

export async function runEdit(source: string | undefined, options: EditOptions): Promise<void> {
  const { image, mask, count, out, seed, batchSize, jumpLength, resamples } = options;
  checkTogether(options);
  checkSamplerOptions(options);
  await checkImageFiles(options, count);
  await checkApart(out, { 'the image': image, 'the mask': mask });
  const imageSize = await readImageSize(image);
  if (mask !== undefined) await checkMaskSize(mask, image, imageSize);

  const opened = await openImages(source, options);
  const interrupt = interruptSignal(() => process.stderr.write('\nstopping\n'));
  try {
    const start = performance.now();
    const imageShape = imageShapeOf(opened.sampler.shape);
    const condChannels = opened.sampler.conditions.find(({ name }) => name === imageName)?.shape[0] ?? 0;
    if (condChannels > 0 && condChannels !== imageShape[0])
      throw new Error(
        `${source}: this model takes ${condChannels} channels of image conditioning, the image has ${imageShape[0]}`,
      );
    if (condChannels > 0 && (mask !== undefined || options.strength !== undefined))
      throw new UsageError(
        `${mask === undefined ? '--strength' : '--mask'}: this model is conditioned on an image and generates all of it; leave the option out`,
      );
    const superResolution = opened.model?.superResolution ?? null;
    const taken: ImageShape = [imageShape[0], ...sideOf(imageShape, superResolution)];
    const read = fromBitmaps([await readImage(image, { size: [taken[1], taken[2]], channels: taken[0] as 1 | 3 })]);
    const given = first(superResolution ? enlarge(read, superResolution) : read);
    if (imageSize[0] !== taken[1] || imageSize[1] !== taken[2])
      process.stderr.write(
        `note: ${image} is ${imageSize[1]}×${imageSize[0]}; ${fitting(imageSize, taken, superResolution)}\n`,
      );
    const labels = classesFor(opened, options.class, count);
    const conditions: Conditions = {
      ...(labels && classConditions(labels)),
      ...(condChannels > 0 && { [imageName]: repeated(given, count) }),
    };
    const { strength = defaultStrength } = options;
    // RePaint walks the steps of ddpm, whatever the model's own sampler is.
    const drawn = sampleOptions(mask === undefined ? options : { ...options, sampler: 'ddpm' }, opened.sampler);
    const asked = { ...drawn, image: given, seed, count, conditions, signal: interrupt.signal };
    const drawing =
      condChannels > 0
        ? opened.sampler.sample(asked)
        : mask === undefined
          ? varyImage(opened.sampler, { ...asked, strength })
          : inpaintImage(opened.sampler, { ...asked, mask: await readMask(mask, imageShape), jumpLength, resamples });
    // One image is what was asked for, pixel for pixel; several are a sheet to look at.
    await writeSamples(drawing, options, {
      count,
      batchSize,
      lay: (images) => layGrid(images, count === 1 ? { scale: 1 } : {}),
    });
    const how =
      condChannels > 0
        ? drawn.sampler
        : mask === undefined
          ? `strength ${strength}, ${drawn.sampler}`
          : 'the part under the mask inpainted';
    process.stdout.write(
      `${out}: ${image} ${count === 1 ? '' : `${count} times `}with ${how}, seed ${seed}, on ${opened.device} in ${((performance.now() - start) / 1000).toFixed(1)} s\n`,
    );
  } finally {
    interrupt.release();
    await opened.dispose();
  }
}

/** @throws UsageError if options are given that do not go together */
function checkTogether({ mask, strength, jumpLength, resamples, sampler, eta, churn }: EditOptions): void {
  if (mask !== undefined) {
    if (strength !== undefined)
      throw new UsageError('--strength: inpainting starts from noise; leave out --strength or --mask');
    if (sampler !== undefined || eta !== undefined || churn !== undefined)
      throw new UsageError(
        '--sampler: inpainting takes the steps of ddpm (RePaint); leave out --sampler, --eta and --churn, or --mask',
      );
  } else if (jumpLength !== undefined || resamples !== undefined)
    throw new UsageError(`${jumpLength === undefined ? '--resamples' : '--jump-length'}: belongs to --mask`);
}

async function checkMaskSize(mask: string, image: string, [height, width]: readonly [number, number]): Promise<void> {
  const [maskHeight, maskWidth] = await readImageSize(mask);
  if (maskHeight !== height || maskWidth !== width)
    throw new Error(
      `--mask ${mask} is ${maskWidth}×${maskHeight}, ${image} ${width}×${height}; the mask must have the size of the image`,
    );
}

/** 1 where the mask is nearer to white than to black: [1, H, W]. */
async function readMask(mask: string, [, height, width]: ImageShape): Promise<FloatArray> {
  const { shape, data } = first(fromBitmaps([await readImage(mask, { size: [height, width], channels: 1 })]));
  const binary = Float32Array.from(data, (value) => (value > 0 ? 1 : 0));
  if (!binary.includes(1)) throw new Error(`--mask ${mask}: nothing is white, so there is nothing to inpaint`);
  return float32(shape, binary);
}

/** Height and width of the image that a model takes: its own, or a share of it that it enlarges. */
function sideOf([, height, width]: ImageShape, superResolution: SuperResolution | null): [number, number] {
  const factor = superResolution?.factor ?? 1;
  return [height / factor, width / factor];
}

function fitting(
  [height, width]: readonly [number, number],
  [, toHeight, toWidth]: ImageShape,
  superResolution: SuperResolution | null,
): string {
  const cropped = height * toWidth !== width * toHeight;
  return `it is taken at ${superResolution ? `the ${toWidth}×${toHeight} that the model enlarges` : `the model's ${toWidth}×${toHeight}`}${cropped ? ', center-cropped' : ''}`;
}

function first({ shape, data }: FloatArray): FloatArray {
  return float32(shape.slice(1), data as Float32Array);
}
