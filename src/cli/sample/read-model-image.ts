/** An image of a file as a model takes it. */
import { float32, type FloatArray } from '../../core/index.ts';
import { fromBitmaps, readImage, readImageSize } from '../../data/index.ts';
import type { ImageGenerator } from '../../generators/index.ts';
import { imageShapeOf } from '../../pipelines/index.ts';
import type { OpenImages } from '../open-images.ts';

/**
 * Reads the image at the size of the model's first stage, and says if it was of another.
 *
 * @returns [C, H, W] in [−1, 1]
 */
export async function readModelImage(path: string, { takes }: Pick<ImageGenerator, 'takes'>): Promise<FloatArray> {
  const [channels, height, width] = imageShapeOf(takes.image!.shape);
  const [ownHeight, ownWidth] = await readImageSize(path);
  if (ownHeight !== height || ownWidth !== width)
    process.stderr.write(
      `note: ${path} is ${ownWidth}×${ownHeight}; it is taken at the model's ${width}×${height}${ownHeight * width === ownWidth * height ? '' : ', center-cropped'}\n`,
    );
  const { data } = fromBitmaps([await readImage(path, { size: [height, width], channels: channels as 1 | 3 })]);
  return float32([channels, height, width], data as Float32Array);
}

/** @throws one line if the model generates images of texts alone */
export function checkHasClip({ generator, name }: OpenImages, command: string): void {
  if (!generator.clip)
    throw new Error(
      `${name}: this model does not go through CLIP's image embeddings, which ${command} changes; take a DALL·E 2, or vary pixels with kuosan edit --image`,
    );
}
