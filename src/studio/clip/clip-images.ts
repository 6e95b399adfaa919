/** Images as the page of CLIP shows them and as a CLIP takes them. */
import type { FloatArray } from '../../core/index.ts';
import { fromBitmaps, resampleToCover, toBitmaps, type Bitmap } from '../../data/browser.ts';
import type { ClipEncoder } from '../../pipelines/index.ts';
import { loadSmileys, readBitmapFile, rowOf } from '../parts/read-image.ts';
import { forgetRecord, keepRecord, keptRecord } from '../shell/kept.ts';

/** An image of the page. */
export interface ClipImage {
  /** By which its embedding is kept. */
  readonly key: string;
  readonly name: string;
  readonly bitmap: Bitmap;
  /** [1, 3, side, side] what is shown of it. */
  readonly shown: FloatArray;
}

/** The side at which images of the visitor are shown. */
const shownSide = 96;

/** Noto's smileys, as the address numbers them. */
export async function emojiImages(): Promise<readonly ClipImage[]> {
  const { images, labels } = await loadSmileys();
  const bitmaps = toBitmaps(images);
  return labels.map((name, i) => ({ key: `emoji ${i}`, name, bitmap: bitmaps[i]!, shown: rowOf(images, i) }));
}

/** @throws ImageProblem if the file is no image, or too large */
export async function readClipImage(file: File): Promise<ClipImage> {
  return ownImage(`${file.name} ${file.size} ${file.lastModified}`, file.name, await readBitmapFile(file));
}

function ownImage(key: string, name: string, bitmap: Bitmap): ClipImage {
  return { key, name, bitmap, shown: fromBitmaps([resampleToCover(bitmap, shownSide, 'lanczos')]) };
}

/** [N, 3, size, size] resized and cut as the model's folder says, to the pixel as the command does. */
export function seenBy(
  { imageSize, resample = 'bicubic' }: Pick<ClipEncoder, 'imageSize' | 'resample'>,
  images: readonly ClipImage[],
): FloatArray {
  return fromBitmaps(images.map(({ bitmap }) => resampleToCover(bitmap, imageSize, resample)));
}

interface KeptImages {
  /** Of this record; a studio reads only its own. */
  readonly format: 1;
  readonly images: readonly Pick<ClipImage, 'key' | 'name' | 'bitmap'>[];
}

const key = 'clip';

/** Keeps the visitor's images in the browser; none forgets them. @throws if the browser keeps nothing, or its storage is full */
export async function keepImages(images: readonly ClipImage[]): Promise<void> {
  if (images.length === 0) await forgetRecord(key);
  else
    await keepRecord(key, {
      format: 1,
      images: images.map(({ key: own, name, bitmap }) => ({ key: own, name, bitmap })),
    } satisfies KeptImages);
}

/** The images that were kept. */
export async function keptImages(): Promise<readonly ClipImage[]> {
  const kept = await keptRecord<KeptImages>(key, 1);
  return (kept?.images ?? []).map((each) => ownImage(each.key, each.name, each.bitmap));
}
